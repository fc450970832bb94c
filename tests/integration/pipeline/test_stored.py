"""A store, data and study of an earlier commit: complete and unchanged under this one."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from finscale.config import (
    AnalyzeConfig,
    DataConfig,
    HpoConfig,
    RelocateConfig,
    StudyConfig,
    TrainConfig,
    parse,
)
from finscale.pipeline.analyze import analyze
from finscale.pipeline.data import data
from finscale.pipeline.hpo import hpo
from finscale.pipeline.relocate import relocate
from finscale.pipeline.study import study
from finscale.pipeline.train import train
from finscale.tracking import Tag
from tests.lab import ROOT, Lab, open_lab

ARCHIVE = ROOT / "tests" / "stores" / "04ca3f4.tar.xz"
MADE_IN = "/tmp/old16"
PROBLEM = "small.threshold_1pct.h1.daily.a20"
COUNTS = {
    **{"data": 1, "study": 1, "hpo": 4, "trial": 4, "train": 4, "final": 4},
    **{"baseline": 4 + 4, "analysis": 1},
}
CELL = ["--universe=small", "--space=dot", "--epochs=1", "--n_trials=1", "--device=cpu"]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Unpack the store in a folder of the test's own, and give its artifacts their new place."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.setenv("FINSCALE_CONFIGS", str(tmp_path / "configs"))
    with open_lab(tmp_path, tmp_path / "data") as lab:
        moved = [f"--old={MADE_IN}/mlruns", f"--new={tmp_path}/mlruns"]
        relocate(parse(RelocateConfig, moved, "finscale"), listen=lab.listen)
        yield lab


def counts(lab: Lab) -> dict[str, int]:
    return {kind: len(lab.runs(kind)) for kind in COUNTS}


def test_the_study_is_done_already(stored: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    study(parse(StudyConfig, ["--study=stored", f"--data_root={stored.data_root}"], "finscale"))
    printed = capsys.readouterr().out
    assert "Study stored: all 4 cells are done already." in printed
    assert "Not identifiable: gate seeds" in printed and "0.6901" in printed and "0.4508" in printed
    assert counts(stored) == COUNTS and len(stored.runs("invocation")) == 1 + 1


def test_the_same_commands_find_what_they_once_made(stored: Lab) -> None:
    root = f"--data_root={stored.data_root}"
    data(parse(DataConfig, ["--universe=small", root], "finscale"), listen=stored.listen)
    assert any("small is up to date" in line for line in stored.lines)
    before = {kind: {run.info.run_id for run in stored.runs(kind)} for kind in COUNTS}
    cell = [*CELL, root, "--budget=26K"]
    hpo(parse(HpoConfig, cell, "finscale"), listen=stored.listen)
    train(parse(TrainConfig, [*cell, "--top_k=1", "--n_seeds=1"], "finscale"), listen=stored.listen)
    for kind in ("hpo", "trial", "train", "final", "baseline"):
        assert {run.info.run_id for run in stored.runs(kind)} == before[kind]


def test_a_search_is_gone_on_with_and_finals_get_more_seeds(stored: Lab) -> None:
    cell = [*CELL, f"--data_root={stored.data_root}", "--budget=9K"]
    hpo(parse(HpoConfig, [*cell, "--n_trials=2"], "finscale"), listen=stored.listen)
    parents = {run.data.tags[Tag.PARENT] for run in stored.runs("trial", CELL=f"{PROBLEM}.9K")}
    assert len(stored.runs("trial")) == 5 and len(parents) == 1
    (old,) = stored.runs("final", CELL=f"{PROBLEM}.9K")
    train(parse(TrainConfig, [*cell, "--top_k=1", "--n_seeds=2"], "finscale"), listen=stored.listen)
    finals = {run.info.run_id for run in stored.runs("final", CELL=f"{PROBLEM}.9K")}
    assert old.info.run_id in finals and len(stored.runs("train")) == 4


def test_an_analysis_comes_to_the_same_numbers(stored: Lab) -> None:
    (old,) = stored.runs("analysis")
    new = analyze(
        parse(AnalyzeConfig, ["--study=stored", f"--data_root={stored.data_root}"], "finscale"),
        listen=stored.listen,
    )
    again = stored.run(new.run_id)
    assert again.data.metrics == old.data.metrics
    assert again.data.tags[Tag.VERDICT] == old.data.tags[Tag.VERDICT]


@pytest.mark.usefixtures("stored")
def test_the_registered_models_load_and_forecast() -> None:
    import mlflow

    name = f"patchtst-{PROBLEM.replace('.', '-')}"
    window = np.linspace(90.0, 110.0, 2 * 60 * 25, dtype=np.float32).reshape(2, 60, 25)
    for budget in ("9K", "17K", "26K", "36K"):
        model = mlflow.pyfunc.load_model(f"models:/{name}@best-{budget}")
        assert np.isfinite(model.predict(window)).all()
