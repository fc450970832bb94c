"""Options of `hpo`: what each changes in the store, and what it leaves alone."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from optuna.distributions import IntDistribution

from finscale.config import ConfigError, HpoConfig, StoreError
from finscale.model import forward_flops
from finscale.pipeline.hpo import hpo
from finscale.pipeline.problem.identity import search_identity
from finscale.pipeline.problem.recipe import from_params
from finscale.pipeline.running.progress import Line, Progress
from finscale.pipeline.running.workers import Failure
from finscale.pipeline.searching.dry_run import dry_run
from finscale.pipeline.searching.setup import search_space
from finscale.search import search_pictures
from finscale.tracking import Tag, fingerprint, load_trial
from tests.lab import CELL, PROBLEM, Lab

WIDE: dict[str, Any] = {"d_model": None, "n_layers": None, "n_heads": None, "d_ff": None}


def by_number(lab: Lab) -> list[StoredRun]:
    return sorted(lab.runs("trial"), key=lambda run: int(run.data.tags[Tag.TRIAL_NUMBER]))


def files_of(run: StoredRun, folder: str | None = None) -> set[str]:
    return {file.path for file in MlflowClient().list_artifacts(run.info.run_id, folder)}


# Identity


@pytest.mark.parametrize(
    "changes",
    [{"sampler": "random"}, {"pruner": "none"}, {"objectives": "val_loss+train_flops"}],
    ids=lambda changes: next(iter(changes)),
)
def test_other_methods_make_another_search(searched: Lab, changes: dict[str, Any]) -> None:
    data = searched.problem()
    assert search_identity(searched.config(**changes), data) != search_identity(
        searched.config(), data
    )


def test_defaults_that_came_later_leave_an_old_identity_alone(searched: Lab) -> None:
    # As it was computed before these options were there.
    named = {"sampler": "tpe", "pruner": "median", "objectives": "val_loss"}
    (parent,) = searched.runs("hpo")
    identity = search_identity(searched.config(**named), searched.problem())
    assert parent.data.tags[Tag.FINGERPRINT] == identity
    assert "one_architecture" not in searched.config().space.values()


@pytest.mark.parametrize(
    "changes",
    [
        {"workers": 2},
        {"timeout": 60},
        {"terminator": True},
        {"artifacts": "none"},
        {"max_artifact_gib": 1.0},
        {"storage": "sqlite:////tmp/other.db"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_means_are_no_part_of_an_identity(searched: Lab, changes: dict[str, Any]) -> None:
    data = searched.problem()
    assert search_identity(searched.config(**changes), data) == search_identity(
        searched.config(), data
    )


def test_a_new_search_names_the_others_and_what_they_were_given(searched: Lab) -> None:
    (first,) = searched.runs("hpo")
    searched.hpo(n_trials=1, epochs=1, seed=7)
    had = f"epochs=2 instead of 1, seed=42 instead of 7 (run {first.info.run_id})"
    line = f"{CELL}: a new search. 1 other search of this cell had {had}."
    assert line in searched.lines
    searched.lines.clear()
    searched.hpo(n_trials=1, epochs=1, seed=7)
    assert not any("a new search" in line for line in searched.lines)


def test_a_search_in_bfloat16_is_another_one_and_its_runs_say_so(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.training.machine.precision.has_bfloat16", lambda _device: True)
    (first,) = searched.runs("hpo")
    assert first.data.tags[Tag.RESOLVED_PRECISION] == "float32"
    assert {run.data.params["precision"] for run in searched.runs("trial")} == {"float32"}
    searched.hpo(n_trials=1, precision="bfloat16")
    had = f"precision=float32 instead of bfloat16 (run {first.info.run_id})"
    assert f"{CELL}: a new search. 1 other search of this cell had {had}." in searched.lines
    *_, trial = searched.runs("trial")
    assert trial.data.params["precision"] == "bfloat16" and trial.data.tags[Tag.STATUS] == "ok"
    *_, parent = searched.runs("hpo")
    assert parent.data.tags[Tag.RESOLVED_PRECISION] == "bfloat16"


def test_a_limit_of_steps_ends_every_trial(lab: Lab) -> None:
    lab.hpo(n_trials=1, epochs=30, max_steps=3)
    (trial,) = lab.runs("trial")
    assert trial.data.params["max_steps"] == "3"
    assert trial.data.metrics["epochs_run"] == 1
    assert trial.data.metrics["n_train"] > 3 * 128  # three batches of an epoch with more
    flops = 3.0 * forward_flops(load_trial(trial.info.run_id).arch) * 3 * 128
    assert trial.data.metrics["train_flops"] == flops


# Time


def test_a_time_limit_stops_between_epochs_and_the_same_line_goes_on(lab: Lab) -> None:
    passed: list[str] = []

    def listen(event: object) -> None:
        lab.listen(event)
        if isinstance(event, Progress) and "epoch 2:" in event.text:
            passed.append("the time limit")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "finscale.pipeline.searching.context.SearchContext.is_over_time",
            property(lambda _: bool(passed)),
        )
        lab.hpo(n_trials=1, epochs=30, timeout=5, listen=listen)
    (parent,), (trial,) = lab.runs("hpo"), lab.runs("trial")
    for run in (parent, trial):
        assert run.info.status == "KILLED" and run.data.tags[Tag.REASON] == "timeout"
        assert Tag.STATUS not in run.data.tags
    assert "stopped by its time limit, 0 of 1" in parent.data.tags[Tag.NOTE]
    assert f"{CELL}: the time is up; the same command continues." in lab.lines
    logged = trial.data.metrics["epoch/val_loss"]
    lab.hpo(n_trials=1, epochs=30)
    (again,) = lab.runs("trial")
    assert again.info.run_id == trial.info.run_id and again.data.tags[Tag.STATUS] == "ok"
    history = MlflowClient().get_metric_history(trial.info.run_id, "epoch/val_loss")
    assert [point.step for point in history] == list(range(1, len(history) + 1))
    assert logged in [point.value for point in history] and len(history) > 1
    assert any("going on with trial 0 from epoch" in line for line in lab.lines)
    assert lab.runs("hpo")[0].info.status == "FINISHED"


def test_a_search_that_has_converged_ends_before_its_number(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True, True])
    monkeypatch.setattr("finscale.search.Search.has_converged", lambda _: next(answers))
    lab.hpo(n_trials=9, terminator=True)
    (parent,) = lab.runs("hpo")
    assert len(lab.runs("trial")) == 1 and parent.info.status == "FINISHED"
    assert "1 of 9 trials finished" in parent.data.tags[Tag.NOTE]
    assert any("the terminator ends the search after 1 trial of 9: the" in n for n in lab.lines)
    assert parent.data.tags[Tag.TARGETS] == "n_trials=1"


def test_a_terminator_that_had_no_say_is_said_so(searched: Lab) -> None:
    searched.hpo(terminator=True)
    said = "the terminator decides once 20 trials have finished: it was not asked."
    assert f"{CELL}: {said}" in searched.lines


# What is kept


def test_without_artifacts_a_trial_keeps_its_configuration(lab: Lab) -> None:
    lab.hpo(n_trials=1, artifacts="none")
    (trial,) = lab.runs("trial")
    assert files_of(trial) == {"config.json", "predictions.parquet"}
    with pytest.raises(StoreError, match="not kept: artifacts=none"):
        load_trial(trial.info.run_id)


def test_beyond_a_limit_the_oldest_weights_go_and_the_best_stay(lab: Lab) -> None:
    lab.hpo(n_trials=3, max_artifact_gib=50_000 / 2**30)  # room for one of 35,424 bytes
    kept = [run for run in by_number(lab) if "weights.safetensors" in files_of(run)]
    best = min(lab.runs("trial"), key=lambda run: run.data.metrics["val_loss"])
    assert [run.info.run_id for run in kept] == [best.info.run_id]
    for run in by_number(lab):
        gone = run.info.run_id != best.info.run_id
        assert (run.data.tags.get(Tag.WEIGHTS) == "removed: beyond max_artifact_gib") is gone
        assert run.data.tags[Tag.STATUS] == "ok"


# The parent's page


def test_the_parent_shows_optunas_figures(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finscale.search.search_pictures", search_pictures)
    lab.hpo(n_trials=2)
    (parent,) = lab.runs("hpo")
    names = {"history", "slice", "parallel_coordinate"}
    assert files_of(parent, "figures") == {f"figures/{name}.png" for name in names}
    assert parent.data.tags[Tag.PICTURED] == "2"
    note = parent.data.tags[Tag.NOTE]
    assert "- **Seen**: 1 of the grid's 1 architecture\n" in note
    assert "**Best**: [t00" in note and "mlflow run . -e hpo" in note


def test_two_objectives_show_a_front(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finscale.search.search_pictures", search_pictures)
    lab.hpo(n_trials=3, objectives="val_loss+train_flops", **WIDE)
    (parent,) = lab.runs("hpo")
    assert files_of(parent, "figures") == {"figures/pareto_front.png"}
    ok = sorted(lab.runs("trial"), key=lambda run: run.data.metrics["train_flops"])
    lowest = [min(run.data.metrics["val_loss"] for run in ok[: n + 1]) for n in range(len(ok))]
    front = [
        run.info.run_name
        for run, best in zip(ok, lowest, strict=True)
        if run.data.metrics["val_loss"] == best
    ]
    (head, *named) = next(line for line in lab.lines if "Pareto front" in line).splitlines()
    assert head == f"{CELL}: 3 trials; the Pareto front of cost and loss, the cheapest first:"
    assert [line.split(":")[0].strip() for line in named] == front
    assert all(f"{name}: " in parent.data.tags[Tag.NOTE] for name in front)
    assert lab.lines[-1].endswith(" nats, by loss alone.")
    assert [run.data.tags[Tag.STATUS] for run in by_number(lab)] == ["ok"] * 3


# Spaces


def test_a_space_of_training_parameters_alone_has_one_architecture(lab: Lab) -> None:
    config = lab.config(space="training-only", budget="2M", **WIDE)
    (arch,) = search_space(config, lab.problem()).architectures
    assert (arch.d_model, arch.n_heads) == (128, 8)
    free = search_space(lab.config(space="default", budget="2M", **WIDE), lab.problem())
    assert arch in free.architectures and len(free.architectures) > 50


def windows(lab: Lab, **axes: tuple[int, ...]) -> Any:
    """Return the lab's space with windows of its own."""
    return lab.config().space.model_copy(update={"name": "windows", **axes})


def test_a_space_may_have_windows_of_its_own(lab: Lab) -> None:
    space = windows(lab, context_length=(30, 60), patch_length=(5, 10))
    data, config = lab.problem(), lab.config(space=space, **WIDE)
    grid = search_space(config, data).architectures
    seen = {(arch.context_length, arch.patch_length, arch.patch_stride) for arch in grid}
    assert seen == {(30, 5, 2), (30, 10, 5), (60, 5, 2), (60, 10, 5)}
    free = search_space(config, data).distributions()
    assert free["context_length"] == IntDistribution(30, 60, log=True)
    assert free["patch_length"] == IntDistribution(5, 10, log=True)
    assert search_identity(config, data) != search_identity(lab.config(**WIDE), data)


def test_a_trial_of_another_window_is_trained_kept_and_served(lab: Lab) -> None:
    space = windows(lab, context_length=(30,), patch_length=(6,))
    lab.train(space=space, n_trials=1, top_k=1, n_seeds=1)
    for run in (*lab.runs("trial"), *lab.runs("final")):
        values = [run.data.params[name] for name in ("context_length", "patch_length")]
        assert (*values, run.data.params["patch_stride"]) == ("30", "6", "3")
        assert load_trial(run.info.run_id).arch.context_length == 30
        assert run.data.metrics["n_val"] == lab.problem().sample_metrics()["n_val"]
    model = mlflow.pyfunc.load_model(f"models:/patchtst-{PROBLEM.replace('.', '-')}@best-9K")
    rows = lab.problem().inputs.frame.tail(30).to_numpy("float32", copy=True)[None]
    assert model.predict(rows).shape == (1, 1)


def test_a_window_of_the_problems_own_leaves_fingerprints_alone(searched: Lab) -> None:
    recipe = from_params(by_number(searched)[0].data.params | {"revin": False},
                         search_space(searched.config(), searched.problem()).architectures[0],
                         searched.config())  # fmt: skip
    wider = replace(recipe, arch=replace(recipe.arch, context_length=30))
    data = searched.problem()
    apart = {"context_length", "patch_length", "patch_stride", "max_steps", "precision"}
    mine = {name: value for name, value in recipe.params().items() if name not in apart}
    assert recipe.fingerprint("trial", data, 42) == fingerprint(
        "trial", **data.identity(), **mine, seed=42
    )
    assert wider.fingerprint("trial", data, 42) != recipe.fingerprint("trial", data, 42)


def test_a_window_longer_than_the_problems_is_one_line(lab: Lab) -> None:
    with pytest.raises(ConfigError, match="expected at most 60 bars, the problem's; got 90"):
        search_space(lab.config(space=windows(lab, context_length=(90,))), lab.problem())
    with pytest.raises(ConfigError, match="expected a patch that fits into 30 bars; got 40"):
        space = windows(lab, context_length=(30,), patch_length=(40,))
        search_space(lab.config(space=space), lab.problem())


# Workers


def test_by_default_a_search_takes_the_workers_that_pay_and_a_study_takes_one(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def at_once(_: Any, orders: dict[str, Any], n_workers: int, *_rest: Any) -> list[Failure]:
        (first, *_others) = orders.values()
        asked.append((n_workers, first.n_workers))
        return [Failure(name, "its process died") for name in orders]

    monkeypatch.setattr("finscale.pipeline.hpo.run_side_by_side", at_once)
    monkeypatch.setattr("finscale.pipeline.searching.setup.workers_here", lambda *_: 2)
    monkeypatch.setattr("finscale.pipeline.running.workers.LEAST_WORK_S", 1e-9)
    with pytest.raises(StoreError, match="worker 1, worker 2: its process died"):
        searched.hpo(n_trials=4, workers=0)
    assert asked == [(2, 2)] and "with 2 workers (measured" in searched.lines[0]
    searched.hpo(n_trials=3, workers=0)  # one trial is one worker's
    hpo(searched.config(n_trials=5, workers=0), listen=searched.listen, study="a study")
    assert asked == [(2, 2)] and len(searched.runs("trial")) == 5


# Nothing is trained


def test_a_dry_run_names_architectures_and_cost_and_leaves_no_search(lab: Lab) -> None:
    run_id = MlflowClient().create_run("0").info.run_id
    config: HpoConfig = lab.config(n_trials=20, dry_run=True, **WIDE)
    dry_run(config, run_id, listen=lab.listen)
    head, columns, *rows, expected, nothing = lab.lines
    assert head.startswith(f"{CELL}: 12 architectures within 25 % of 9K")
    assert "FLOPs a window" in columns and "memory, batch 128" in columns
    assert len(rows) == 12 and sum(" * " in row for row in rows) >= 3
    assert expected.startswith("20 trials, 0 of them done: about ")
    assert "measured 1.0 GFLOP/s" in expected and nothing.startswith("Nothing was trained")
    assert lab.runs("hpo") == lab.runs("trial") == []
    (invocation,) = lab.runs("invocation")
    assert invocation.info.run_id == run_id and invocation.info.status == "FINISHED"


def test_a_dry_run_of_what_does_not_fit_here_says_so_and_what_it_would_take(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.pipeline.searching.setup.available_memory_bytes", lambda _: 7)
    with pytest.raises(ConfigError, match=r"trains in the 0\.0 GiB free on cpu; got 9K, which"):
        dry_run(lab.config(**WIDE), listen=lab.listen)
    assert lab.lines[0].startswith(f"{CELL}: 12 architectures")
    assert len(lab.lines) == 2 + 12 and "epochs at most" not in lab.lines[1]


def test_a_dry_run_tells_how_many_architectures_it_lists(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.pipeline.searching.dry_run.MOST_ROWS", 7)
    dry_run(lab.config(n_trials=1, **WIDE), listen=lab.listen)
    head, _, *rows, expected, _ = lab.lines
    assert f"12 architectures within 25 % of 9K, {len(rows)} of them below, from the" in head
    assert len(rows) < 12
    assert expected.startswith("1 trial, 0 of them done: ") and "with 1 worker (" in expected


def test_a_dry_run_of_a_search_that_exists_counts_what_is_done(searched: Lab) -> None:
    searched.lines.clear()
    dry_run(searched.config(n_trials=5), listen=searched.listen)
    assert any(line.startswith("5 trials, 2 of them done") for line in searched.lines)


# Mistakes


def test_bfloat16_that_is_emulated_is_refused_before_a_run_is_made(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.training.machine.precision.has_bfloat16", lambda _device: False)
    for begin in (
        partial(lab.hpo, precision="bfloat16"),
        partial(lab.train, precision="bfloat16"),
        partial(dry_run, lab.config(precision="bfloat16"), listen=lab.listen),
    ):
        with pytest.raises(ConfigError, match=r"precision: expected auto or float32; got bfloat16"):
            begin()
    assert lab.runs("hpo") == lab.runs("train") == lab.runs("trial") == []


def test_mlflows_database_is_not_optunas(lab: Lab) -> None:
    with pytest.raises(ConfigError, match="expected a database of Optuna's own"):
        lab.hpo(storage=f"sqlite:///{lab.folder}/mlflow.db")
    assert lab.runs("hpo") == []


def test_a_question_mark_in_the_path_is_one_line(lab: Lab, tmp_path: Path) -> None:
    shutil.copytree(lab.data_root, tmp_path / "why?")
    with pytest.raises(ConfigError, match="data_root: expected a path without a question mark"):
        lab.hpo(data_root=tmp_path / "why?")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The disk fills up while weights are stored."""

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("finscale.pipeline.searching.trial.store_weights", no_room)
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_one_line_and_the_trial_is_not_to_blame(lab: Lab) -> None:
    with pytest.raises(StoreError, match=r"disk: expected room for .*; got none left. Free some"):
        lab.hpo(n_trials=1)
    (trial,) = lab.runs("trial")
    assert Tag.STATUS not in trial.data.tags


def test_a_deleted_parent_under_way_is_one_line(lab: Lab) -> None:
    def delete(event: object) -> None:
        if not isinstance(event, Line):
            lab.delete(lab.runs("hpo")[0].info.run_id)

    with pytest.raises(StoreError, match="expected one that exists while it is in use"):
        lab.hpo(n_trials=3, listen=delete)


@pytest.mark.parametrize(
    "experiment",
    ['it\'s "quoted" `here`', "Grüße 市场 🙂", "x" * 500],
    ids=["quotes", "unicode", "500"],
)
def test_an_experiment_may_have_any_name(
    lab: Lab, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", experiment)
    parent = lab.hpo(n_trials=1)
    assert MlflowClient().get_experiment(parent.experiment_id).name == experiment
    assert lab.hpo(n_trials=2).run_id == parent.run_id and len(lab.runs("trial")) == 2
