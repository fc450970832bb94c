"""`analyze` on a real store: gates, the opening of the test, and the verdict of made-up finals.

The finals here are written as runs with made-up predictions: nothing is trained.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from finscale.config import AnalyzeConfig, StoreError, Study, format_budget, load_space, load_task
from finscale.evaluation import BAYES, bce_with_logits
from finscale.laws import Rules
from finscale.model import Architecture, count_params
from finscale.pipeline.analysis.exhibits import collect_exhibits
from finscale.pipeline.analysis.losses import read_forecasts, score_test
from finscale.pipeline.analysis.problem_finals import collect
from finscale.pipeline.analysis.publishing import publish
from finscale.pipeline.analysis.verdicts import conclusions_of
from finscale.pipeline.analyze import analyze as verb
from finscale.pipeline.problem.baselines import baseline_run, ensure_baselines, log_forecast
from finscale.pipeline.problem.data import ProblemData
from finscale.pipeline.problem.predictions import log_predictions, of_segment
from finscale.pipeline.problem.recipe import Recipe
from finscale.pipeline.running.progress import Event, Progress
from finscale.tracking import (
    TEST,
    Kind,
    Run,
    Status,
    Tag,
    baselines,
    create_run,
    handle,
    read_predictions,
    read_text,
)
from finscale.tracking import test_openings as recorded_openings
from tests.lab import PROBLEM, TINY, Lab, MakeStore, OpenCopy, rewrite_param
from tests.reports import make_overview

SHAPES = [(16, 2), (32, 3), (64, 4), (128, 6)]  # 9K to 1.2M parameters: 2.1 decades
SEEDS = (43, 44, 45)
FILES = {"report.html", "summary.txt", "summary.md", "numbers.parquet"}
TEST_METRICS = {
    *("test_loss", "test_loss_ref", "test_skill", "test_auc", "test_brier", "test_accuracy"),
    *("test_precision", "test_recall", "test_f1", "test_ece", "test_pred_std", "test_base_rate"),
}


def recipe(width: int, depth: int) -> Recipe:
    arch = Architecture(n_channels=25, d_model=width, n_layers=depth, n_heads=2, d_ff=2 * width)
    return Recipe(arch, 1e-3, 1e-4, warmup_steps=20, batch_size=128, epochs=2)


def write_final(
    data: ProblemData,
    parent: Run,
    made: Recipe,
    seed: int,
    *,
    knowledge: float | None = None,
) -> Run:
    """Write a final whose logits are the reference's, moved towards the labels: more by size."""
    budget = format_budget(count_params(made.arch).total)
    run = create_run(
        Kind.FINAL,
        f"final d{made.arch.d_model} seed {seed}",
        parent=parent,
        tags={
            **data.tags(),
            Tag.CELL: f"{PROBLEM}.{budget}",
            Tag.FINGERPRINT: made.fingerprint(Kind.FINAL, data, seed),
            Tag.CONFIGURATION: made.fingerprint("configuration", data),
            Tag.COLLAPSED: "False",
        },
    )
    run.param({**data.params(), "budget": budget, "seed": seed, **made.params()})
    frame = read_predictions(reference_run())
    size = count_params(made.arch).total
    known = 0.5 * math.log10(size / 5_000) if knowledge is None else knowledge
    noise_N = np.random.default_rng([seed, size]).normal(0, 0.3, len(frame))
    frame["output"] += known * (frame["y"] - 0.5) + noise_N
    frame["loss"] = bce_with_logits(frame["y"], frame["output"])
    frame.loc[frame["segment"] == TEST, "loss"] = np.nan
    log_predictions(run, frame)
    loss = float(frame["loss"].mean())
    losses = {"val_loss": loss, "val_loss_ref": reference_loss(), "train_loss": loss}
    run.metric({**data.sample_metrics(), "n_params": size, **losses})
    run.end(Status.OK, "completed")
    return run


def write_cell(data: ProblemData, width: int, depth: int) -> None:
    """Write a cell: three finals beneath a finished parent."""
    made = recipe(width, depth)
    budget = format_budget(count_params(made.arch).total)
    tags = {
        **data.tags(),
        Tag.CELL: f"{PROBLEM}.{budget}",
        Tag.CONFIGURATION: made.fingerprint("configuration", data),
    }
    parent = create_run(Kind.TRAIN, f"train {budget}", tags=tags)
    for seed in SEEDS:
        write_final(data, parent, made, seed)
    parent.end(Status.OK, "completed")


def reference_run() -> str:
    known = baselines(PROBLEM)
    return str(known[known["baseline"] == "reference"]["run_id"].iloc[-1])


def reference_loss() -> float:
    return float(MlflowClient().get_run(reference_run()).data.metrics["val_loss"])


@pytest.fixture(scope="module")
def study_store(make_store: MakeStore) -> Path:
    """Four sizes over two decades, three seeds each, better with size."""

    def fill(lab: Lab) -> None:
        data = lab.problem()
        ensure_baselines(data)
        for width, depth in SHAPES:
            write_cell(data, width, depth)

    return make_store("study", fill)


@pytest.fixture
def study(study_store: Path, open_copy: OpenCopy) -> Lab:
    return open_copy(study_store)


def finals_of(lab: Lab, width: int) -> list[StoredRun]:
    return [run for run in lab.runs("final") if run.data.params.get("d_model") == str(width)]


def parent_of(lab: Lab, width: int) -> Run:
    (found,) = {run.data.tags[Tag.PARENT] for run in finals_of(lab, width)}
    return handle(lab.run(found))


def metrics_of_the_test(lab: Lab) -> set[str]:
    runs = [run for kind in ("final", "baseline", "analysis", "train") for run in lab.runs(kind)]
    return {name for run in runs for name in run.data.metrics if name.startswith("test_")}


def report(run: Run) -> str:
    return read_text(run.run_id, "report.html")


# The test stays closed


def test_a_gate_closes_the_test_and_is_named(trained: Lab) -> None:
    run = trained.analyze()
    tags = trained.run(run.run_id).data.tags
    assert tags[Tag.VERDICT] == "not identifiable"
    assert "gate seeds: expected at least 3 a cell, got 2" in tags[Tag.NOTE]
    assert "The test stays closed: gate seeds" in trained.lines[-1]
    assert metrics_of_the_test(trained) == set() and recorded_openings() == []
    paths = {file.path for file in MlflowClient().list_artifacts(run.run_id)}
    figures = ("validation", "shapes", "histories", "calibration")
    assert paths == FILES | {f"{name}.{end}" for name in figures for end in ("png", "svg")}
    assert "The test stays closed" in report(run)


def test_one_size_is_no_law(study: Lab) -> None:
    for width in (16, 32, 64):
        study.delete(parent_of(study, width).run_id)
        for final in finals_of(study, width):
            study.delete(final.info.run_id)
    study.analyze()
    assert "gate sizes: expected at least 4 true sizes, got 1" in study.lines[-1]
    assert metrics_of_the_test(study) == set() and recorded_openings() == []


def test_sizes_trained_on_other_days_are_no_study(study: Lab) -> None:
    final = finals_of(study, 64)[0]
    n_train = final.data.metrics["n_train"]
    handle(final).metric({"n_train": n_train - 1}, step=1)
    study.analyze()
    assert "gate split: expected one and the same for all cells" in study.lines[-1]
    assert recorded_openings() == []


def test_without_finals_there_is_one_line(lab: Lab) -> None:
    with pytest.raises(StoreError, match=rf"finals of {PROBLEM}: expected finished finals in the"):
        lab.analyze()
    (run,) = lab.runs("analysis")
    assert run.info.status == "FAILED" and "Train some first" in run.data.tags[Tag.NOTE]


def test_with_diverged_finals_alone_there_is_one_line(study: Lab) -> None:
    for final in study.runs("final"):
        if final.data.params["seed"] == "43":
            handle(final).end(Status.DIVERGED, "not_finite")
        else:
            study.delete(final.info.run_id)
    with pytest.raises(StoreError, match=r"expected finished finals in the tracking store"):
        study.analyze()
    assert recorded_openings() == []


# A study that is not whole


def test_a_user_may_insist_and_it_is_recorded_as_such(study: Lab) -> None:
    for width in (16, 32, 64):
        study.delete(parent_of(study, width).run_id)
        for final in finals_of(study, width):
            study.delete(final.info.run_id)
    run = study.analyze(allow_partial="true")
    tags = study.run(run.run_id).data.tags
    why = "gate sizes: expected at least 4 true sizes, got 1"
    assert (tags[Tag.VERDICT], tags[Tag.PARTIAL]) == ("not identifiable", why)
    (opening,) = recorded_openings()
    assert opening.is_partial and opening.number == 1
    sentence = "Partial: the test was opened all the same"
    assert sentence in report(run) and sentence in tags[Tag.NOTE] and sentence in study.lines[-1]
    assert "test_loss" in study.runs("final")[0].data.metrics
    assert "PatchTST" in study.lines[-1] and "closed" not in study.lines[-1]


@pytest.mark.parametrize("tag", [Tag.DATA_SHA256, Tag.DATASET_SHA256])
def test_nobody_can_insist_on_pairing_what_cannot_be_paired(study: Lab, tag: str) -> None:
    handle(finals_of(study, 64)[0]).tag({tag: "another"})
    study.analyze(allow_partial="true")
    assert "gate data digest" in study.lines[-1] and "stays closed" in study.lines[-1]
    assert metrics_of_the_test(study) == set() and recorded_openings() == []


def test_a_whole_study_after_a_look_at_a_part_is_exploratory(study: Lab) -> None:
    kept = [final for final in study.runs("final") if final.data.params["seed"] == "45"]
    for final in kept:
        study.delete(final.info.run_id)
    study.analyze(allow_partial="true")
    for final in kept:
        MlflowClient().restore_run(final.info.run_id)
    whole = study.analyze()
    assert [(o.number, o.is_partial) for o in recorded_openings()] == [(1, True), (2, False)]
    assert "Exploratory: this is opening 2" in report(whole)
    assert Tag.PARTIAL not in study.run(whole.run_id).data.tags


def test_a_diagnostic_split_carries_no_verdict(study: Lab) -> None:
    rewrite_param(study.folder, "split", "cpcv")
    study.analyze()
    line = study.lines[-1]
    assert "Not identifiable: gate diagnostic split" in line and "stays closed" in line
    assert recorded_openings() == []


def test_sizes_of_other_labels_are_no_study(study: Lab) -> None:
    """The rise of a task was edited, and its name kept."""
    final = finals_of(study, 64)[0]
    handle(final).metric({"n_val_positive": 3}, step=1)
    study.analyze(allow_partial="true")
    assert "gate split: expected one and the same for all cells" in study.lines[-1]
    assert "3 of them positive" in study.lines[-1] and recorded_openings() == []


def test_a_copy_of_a_task_asks_the_same_question(study: Lab) -> None:
    study.analyze()
    rewrite_param(study.folder, "task", "renamed")
    study.analyze()
    assert [opening.number for opening in recorded_openings()] == [1, 1]
    data = study.problem()
    write_final(data, parent_of(study, 64), recipe(64, 4), 47)
    study.analyze()
    assert [opening.number for opening in recorded_openings()] == [1, 1, 2]


# The test is opened


def test_a_law_is_found_and_everything_is_on_record(study: Lab) -> None:
    run = study.analyze()
    stored = study.run(run.run_id)
    assert stored.data.tags[Tag.VERDICT] == "improves"
    assert stored.data.metrics["verdict/slope"] < 0
    (opening,) = recorded_openings()
    assert (opening.number, opening.run_id) == (1, run.run_id)
    question = opening.question
    assert (question.target, question.task, question.horizon) == ("^GSPC", "threshold_1pct", 1)
    assert question.test_end == TINY.end.replace(day=29)  # the last day has no tomorrow
    paths = {file.path for file in MlflowClient().list_artifacts(run.run_id)}
    figures = ("scaling", "validation", "residuals", "calibration")  # nothing was searched
    assert paths == FILES | {f"{name}.{end}" for name in figures for end in ("png", "svg")}
    file = run.artifact_path("numbers.parquet")
    assert file
    numbers = pd.read_parquet(file).set_index(["item", "quantity"])["value"]
    assert numbers["procedure", "slope"] == stored.data.metrics["verdict/slope"]
    assert read_text(run.run_id, "summary.md") == stored.data.tags[Tag.NOTE]
    assert "Rival laws" in report(run) and "power law with floor" in report(run)
    assert "This is opening 1 of this test, with these finals only." in report(run)
    assert study.lines[-1].startswith("Verdict: Improves")


def test_the_same_finals_again_are_the_same_opening_and_scored_once(study: Lab) -> None:
    study.analyze()
    again = study.analyze()
    assert [opening.number for opening in recorded_openings()] == [1, 1]
    assert len(study.runs("analysis")) == 2 and "Exploratory" not in report(again)
    reference = read_predictions(reference_run()).pipe(of_segment, TEST)
    ref_loss = bce_with_logits(reference["y"], reference["output"]).mean()
    for run in (*study.runs("final"), *study.runs("baseline")):
        there = {name for name in run.data.metrics if name.startswith("test_")}
        assert TEST_METRICS - {"test_precision", "test_f1"} <= there <= TEST_METRICS
        assert len(MlflowClient().get_metric_history(run.info.run_id, "test_loss")) == 1
        assert run.data.metrics["test_loss_ref"] == pytest.approx(ref_loss)
        frame = of_segment(read_predictions(run.info.run_id), TEST)
        loss = bce_with_logits(frame["y"], frame["output"]).mean()
        assert run.data.metrics["test_loss"] == pytest.approx(loss)


def test_the_opening_is_written_before_anything_is_scored(
    study: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_: object) -> None:
        assert [opening.number for opening in recorded_openings()] == [1]
        raise OSError("power cut")

    monkeypatch.setattr("finscale.pipeline.analysis.verdicts.score_test", power_cut)
    with pytest.raises(OSError, match="power cut"):
        study.analyze()
    assert metrics_of_the_test(study) == set() and len(recorded_openings()) == 1


def test_other_finals_are_exploratory_in_store_and_report(study: Lab) -> None:
    study.delete(study.analyze().run_id)  # a deleted opening still counts
    data = study.problem()
    write_final(data, parent_of(study, 64), recipe(64, 4), 47)
    second = study.analyze()
    assert [opening.number for opening in recorded_openings()] == [1, 2]
    sentence = "Exploratory: this is opening 2 of this test"
    assert sentence in report(second) and sentence in study.lines[-1]
    assert sentence in study.run(second.run_id).data.tags[Tag.NOTE]


@pytest.mark.parametrize("column", ["output", "date"])
def test_a_run_without_a_finite_output_or_a_column_stops_the_analysis(
    study: Lab, column: str
) -> None:
    final = finals_of(study, 32)[1]
    frame = read_predictions(final.info.run_id)
    if column == "output":
        frame.loc[7, "output"] = np.nan
    else:
        frame = frame.drop(columns="date")
    log_predictions(handle(final), frame)
    got = "1 of them not finite" if column == "output" else "got no column date"
    with pytest.raises(StoreError, match=rf"predictions of run {final.info.run_id}: .*{got}"):
        study.analyze()
    assert metrics_of_the_test(study) == set() and recorded_openings() == []


@pytest.mark.parametrize("how", ["ticker", "order", "text"])
def test_outputs_of_another_ticker_or_day_or_kind_stop_the_analysis(study: Lab, how: str) -> None:
    final = finals_of(study, 32)[1]
    frame = read_predictions(final.info.run_id)
    changes = {
        "ticker": {"ticker": "^IXIC"},
        "order": {"output": frame["output"].to_numpy()[::-1]},
        "text": {"output": "up"},
    }
    log_predictions(handle(final), frame.assign(**changes[how]))
    got = {"ticker": "that are others", "order": "do not give the losses", "text": "got text in"}
    with pytest.raises(StoreError, match=f"predictions of run {final.info.run_id}: .*{got[how]}"):
        study.analyze()
    assert recorded_openings() == []


def test_rows_in_another_order_are_the_same_predictions(study: Lab) -> None:
    study.analyze()
    final = finals_of(study, 32)[1]
    shuffled = read_predictions(final.info.run_id).sample(frac=1, random_state=7)
    log_predictions(handle(final), shuffled)
    first, second = study.runs("analysis")[-1], study.run(study.analyze().run_id)
    assert first.data.metrics["verdict/slope"] == second.data.metrics["verdict/slope"]


@pytest.mark.parametrize("segment", ["validation", "test"])
def test_a_damaged_reference_does_not_condemn_the_others(study: Lab, segment: str) -> None:
    run_id = reference_run()
    frame = read_predictions(run_id)
    cut = frame.drop(frame.index[frame["segment"] == segment][:5])
    log_predictions(handle(study.run(run_id)), cut)
    with pytest.raises(StoreError, match=f"predictions of run {run_id}: .* got 499 samples"):
        study.analyze()
    assert recorded_openings() == []


def predictions_file(run: StoredRun) -> Path:
    return Path(urlparse(run.info.artifact_uri).path) / "predictions.parquet"


def test_missing_predictions_stop_the_analysis_and_name_the_run(study: Lab) -> None:
    final = finals_of(study, 64)[2]
    predictions_file(final).unlink()
    with pytest.raises(StoreError, match=f"run {final.info.run_id}: expected the artifact pred"):
        study.analyze()
    assert recorded_openings() == []


def test_a_damaged_file_stops_the_analysis_and_names_the_run(study: Lab) -> None:
    final = finals_of(study, 64)[2]
    path = predictions_file(final)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(StoreError, match=f"predictions of run {final.info.run_id}: expected a Pa"):
        study.analyze()
    assert recorded_openings() == []


def test_truncated_predictions_stop_the_analysis_and_name_the_run(study: Lab) -> None:
    final = finals_of(study, 32)[1]
    log_predictions(handle(final), read_predictions(final.info.run_id).iloc[:-3])
    with pytest.raises(StoreError, match=f"predictions of run {final.info.run_id}: expected the"):
        study.analyze()
    assert metrics_of_the_test(study) == set() and recorded_openings() == []
    assert study.runs("analysis")[0].info.status == "FAILED"


def test_predictions_of_other_days_stop_the_analysis(study: Lab) -> None:
    final = finals_of(study, 32)[1]
    frame = read_predictions(final.info.run_id)
    log_predictions(handle(final), frame.assign(date=frame["date"] + pd.Timedelta(days=1)))
    with pytest.raises(StoreError, match=r"got 504 samples of 504 days that are others, or of"):
        study.analyze()
    assert metrics_of_the_test(study) == set() and recorded_openings() == []


def test_other_labels_stop_the_analysis(study: Lab) -> None:
    final = finals_of(study, 32)[1]
    frame = read_predictions(final.info.run_id)
    log_predictions(handle(final), frame.assign(y=1 - frame["y"]))
    with pytest.raises(StoreError, match=r"got 504 samples of 504 days that are others, or of"):
        study.analyze()
    assert metrics_of_the_test(study) == set() and recorded_openings() == []


def test_diverged_finals_are_left_out_and_collapsed_ones_stay(study: Lab) -> None:
    tags = {
        Tag.PROBLEM: PROBLEM,
        Tag.CELL: finals_of(study, 32)[0].data.tags[Tag.CELL],
        Tag.FINGERPRINT: "f" * 64,
    }
    diverged = create_run(Kind.FINAL, "diverged", parent=parent_of(study, 32), tags=tags)
    diverged.end(Status.DIVERGED, "not_finite")
    for final in finals_of(study, 128):
        handle(final).tag({Tag.COLLAPSED: "True"})
    run = study.analyze()
    assert study.run(run.run_id).data.tags[Tag.VERDICT] == "improves"
    assert "left out, named in the report: 1" in study.run(run.run_id).data.tags[Tag.NOTE]
    for text in (diverged.run_id, "not_finite", "collapsed"):
        assert text in report(run)
    problem = collect(PROBLEM)
    assert list(problem.left_out["run_id"]) == [diverged.run_id] and len(problem.finals) == 12


def test_differences_are_from_the_reference_of_the_same_data(lab: Lab) -> None:
    data = lab.problem()
    ensure_baselines(data)
    (reference,) = lab.runs("baseline", BASELINE="reference")
    handle(reference).tag({Tag.DATASET_SHA256: "of an earlier revision", Tag.FINGERPRINT: "e"})
    ensure_baselines(data)
    write_cell(data, *SHAPES[0])
    known = collect(PROBLEM).baselines
    assert len(lab.runs("baseline")) == 5 and len(known) == 4
    assert reference.info.run_id not in set(known["run_id"])


def test_of_each_cell_the_best_configuration_counts(study: Lab) -> None:
    data = study.problem()
    worse = recipe(32, 3)
    worse = Recipe(worse.arch, 5e-4, 1e-4, warmup_steps=20, batch_size=128, epochs=2)
    parent = create_run(
        Kind.TRAIN,
        "train again",
        tags={
            **data.tags(),
            Tag.CELL: finals_of(study, 32)[0].data.tags[Tag.CELL],
            Tag.CONFIGURATION: worse.fingerprint("configuration", data),
        },
    )
    for seed in SEEDS:
        write_final(data, parent, worse, seed, knowledge=-2.0)
    parent.end(Status.OK, "completed")
    kept = collect(PROBLEM).finals
    assert len(study.runs("final")) == 15 and len(kept) == 12
    assert set(kept["learning_rate"]) == {1e-3}


# What is shown beside the verdict


def test_only_the_search_behind_the_finals_is_shown(trained: Lab) -> None:
    trained.hpo(epochs=1)  # another search of the same cell
    problem = collect(PROBLEM)
    shown = collect_exhibits(problem, None)
    assert len(trained.runs("trial")) == 4 and len(shown.trials) == 2
    assert set(shown.trials["epochs"]) == {2} and set(shown.trials["budget"]) == {"9K"}
    assert len(shown.attempts) == len(trained.runs("final")) == 4
    assert shown.importances == {}  # of two trials
    n_val = problem.finals["n_val"].iloc[0]
    samples = shown.calibration.groupby("name")["n"].sum()
    assert set(samples.index) == {"PatchTST 9K, largest, best", "reference", "logistic"}
    assert set(samples) == {n_val}


def test_every_trial_is_shown_where_its_search_is_not_known(trained: Lab) -> None:
    for search in trained.runs("hpo"):
        handle(search).tag({Tag.FINGERPRINT: "of an older version"})
    assert len(collect_exhibits(collect(PROBLEM), None).trials) == 2


def test_an_open_test_is_what_calibration_is_shown_of(study: Lab) -> None:  # noqa: ARG001
    problem = collect(PROBLEM)
    shown = collect_exhibits(problem, read_forecasts(problem)).calibration
    assert set(shown.groupby("name")["n"].sum()) == {len(problem.test_dates)}


# A study


def test_verdicts_of_a_study_are_corrected_for_being_several(study: Lab) -> None:  # noqa: ARG001
    problem = collect(PROBLEM)
    losses = score_test(problem, read_forecasts(problem))
    names = (PROBLEM, "another", "a third")
    drawn = conclusions_of(
        [replace(problem, problem=name) for name in names],
        dict.fromkeys(names),
        dict.fromkeys(names, losses),
        Rules(),
    )
    for conclusion in drawn:
        found = conclusion.verdict
        assert found.p_value is not None
        assert found.p_adjusted == pytest.approx(min(1.0, 3 * found.p_value))


def test_where_the_true_odds_are_known_the_verdict_is_tried_and_says_how_far_it_is(
    study: Lab,
) -> None:
    data, said = study.problem(), read_predictions(reference_run())
    with baseline_run(data, BAYES, "the odds", "of this test", None) as known:
        log_forecast(known, data, [2.0 * said[["output"]].to_numpy()], reference_loss())
        known.end(Status.OK, "completed")
    told: list[Event] = []
    run = verb(AnalyzeConfig(universe=TINY, data_root=study.data_root), listen=told.append)
    work = [(event.key, event.done) for event in told if isinstance(event, Progress)]
    trial = f"{PROBLEM} on trial"
    assert work[:4] == [("verdicts", 0), ("verdicts", 1), ("reports", 0), (trial, 0)]
    assert work[-2:] == [(trial, 1500), ("reports", 1)]
    assert "levelled" in report(run)


def test_a_study_with_missing_cells_stays_closed_and_lists_them(
    study: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Study(
        name="rehearsal",
        question="Does it?",
        universes=(TINY,),
        tasks=(load_task("threshold_1pct"), load_task("threshold_2pct")),  # the second: refused
        horizons=(1,),
        feature_tiers=("a20",),
        budgets=("9K", "32K"),
        space=load_space("demo"),
        n_trials=1,
        epochs=2,
    )
    for module in ("config.study", "pipeline.analyze"):
        monkeypatch.setattr(f"finscale.{module}.load_study", lambda _: plan)
    with pytest.raises(StoreError) as mistake:
        study.analyze(study="rehearsal")
    line = mistake.value.line
    assert f"got none for {PROBLEM}.9K, {PROBLEM}.32K. Finish it first" in line
    again = "mlflow run . -e study -P study=rehearsal -P data_root="
    assert f"Finish it first: {again}{study.data_root}" in line
    assert any("threshold_2pct.h1.daily.a20.9K is refused: n_minority" in x for x in study.lines)
    assert recorded_openings() == [] and metrics_of_the_test(study) == set()


def test_several_problems_get_an_overview_beside_their_folders(lab: Lab) -> None:
    shown = make_overview()
    run = create_run(Kind.ANALYSIS, "analysis")
    publish(run, shown.title, shown.question, {r.problem: r for r in shown.reports}, ())
    paths = {file.path for file in MlflowClient().list_artifacts(run.run_id)}
    figures = {f"{name}.{end}" for name in ("heat_map", "panels") for end in ("png", "svg")}
    problems = {report.problem for report in shown.reports}
    assert paths == {"report.html", "summary.md"} | figures | problems
    page = run.artifact_path("report.html")
    assert page and "Verdict of each problem" in report(run)
    for link in re.findall('href="([^"]+)"', report(run)):
        assert (page.parent / link).exists()
    for problem in problems:
        assert run.artifact_path(f"{problem}/numbers.parquet")
    note = lab.run(run.run_id).data.tags[Tag.NOTE]
    assert len(note) <= 7_500 and "summary.md" in note
    full = read_text(run.run_id, "summary.md")
    assert all(f"{report.title}" in full for report in shown.reports) and len(full) > 7_500
