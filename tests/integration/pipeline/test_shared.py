"""One run that serves two questions: results are shared, membership is not.

The pinned architecture of the laboratory has 8,849 parameters: within 25 % of 9K and of 11K. Both
searches draw the same training parameters, so the finals have the same fingerprints.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from finscale.pipeline.analysis.problem_finals import collect
from finscale.pipeline.cells.prospects import look_ahead
from finscale.tracking import Artifact, Tag, cells, finals, read_text, trials
from tests.lab import CELL, PROBLEM, Lab, MakeStore, OpenCopy
from tests.rehearsal import PLAN, counts, finish

LARGER = f"{PROBLEM}.11K"
MODEL = "patchtst-tiny-threshold_1pct-h1-daily-a20"


@pytest.fixture(scope="module")
def both_store(make_store: MakeStore) -> Path:
    """Return a store in which 11K was trained first, then 9K."""

    def fill(lab: Lab) -> None:
        lab.train(budget="11K")
        lab.train(budget="9K")

    return make_store("both", fill)


@pytest.fixture
def both(both_store: Path, open_copy: OpenCopy) -> Lab:
    return open_copy(both_store)


def test_finals_of_two_budgets_are_trained_once_and_found_under_both(both: Lab) -> None:
    assert len(both.runs("final")) == 4 and len(finals(problem=PROBLEM)) == 4
    for cell, budget in ((CELL, "9K"), (LARGER, "11K")):
        found = finals(cell=cell)
        assert len(found) == 4
        assert set(found["cell"]) == {cell} and set(found["budget"]) == {budget}
    assert {run.data.tags[Tag.CELL] for run in both.runs("final")} == {LARGER}


@pytest.mark.usefixtures("both")
def test_each_cell_has_a_row_and_an_alias_of_its_own() -> None:
    rows = cells(PROBLEM)
    assert sorted(rows["cell"]) == sorted([CELL, LARGER])
    assert rows["val_loss"].nunique() == 1 and set(rows["n_seeds"]) == {2}
    smaller, larger = (
        MlflowClient().get_model_version_by_alias(MODEL, f"best-{budget}")
        for budget in ("9K", "11K")
    )
    assert smaller.run_id == larger.run_id and smaller.version != larger.version


def test_a_result_of_two_cells_counts_once_in_a_verdict(both: Lab) -> None:
    problem = collect(PROBLEM)
    assert len(problem.finals) == 2 and problem.finals["fingerprint"].is_unique
    assert set(problem.finals["budget"]) == {"9K+11K"}
    assert len(problem.conditions().n_params) == 1
    analysis = both.analyze(allow_partial=True)
    assert "PatchTST 9K+11K" in read_text(analysis.run_id, Artifact.REPORT)


def test_a_choice_of_one_cell_is_no_choice_of_the_other(both: Lab) -> None:
    """What 11K rejects stays chosen where 9K keeps it."""
    kept = both.runs("train", CELL=CELL)[0].data.tags[Tag.CONFIGURATION]
    both.train(budget="11K", top_k=1, n_trials=3)
    mine = [run for run in both.runs("final") if run.data.tags[Tag.CONFIGURATION] == kept]
    assert "no" not in {run.data.tags[Tag.SELECTED] for run in mine}
    assert cells(PROBLEM).set_index("cell").loc[CELL, "configuration"] == kept


def test_commands_of_other_targets_keep_what_each_has_chosen(both: Lab) -> None:
    """More seeds that one study wants are no part of another's answer."""
    both.train(budget="9K", top_k=1, n_seeds=3)
    parent = both.runs("train", CELL=CELL)[0]
    recorded = [key for key in parent.data.tags if key.startswith("finscale.choice.")]
    assert sorted(recorded) == ["finscale.choice.2.1.3", "finscale.choice.2.2.2"]
    assert set(finals(cell=CELL)["seed"]) == {43, 44, 45}
    assert set(finals(cell=LARGER)["seed"]) == {43, 44}


@pytest.mark.parametrize(
    ("changes", "n_finals"),
    [
        ({}, 4),
        ({"n_seeds": 1}, 2),
        ({"n_seeds": 7}, 4),
        ({"epochs": 5}, 0),
        ({"seed": 7}, 0),
    ],
)
def test_what_stands_before_a_cell_counts_its_own_finals(
    both: Lab, changes: dict[str, int], n_finals: int
) -> None:
    """Nine thousand took over what eleven had trained; another search has none of either."""
    (prospect,) = look_ahead([both.train_config(budget="9K", **changes)], both.listen)
    assert prospect.n_finals == n_finals


# Studies


@pytest.fixture(scope="module")
def studied_store(make_store: MakeStore) -> Path:
    """Return a store with two studies that share their finals, the larger budget's first."""

    def fill(lab: Lab) -> None:
        finish(lab, PLAN.model_copy(update={"name": "larger", "budgets": (11_000,)}))
        finish(lab, PLAN.model_copy(update={"name": "smaller", "budgets": (9_000,)}))

    return make_store("studied", fill)


@pytest.fixture
def studied(studied_store: Path, open_copy: OpenCopy) -> Lab:
    return open_copy(studied_store)


@pytest.mark.parametrize(("name", "budget"), [("larger", "11K"), ("smaller", "9K")])
def test_a_study_speaks_of_its_own_budgets(studied: Lab, name: str, budget: str) -> None:
    (analysis,) = studied.runs("analysis", STUDY=name)
    report = read_text(analysis.info.run_id, Artifact.REPORT)
    other = {"11K": "9K", "9K": "11K"}[budget]
    assert f"PatchTST {budget}" in report and f"PatchTST {other}" not in report
    path = MlflowClient().download_artifacts(analysis.info.run_id, Artifact.NUMBERS)
    text = pd.read_parquet(path).to_csv()
    assert budget in text and other not in text


@pytest.mark.parametrize(("name", "budget"), [("larger", "11K"), ("smaller", "9K")])
def test_a_study_finds_its_runs_whoever_made_them(studied: Lab, name: str, budget: str) -> None:
    assert len(studied.runs("final")) == 1
    for frame in (finals(study=name), cells(study=name)):
        assert frame["cell"].tolist() == [f"{PROBLEM}.{budget}"]
        assert frame["budget"].tolist() == [budget]
    assert set(trials(study=name)["cell"]) == {f"{PROBLEM}.{budget}"}
    tagged = MlflowClient().search_runs(["0"], f"tags.`finscale.study.{name}` = 'true'")
    kinds = [run.data.tags[Tag.KIND] for run in tagged]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        **{"study": 1, "hpo": 1, "trial": 1, "train": 1, "final": 1},
        **{"baseline": 4 + 1, "analysis": 1, "data": 1},
    }


def test_a_study_whose_budget_was_changed_says_the_new_one(lab: Lab) -> None:
    for budgets in ((11_000,), (9_000,)):
        finish(lab, PLAN.model_copy(update={"budgets": budgets}))
    assert counts(lab)["final"] == 1 and counts(lab)["analysis"] == 2
    first, second = (read_text(run.info.run_id, Artifact.REPORT) for run in lab.runs("analysis"))
    assert "PatchTST 11K" in first and "PatchTST 9K" in second
    assert "PatchTST 11K" not in second
    assert set(finals(study="rehearsal")["cell"]) == {CELL}
