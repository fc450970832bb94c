"""Searches in processes of their own: killed at any moment, side by side, without their file."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from finscale.search import OptunaAddress, turn
from finscale.tracking import Tag, load_trial, val_curve
from tests.lab import Lab, copy_store, open_lab
from tests.searching import ended, start

WIDE = {"d_model": None, "n_layers": None, "n_heads": None, "d_ff": None, "revin": None}


@pytest.fixture
def lab(empty_store: Path, data_root: Path, tmp_path: Path) -> Iterator[Lab]:
    """A store and data of the test's own: searches keep their studies and checkpoints there."""
    shutil.copytree(data_root, tmp_path / "data", ignore=shutil.ignore_patterns("searches"))
    with open_lab(copy_store(empty_store, tmp_path / "store"), tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def begin(lab: Lab) -> Iterator[Callable[..., Any]]:
    """Start searches in the lab's store; none is left behind."""
    begun: list[Any] = []

    def starts(**options: Any) -> Any:
        begun.append(start(lab, **options))
        return begun[-1]

    yield starts
    for process in begun:
        if process.poll() is None:
            kill(process)


def by_number(lab: Lab) -> list[StoredRun]:
    return sorted(lab.runs("trial"), key=lambda run: int(run.data.tags[Tag.TRIAL_NUMBER]))


def check_whole(lab: Lab, n_trials: int) -> list[StoredRun]:
    """Check that a search has its trials, each once, under one parent, and nothing runs."""
    (parent,) = lab.runs("hpo")
    found = by_number(lab)
    assert parent.info.status == "FINISHED"
    assert "RUNNING" not in {run.info.status for run in (*found, *lab.runs("invocation"))}
    assert {run.data.tags[Tag.PARENT] for run in found} == {parent.info.run_id}
    counted = [r for r in found if r.data.tags.get(Tag.STATUS) in ("ok", "pruned", "diverged")]
    assert len(counted) == n_trials
    assert all(run.data.tags[Tag.STATUS] == "failed" for run in found if run not in counted)
    fingerprints = [run.data.tags[Tag.FINGERPRINT] for run in found]
    numbers = [int(run.data.tags[Tag.TRIAL_NUMBER]) for run in found]
    assert len(set(fingerprints)) == len(found) and numbers == list(range(len(found)))
    for run in found:
        history = MlflowClient().get_metric_history(run.info.run_id, "epoch/val_loss")
        assert [point.step for point in history] == list(range(1, len(history) + 1))
    losses = {r.info.run_id: r.data.metrics["val_loss"] for r in counted if _is_ok(r)}
    best = min(losses, key=lambda run_id: losses[run_id])
    assert f"runs/{best}" in parent.data.tags[Tag.NOTE]
    return counted


def _is_ok(run: StoredRun) -> bool:
    return bool(run.data.tags[Tag.STATUS] == "ok")


def wait_for(reached: Callable[[], bool], process: Any) -> None:
    until = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "it did not get there"
        time.sleep(0.02)  # between two looks, not instead of one


def kill(process: Any) -> None:
    with suppress(ProcessLookupError):  # it has just ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def epochs_of(lab: Lab, number: int) -> int:
    found = [run for run in by_number(lab) if run.data.tags[Tag.TRIAL_NUMBER] == str(number)]
    return len(val_curve(found[0].info.run_id)) if found else 0


def test_a_trial_killed_in_its_tenth_epoch_goes_on_to_the_bit(
    lab: Lab, begin: Callable[..., Any], empty_store: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"n_trials": 1, "epochs": 13}
    process = begin(test={"checkpoint_s": 0, "pause_s": 0.1}, **options)
    wait_for(lambda: epochs_of(lab, 0) >= 9, process)
    kill(process)
    (trial,) = by_number(lab)
    logged = len(val_curve(trial.info.run_id))
    assert 9 <= logged < 13
    said = ended(begin(test={"checkpoint_s": 0}, **options))
    (epoch,) = re.findall(r"going on with trial 0 from .*epoch (\d+)", said)
    assert int(epoch) in (logged, logged + 1)  # before the checkpoint of its end, or after
    (resumed,) = check_whole(lab, 1)
    assert resumed.info.run_id == trial.info.run_id
    weights = load_trial(resumed.info.run_id).state_dict()
    curve = val_curve(resumed.info.run_id)
    assert len(curve) == 13
    assert not list((lab.data_root / "checkpoints").glob("*"))
    with open_lab(copy_store(empty_store, tmp_path / "other"), lab.data_root) as other:
        ended(start(other, **options))
        (whole,) = check_whole(other, 1)
        assert val_curve(whole.info.run_id) == curve
        assert whole.data.metrics["val_loss"] == resumed.data.metrics["val_loss"]
        same = load_trial(whole.info.run_id).state_dict()
    assert all(bool((weights[name] == same[name]).all()) for name in same)


@pytest.mark.slow
def test_two_shells_start_one_search_and_its_optuna_file_is_deleted(
    lab: Lab, begin: Callable[..., Any]
) -> None:
    options: dict[str, Any] = {**WIDE, "n_trials": 8, "epochs": 3, "batch_size": None}
    shells = [begin(test={"pause_s": 0.2}, **options) for _ in range(2)]
    wait_for(lambda: len(lab.runs("trial")) >= 3, shells[0])
    (file,) = (lab.data_root / "searches").glob("*.db")
    # Between two turns: in the middle of one, the number that is being given away may be lost.
    with turn(OptunaAddress(f"sqlite:///{file}", file.stem)):
        file.unlink()
    for shell in shells:
        ended(shell)
    check_whole(lab, 8)
    assert file.exists() and len(lab.runs("invocation")) == 1
    assert len(lab.runs("baseline")) == 4


@pytest.mark.slow
def test_the_one_that_is_left_takes_over_from_one_that_is_killed(
    lab: Lab, begin: Callable[..., Any]
) -> None:
    options: dict[str, Any] = {**WIDE, "n_trials": 2, "epochs": 19, "batch_size": None}
    first = begin(test={"pause_s": 2, "checkpoint_s": 0}, **options)
    wait_for(lambda: epochs_of(lab, 0) >= 2, first)
    second = begin(test={"checkpoint_s": 0}, **options)
    wait_for(lambda: len(lab.runs("trial")) >= 2, second)
    kill(first)
    said = ended(second)
    assert "going on with trial 0 from" in said
    check_whole(lab, 2)


@pytest.mark.slow
def test_eight_processes_share_two_hundred_trials(lab: Lab, begin: Callable[..., Any]) -> None:
    options: dict[str, Any] = {**WIDE, "n_trials": 200, "epochs": 1, "batch_size": None}
    processes = [begin(test={"instant": 1}, **options) for _ in range(8)]
    for process in processes:
        ended(process, timeout=900)
    found = check_whole(lab, 200)
    numbers = [int(run.data.tags[Tag.TRIAL_NUMBER]) for run in found]
    assert numbers == list(range(200)) and all(_is_ok(run) for run in found)
    assert len(lab.runs("hpo")) == 1 and len(lab.runs("invocation")) == 7


@pytest.mark.slow
def test_thirty_kills_at_random_moments_lose_nothing(lab: Lab, begin: Callable[..., Any]) -> None:
    options: dict[str, Any] = {**WIDE, "n_trials": 12, "epochs": 4, "batch_size": None}
    test = {"checkpoint_s": 0, "pause_s": 0.05}
    dice, kills, n_trials = random.Random(42), 0, 12
    while kills < 30:
        process = begin(test=test, **{**options, "n_trials": n_trials})
        time.sleep(dice.uniform(0.5, 14.0))  # the moment of the kill, not a wait
        if process.poll() is None:
            kills += 1
        elif kills < 30:
            n_trials += 2  # it was faster: there is more to do
        kill(process)
    ended(begin(**{**options, "n_trials": n_trials}), timeout=600)
    check_whole(lab, n_trials)
