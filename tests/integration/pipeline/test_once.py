"""What searches have in common is made once: baselines of a problem, and the page of its data."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from mlflow import MlflowClient

from finscale.pipeline.hpo import hpo
from finscale.pipeline.running.locking import one_at_a_time
from finscale.tracking import Artifact, Kind, Tag
from tests.e2e_shell import PINS
from tests.lab import Lab
from tests.together import READY, begin_together

SEARCH = f"""
import sys
from finscale.config import HpoConfig
from finscale.pipeline.hpo import hpo
from tests.lab import TINY

pins = dict(argument[2:].split("=") for argument in sys.argv[1:])
{READY}
hpo(HpoConfig(universe=TINY, **pins))
"""


def test_two_searches_begun_together_make_baselines_and_page_once(lab: Lab) -> None:
    pins = [f"--{name}={value}" for name, value in PINS.items() if name != "universe"]
    options = [*pins, f"--data_root={lab.data_root}", "--n_trials=1", "--epochs=1"]
    begin_together(SEARCH, [[*options, f"--seed={seed}"] for seed in (7, 11)], lab.folder)
    names = [run.data.tags[Tag.BASELINE] for run in lab.runs(Kind.BASELINE)]
    assert sorted(names) == ["boosting", "logistic", "prior", "reference"]
    assert len(lab.runs(Kind.DATA)) == 1 and len(lab.runs(Kind.HPO)) == 2


def test_data_that_a_search_prepares_have_a_run_with_their_page(lab: Lab, tmp_path: Path) -> None:
    lab.data_root = tmp_path / "fresh"
    hpo(lab.config(n_trials=1), listen=lab.listen, study="mine")
    (run,) = lab.runs(Kind.DATA)
    there = {artifact.path for artifact in MlflowClient().list_artifacts(run.info.run_id)}
    assert {Artifact.QUALITY, Artifact.DRIFT, Artifact.MANIFEST, "figures"} <= there
    assert run.info.status == "FINISHED" and run.data.tags[Tag.STATUS] == "ok"
    assert run.data.tags[Tag.STUDY] == "mine" and run.data.metrics["n_features"] == 25
    lab.hpo(n_trials=1, seed=7)
    assert len(lab.runs(Kind.DATA)) == 1


def test_a_page_that_a_user_has_deleted_stays_deleted(lab: Lab) -> None:
    lab.hpo(n_trials=1)
    (run,) = lab.runs(Kind.DATA)
    lab.delete(run.info.run_id)
    lab.hpo(n_trials=1, seed=7)
    assert lab.runs(Kind.DATA) == []


def test_a_second_process_waits_and_is_told_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.pipeline.running.locking.SAID_AFTER_S", 0.05)
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with one_at_a_time(tmp_path, "baselines of x"):
            inside.set()
            done.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(60)
    released = threading.Timer(0.3, done.set)
    released.start()
    with one_at_a_time(tmp_path, "baselines of x"):
        assert done.is_set()
    thread.join()
    assert "another process makes the baselines of x: waiting for it" in caplog.text


def test_a_folder_that_cannot_be_written_keeps_nobody_from_working() -> None:
    with one_at_a_time(Path("/proc/nowhere"), "baselines of x"):
        reached = True
    assert reached
