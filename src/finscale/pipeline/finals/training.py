"""Training of a cell's finals: one run per recipe and seed, with its predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
import torch

from finscale.config import StoreError, TrainConfig, format_budget
from finscale.evaluation import sample_losses, score_outputs
from finscale.pipeline.problem import (
    FoldData,
    Outputs,
    ProblemData,
    Recipe,
    Trained,
    architecture_name,
    collapse_tag,
    evaluation_positions,
    final_note,
    log_config,
    log_predictions,
    outputs_at,
    predictions_frame,
    result_metrics,
    serve_predictions,
    store_weights,
    train_model,
)
from finscale.pipeline.running import EpochLog, Listen, Progress, closing, guard_of, speed_curves
from finscale.tracking import (
    Kind,
    Run,
    Status,
    Tag,
    create_run,
    curve,
    final_seeds,
    finals,
    find_result,
    metric_of,
    study_tags,
)
from finscale.training import Epoch, FitResult, Signal, ThermalGuard


@dataclass(frozen=True, eq=False)
class CellContext:
    """Objects and settings that every final of a cell needs."""

    config: TrainConfig
    data: ProblemData
    parent: Run
    device: torch.device
    reference_loss: float
    listen: Listen
    study: str | None

    @cached_property
    def guard(self) -> ThermalGuard:
        """Guard that watches the heat of the machine while finals train."""
        return guard_of("train", self.config, self.device, self.listen)


@dataclass(frozen=True, eq=False)
class Final:
    """A recipe trained with one seed on every fold.

    Attributes
    ----------
    last : Trained
        The model of the last fold, which is the one that is served.
    outputs : tuple of ndarray
        outputs_NK of each fold at its evaluation positions.
    train_loss : float
        Training loss in nats, mean over folds.
    """

    last: Trained
    results: tuple[FitResult, ...]
    outputs: tuple[Outputs, ...]
    train_loss: float


def train_finals(context: CellContext, recipes: Sequence[Recipe]) -> pd.DataFrame:
    """Train the missing finals; return all, one row per configuration and seed."""
    config = context.config
    seeds = final_seeds(config.seed, config.n_seeds)
    wanted = [(recipe, seed) for recipe in recipes for seed in seeds]
    identities = [recipe.fingerprint(Kind.FINAL, context.data, seed) for recipe, seed in wanted]
    for number, ((recipe, seed), identity) in enumerate(zip(wanted, identities, strict=True)):
        if find_result(Kind.FINAL, identity) is None:
            context.listen(_progress(context, number, len(wanted), 0, f"seed {seed}"))
            _train_final(context, recipe, seed, identity, number, len(wanted))
    context.listen(_progress(context, len(wanted), len(wanted), 0, "done"))
    # A final may belong to the cell of a neighbouring budget; it is not trained twice.
    stored = finals(problem=config.problem_name)
    rows = stored[stored["fingerprint"].isin(identities) & (stored["status"] == Status.OK)]
    if rows.empty:
        raise StoreError(
            f"finals of {config.cell_name}",
            expected="at least one that did not diverge or fail",
            got="none",
            todo="Look at their runs: their tags say why.",
        )
    return rows.reset_index(drop=True)


def _progress(context: CellContext, number: int, n_finals: int, epoch: int, text: str) -> Progress:
    """Return the progress of the finals, in epochs; each trains every fold for `epochs` at most."""
    epochs = context.config.epochs * len(context.data.folds)
    key = f"{context.config.cell_name} finals"
    return Progress(key, number * epochs + epoch, n_finals * epochs, text)


def _train_final(
    context: CellContext, recipe: Recipe, seed: int, identity: str, number: int, n_finals: int
) -> None:
    run = _open_final(context, recipe, seed, identity)

    def show(step: int, text: str) -> None:
        context.listen(_progress(context, number, n_finals, step, f"seed {seed}, {text}"))

    with closing(run):
        # An interrupted run may lack these; values that it already has are kept.
        budget = {"budget": format_budget(context.config.budget), "seed": seed}
        run.param({**context.data.params(), **budget, **recipe.params()})
        context.data.log_inputs(run)
        final, status, reason = _train_folds(context, recipe, seed, run, show)
        if final:
            _log_final(context, run, final, seed)
        run.end(status, reason)


def _train_folds(
    context: CellContext, recipe: Recipe, seed: int, run: Run, show: Callable[[int, str], None]
) -> tuple[Final | None, Status, str]:
    """Train a model on every fold. A model that diverges ends the final."""
    data, epochs, device = context.data, context.config.epochs, context.device
    speed = partial(
        speed_curves,
        arch=recipe.arch,
        precision=recipe.precision,
        device=device,
        guard=context.guard,
    )
    logged = metric_of(run.run_id, curve("train_loss"))
    done = logged.step if logged else 0
    results: list[FitResult] = []
    outputs: list[Outputs] = []
    train_losses: list[float] = []
    for number, fold in enumerate(data.folds):
        block = f"block {number + 1} of {len(data.folds)}, " if len(data.folds) > 1 else ""

        def on_epoch(epoch: Epoch, offset: int = number * epochs, block: str = block) -> Signal:
            loss = f": {epoch.val_loss:.4f} nats" if offset == 0 else ""
            show(offset + epoch.number, f"{block}epoch {epoch.number}{loss}")
            return Signal.CONTINUE

        log = EpochLog(run, context.parent, done, on_epoch, number * epochs, speed)
        trained = train_model(
            recipe, data, fold, context.config.budget, seed, device, log, guard=context.guard
        )
        log.flush()
        status = Status(trained.result.status)
        if status is not Status.OK:
            return None, status, trained.result.reason
        results.append(trained.result)
        positions = evaluation_positions(fold.at)
        outputs.append(serve_predictions(trained.model, data, fold, positions, context.device))
        train_losses.append(_train_loss(trained, data, fold))
    final = Final(trained, tuple(results), tuple(outputs), float(np.mean(train_losses)))
    return final, Status.OK, trained.result.reason


def _open_final(context: CellContext, recipe: Recipe, seed: int, identity: str) -> Run:
    """Reopen the run of an interrupted final, or create a new one."""
    config, data = context.config, context.data
    if run := _interrupted(context.parent, identity):
        run.reopen()
        return run
    return create_run(
        Kind.FINAL,
        f"final {architecture_name(recipe.arch)} seed {seed}",
        parent=context.parent,
        tags={
            **data.tags(),
            Tag.CELL: config.cell_name,
            Tag.FINGERPRINT: identity,
            Tag.CONFIGURATION: recipe.fingerprint("configuration", data),
            **study_tags(context.study),
        },
    )


def _interrupted(parent: Run, identity: str) -> Run | None:
    stored = finals(parent=parent.run_id)
    if stored.empty:
        return None
    status = stored["status"] if "status" in stored else pd.Series(pd.NA, stored.index)
    mine = stored[(stored["fingerprint"] == identity) & status.isna()]
    if mine.empty:
        return None
    return Run(mine.iloc[0]["run_id"], mine.iloc[0]["experiment_id"])


def _log_final(context: CellContext, run: Run, final: Final, seed: int) -> None:
    """Store weights, predictions for validation and test, and scores for validation only."""
    run.check_held()
    data, first = context.data, context.data.folds[0]
    n = len(first.at.validation)
    # Only the first fold is scored: a later fold validates on test days of an earlier one, which
    # no choice may see.
    scores = score_outputs(data.labels_T[first.at.validation], final.outputs[0][:n])
    log_config(run, final.last, data, data.folds[-1], seed)
    store_weights(run, final.last.model)
    log_predictions(run, predictions_frame(data, final.outputs))
    validations = [
        outputs_NK[: len(fold.at.validation)]
        for fold, outputs_NK in zip(data.folds, final.outputs, strict=True)
    ]
    run.tag(collapse_tag(validations))
    metrics = result_metrics(
        final.last.recipe.arch, final.results, data, scores, context.reference_loss
    )
    run.metric_once({**metrics, "train_loss": final.train_loss})
    run.note(final_note(context.config.cell_name, scores.loss, context.reference_loss))


def _train_loss(trained: Trained, data: ProblemData, fold: FoldData) -> float:
    """Return the loss of the kept weights on training samples, to tell underfitting apart."""
    outputs_NK = outputs_at(trained.model, data, fold, fold.at.train, torch.device("cpu"))
    return float(sample_losses(data.labels_T[fold.at.train], outputs_NK).mean())
