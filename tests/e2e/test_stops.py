"""Ctrl-C at any moment: gone in seconds, nothing said but one line, nothing lost."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from subprocess import Popen

import psutil
import pytest
import torch
from mlflow.entities import Run as StoredRun

from finscale.tracking import Tag, load_trial, val_curve
from tests.e2e_shell import PINS, Done, Shell

pytestmark = pytest.mark.slow

STOPPED = "finscale: stopped. The same command continues from here.\n"
WITHIN_S = 10.0  # 5 s on a machine that does nothing else
# An epoch of seconds, so that a signal finds a batch at work.
SLOW = {**PINS, "budget": "500K", "d_model": "128", "n_layers": "4", "n_heads": "4", "d_ff": "256",
        "batch_size": "64", "n_trials": "1", "epochs": "3"}  # fmt: skip
PLACE = re.compile(r"going on with trial 0 (from .*)\.")


def line(data_root: object, **options: str) -> list[str]:
    values = {"data_root": str(data_root)} | options
    return [f"--{name}={value}" for name, value in values.items()]


def by_number(shell: Shell) -> list[StoredRun]:
    return sorted(shell.lab.runs("trial"), key=lambda run: int(run.data.tags[Tag.TRIAL_NUMBER]))


@dataclass
class Stopped:
    """A command that was stopped, and how long that took."""

    done: Done
    seconds: float


def stop(
    shell: Shell, reached: Callable[[Popen[str]], bool], wait_s: float, **options: str
) -> Stopped:
    """Press Ctrl-C some time after something has happened; the whole group hears it."""
    process = shell.start_python("hpo", *line(shell.lab.data_root, **options))
    shell.wait_until(process, lambda: reached(process))
    time.sleep(wait_s)  # the moment of the signal, not a wait
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    done = shell.finish(process)
    return Stopped(done, time.monotonic() - began)


def check(shell: Shell, stopped: Stopped) -> None:
    assert (stopped.done.code, stopped.done.err) == (130, STOPPED), stopped.done
    assert stopped.seconds < WITHIN_S
    assert shell.running() == []
    assert [process for process in psutil.process_iter() if _is_of(shell, process)] == []


def _is_of(shell: Shell, process: psutil.Process) -> bool:
    mine = shell.variables["MLFLOW_TRACKING_URI"]
    try:
        return process.pid != os.getpid() and process.environ().get("MLFLOW_TRACKING_URI") == mine
    except psutil.Error:
        return False  # gone, or not ours to look at


def result(run: StoredRun) -> tuple[object, ...]:
    """Return what a trial came to: curve, loss and weights."""
    weights = load_trial(run.info.run_id).state_dict()
    kept = ("val_loss", "val_auc", "epochs_run", "best_epoch", "train_flops")
    metrics = {name: run.data.metrics[name] for name in kept}
    return val_curve(run.info.run_id), metrics, weights


def assert_same(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    (*plain, weights), (*others, other_weights) = one, other
    assert plain == others
    assert isinstance(weights, dict) and isinstance(other_weights, dict)
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)
    assert weights.keys() == other_weights.keys()


def test_a_trial_that_is_stopped_in_its_epochs_ends_as_if_nothing_had_happened(
    shell: Shell,
) -> None:
    whole = shell.python("hpo", *line(shell.lab.data_root, **SLOW))
    assert whole.code == 0, whole
    (run,) = by_number(shell)
    expected = result(run)
    for kind in ("trial", "hpo"):
        for each in shell.lab.runs(kind):
            shell.lab.delete(each.info.run_id)

    dice, places = random.Random(29), []

    def in_an_epoch(n: int) -> Callable[[Popen[str]], bool]:
        return lambda _: any(len(val_curve(run.info.run_id)) >= n for run in by_number(shell))

    def again(_: Popen[str]) -> bool:
        return any(run.info.status == "RUNNING" for run in by_number(shell))

    for reached in (in_an_epoch(1), again, in_an_epoch(2)):
        stopped = stop(shell, reached, dice.uniform(0.0, 0.5), **SLOW)
        check(shell, stopped)
        (run,) = by_number(shell)
        assert run.data.tags[Tag.REASON] == "interrupted" and run.data.tags[Tag.ATTEMPTS] == "0"
        places += PLACE.findall(stopped.done.out)
    done = shell.python("hpo", *line(shell.lab.data_root, **SLOW))
    assert done.code == 0, done
    places += PLACE.findall(done.out)
    assert len(places) == 3 and "from its beginning" not in places
    assert any(re.match(r"from batch \d+ of epoch [23]", place) for place in places), places
    (run,) = by_number(shell)
    assert_same(result(run), expected)


WIDE = {"universe": "tiny", "budget": "32K", "space": "demo", "device": "cpu", "n_trials": "40",
        "epochs": "25", "workers": "2"}  # fmt: skip


def workers_start(process: Popen[str]) -> bool:
    commands = [child.cmdline() for child in psutil.Process(process.pid).children()]
    return any("spawn_main" in word for command in commands for word in command)


@pytest.mark.parametrize("wait_s", [0.0, 0.4, 1.5, 3.0, 5.0, 7.0, 9.0, 12.0])
def test_workers_are_gone_in_seconds_whatever_they_are_at(shell: Shell, wait_s: float) -> None:
    check(shell, stop(shell, workers_start, wait_s, **WIDE))


@pytest.mark.parametrize("wait_s", [0.3, 0.8, 2.0, 4.0, 6.0])
def test_a_command_that_imports_is_gone_at_once(shell: Shell, wait_s: float) -> None:
    def has_begun(process: Popen[str]) -> bool:
        return len(psutil.Process(process.pid).cmdline()) > 3

    stopped = stop(shell, has_begun, wait_s, **WIDE)
    assert stopped.done.code in (130, -signal.SIGINT), stopped.done
    assert stopped.done.err in ("", STOPPED) and stopped.seconds < WITHIN_S
    assert shell.running() == []


def test_who_waits_for_anothers_trial_is_gone_at_once(shell: Shell) -> None:
    other = shell.start_python("hpo", *line(shell.lab.data_root, **SLOW | {"epochs": "100"}))
    shell.wait_until(other, lambda: bool(by_number(shell)))
    process = shell.start_python("hpo", *line(shell.lab.data_root, **SLOW | {"epochs": "100"}))
    assert process.stdout
    while "waiting for 1 trial" not in (text := process.stdout.readline()):
        assert text, process.communicate()
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    done = shell.finish(process)
    assert (done.code, done.err) == (130, STOPPED)
    assert time.monotonic() - began < WITHIN_S
    os.killpg(other.pid, signal.SIGINT)
    assert shell.finish(other).code == 130 and shell.running() == []


def test_finals_are_stopped_in_seconds_and_begin_again(shell: Shell) -> None:
    options = line(shell.lab.data_root, **PINS, n_trials="1", epochs="1")
    assert shell.python("hpo", *options).code == 0
    many = line(shell.lab.data_root, **PINS, n_trials="1", epochs="1", top_k="1", n_seeds="60")
    process = shell.start_python("train", *many)
    shell.wait_until(process, lambda: len(shell.lab.runs("final")) >= 2)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    done = shell.finish(process)
    assert (done.code, done.err) == (130, STOPPED)
    assert time.monotonic() - began < WITHIN_S
    assert shell.running() == []
