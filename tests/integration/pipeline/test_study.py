"""`study` on a real store: cells once, a conclusion once, and what is said about the rest."""

from __future__ import annotations

import errno
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from finscale.config import (
    ConfigError,
    RefusedError,
    StoreError,
    StudyConfig,
    Universe,
    load_task,
    load_universe,
)
from finscale.pipeline.running.workers import Failure
from finscale.pipeline.study import dry_run_study
from finscale.pipeline.study import study as verb
from finscale.tracking import Run, Tag
from tests.lab import PROBLEM, Lab, MakeStore, OpenCopy
from tests.rehearsal import KINDS, PLAN, counts, finish, knows

DONE = "Study rehearsal: all 2 cells are done already."


def run_study(lab: Lab, capsys: pytest.CaptureFixture[str], **changes: Any) -> str:
    """Run the study; return what was printed."""
    finish(lab, PLAN.model_copy(update=changes))
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def finished_store(make_store: MakeStore) -> Path:
    return make_store("finished", lambda lab: finish(lab, PLAN))


@pytest.fixture
def finished(finished_store: Path, open_copy: OpenCopy) -> Lab:
    return open_copy(finished_store)


def test_every_cell_is_searched_trained_and_concluded(finished: Lab) -> None:
    assert counts(finished) == {
        **{"study": 1, "hpo": 2, "trial": 2, "train": 2, "final": 2},
        **{"baseline": 4 + 2, "analysis": 1},
    }
    (study,), (analysis,) = finished.runs("study"), finished.runs("analysis")
    note = study.data.tags[Tag.NOTE]
    assert "2 of 2 cells done" in note and analysis.info.run_id in note
    assert analysis.data.tags[Tag.VERDICT] == "not identifiable"
    for kind in KINDS:
        assert {run.data.tags[Tag.STUDY] for run in finished.runs(kind)} == {"rehearsal"}


def test_a_disk_that_fills_up_is_one_line_and_what_is_finished_is_kept(
    finished: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Run, "file", no_room)
        with pytest.raises(StoreError, match=r"got .*none left\. Free some.* -e study"):
            run_study(finished, capsys, n_trials=2)
    every = [run for kind in (*KINDS, "invocation") for run in finished.runs(kind)]
    assert {run.info.status for run in every} == {"FINISHED", "FAILED", "KILLED"}
    (study,) = finished.runs("study")
    assert study.info.status == "FAILED" and "none left" in study.data.tags[Tag.NOTE]
    run_study(finished, capsys, n_trials=2)
    (study,) = finished.runs("study")
    assert study.info.status == "FINISHED" and "none left" not in study.data.tags[Tag.NOTE]


def test_a_second_study_finds_everything_done(
    finished: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    before = counts(finished)
    printed = run_study(finished, capsys)
    assert DONE in printed and "Verdict: Not identifiable: gate seeds" in printed
    assert counts(finished) == before
    assert len(finished.runs("invocation")) == 1


def test_more_trials_are_work_to_do(finished: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    printed = run_study(finished, capsys, n_trials=2, budgets=(9_000,))
    assert "1 of 1 cell to do." in printed
    assert len(finished.runs("trial")) == 3 and len(finished.runs("hpo")) == 2


def test_a_deleted_final_is_work_to_do(finished: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    (final,) = finished.runs("final", CELL=f"{PROBLEM}.9K")
    finished.delete(final.info.run_id)
    printed = run_study(finished, capsys)
    assert "1 of 2 cells to do." in printed
    (again,) = finished.runs("final", CELL=f"{PROBLEM}.9K")
    assert again.data.tags[Tag.FINGERPRINT] == final.data.tags[Tag.FINGERPRINT]
    assert len(finished.runs("trial")) == 2


def test_a_cell_that_fails_keeps_the_test_closed_and_the_rest_done(
    finished: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that passes: going on helps, and the line says so."""
    failures = [Failure(f"{PROBLEM}.9K", "the process that worked on it died")]
    monkeypatch.setitem(verb.__globals__, "run_side_by_side", lambda *_, **__: failures)
    knows(monkeypatch, PLAN)
    plan = PLAN.model_copy(update={"n_trials": 2})
    with pytest.raises(StoreError) as mistake:
        verb(StudyConfig(study=plan, data_root=finished.data_root, device="cpu"))
    line = mistake.value.line
    assert line.startswith("study rehearsal: expected every cell to finish; got ")
    assert "What is finished is kept. Go on: mlflow run . -e study -P study=rehearsal" in line
    assert len(finished.runs("analysis")) == 1 and "2 of 2 cells to do" in capsys.readouterr().out


# What cannot be


def test_a_cell_that_no_architecture_fits_is_refused_before_anything_is_trained(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as mistake:
        run_study(lab, capsys, budgets=(9_000, 25_000, 10**9))
    line, printed = mistake.value.line, capsys.readouterr().out
    assert line.startswith("study rehearsal: expected cells that can all be trained here; got 1 of")
    assert f"{PROBLEM}.1B: budget: expected a size that some architecture meets" in line
    assert "Go on" not in line
    rows = [row.split("  ")[-1] for row in printed.splitlines() if row.startswith(PROBLEM)]
    assert rows[:3] == ["to do", "to do", "cannot be trained"]
    assert counts(lab) == dict.fromkeys(KINDS, 0), "nothing was begun"


def test_a_cell_that_memory_cannot_hold_is_refused_before_anything_is_trained(
    finished: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that is done needs no memory any more; a new one does."""
    monkeypatch.setattr("finscale.pipeline.searching.setup.available_memory_bytes", lambda _: 1e4)
    assert DONE in run_study(finished, capsys)
    with pytest.raises(ConfigError, match=r"2 of 2 that cannot: .*9K: budget: expected a model"):
        run_study(finished, capsys, n_trials=2)
    assert len(finished.runs("trial")) == 2


@pytest.mark.parametrize("verb_name", ["study", "dry run", "analyze"])
def test_a_study_that_is_all_below_the_floors_is_refused_and_sends_nobody_on(
    lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb_name: str
) -> None:
    """Two rises that no day of validation has."""
    plan = PLAN.model_copy(update={"tasks": (load_task("threshold_5pct"),)})
    knows(monkeypatch, plan)
    with pytest.raises(RefusedError) as caught:
        if verb_name == "study":
            finish(lab, plan)
        elif verb_name == "analyze":
            lab.analyze(study=plan.name)
        else:
            dry_run_study(StudyConfig(study=plan, data_root=lab.data_root, device="cpu"))
    line = caught.value.line
    assert line.startswith("study rehearsal: expected a cell that is not below a floor; got none")
    assert line.count("n_minority: expected at least 20") == 1
    assert "entrypoints.study" not in line and "mlflow run" not in line
    assert "done already" not in capsys.readouterr().out


def test_what_several_cells_cannot_be_trained_for_is_said_once(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """The VIX covers none of the sessions: so it is with every budget."""
    with pytest.raises(ConfigError) as caught:
        run_study(lab, capsys, universes=(load_universe("sp500"),), vix=(True,))
    line = caught.value.line
    assert line.count("the VIX: expected values from 1999-01-04") == 1
    cells = ", ".join(f"sp500.threshold_1pct.h1.daily.a20.vix.{size}" for size in ("9K", "25K"))
    assert f"got 2 of 2 that cannot: {cells}: the VIX: " in line
    assert ".. " not in line and ".;" not in line


def test_a_cell_below_a_floor_is_refused_and_listed(
    finished: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = (load_task("threshold_1pct"), load_task("threshold_2pct"))
    printed = run_study(finished, capsys, tasks=tasks, budgets=(9_000,))
    refused = "tiny.threshold_2pct.h1.daily.a20.9K"
    assert f"{refused} is refused: n_minority: expected at least 20" in printed
    notes = [run.data.tags[Tag.NOTE] for run in finished.runs("study")]
    assert any(f"**Refused**, below a floor: `{refused}`" in note for note in notes)
    assert finished.runs("trial", CELL=refused) == []


def test_under_other_rules_the_same_finals_are_concluded_anew(
    finished: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = run_study(finished, capsys, delta=0.05)
    assert DONE in printed and len(finished.runs("analysis")) == 2
    run_study(finished, capsys, delta=0.05)
    assert len(finished.runs("analysis")) == 2
    rules = [run.data.tags[Tag.RULES] for run in finished.runs("analysis")]
    assert ["delta_share 0.01" in text for text in rules] == [True, False]


def test_an_unfinished_study_is_opened_only_where_the_user_insists(
    finished: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = PLAN.model_copy(update={"budgets": (9_000, 25_000, 60_000)})
    knows(monkeypatch, larger)
    missing = f"{PROBLEM}.60K"
    with pytest.raises(StoreError, match=rf"got none for {missing}\. Finish it first: .*partial"):
        finished.analyze(study="rehearsal")
    run = finished.analyze(study="rehearsal", allow_partial="true")
    partial = finished.run(run.run_id).data.tags[Tag.PARTIAL]
    assert partial.startswith(f"unfinished: {missing}; gate seeds")
    assert f"unfinished: {missing}" in finished.lines[-1]


@pytest.mark.slow
def test_a_study_over_timescales_and_the_vix_finishes_every_cell(
    lab: Lab, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    drawn = Universe.model_validate(
        {
            **{"name": "drawn", "source": "synthetic", "synthetic": {"seed": 7}},
            **{"target": "DRAWN", "tickers": ("DRAWN",), "vix": "^VIX", "start": date(1950, 1, 2)},
            **{"train_end": date(1975, 12, 31), "validation_end": date(1990, 12, 31)},
            "end": date(2000, 12, 29),
        }
    )
    root = tmp_path / "data"
    changes = {"universes": (drawn,), "budgets": (9_000,), "vix": (False, True)}
    plan = PLAN.model_copy(update={**changes, "timescales": ("weekly", "2d")})
    finish(Lab(lab.folder, root), plan)
    printed = capsys.readouterr().out
    assert "4 of 4 cells to do." in printed and "is refused" not in printed
    problems = [
        f"drawn.threshold_1pct.h1.{scale}.a20{vix}"
        for scale in ("weekly", "2d")
        for vix in ("", ".vix")
    ]
    finals = lab.runs("final")
    assert [run.data.tags[Tag.PROBLEM] for run in finals] == problems
    assert [run.data.params["n_features"] for run in finals] == ["25", "33", "25", "33"]
    assert [run.data.params["vix"] for run in finals] == ["False", "True", "False", "True"]
    assert {run.data.params["timescale"] for run in finals} == {"weekly", "2d"}
    assert {run.data.tags[Tag.STATUS] for run in finals} == {"ok"}
    # Reference, prior, logistic, boosting a problem, and a perceptron a cell.
    assert len(lab.runs("baseline")) == 4 * 5
    (analysis,) = lab.runs("analysis")
    assert all(problem in analysis.data.tags[Tag.NOTE] for problem in problems)

    finish(Lab(lab.folder, root), plan)
    assert "all 4 cells are done already" in capsys.readouterr().out
    assert len(lab.runs("final")) == 4 and len(lab.runs("analysis")) == 1
