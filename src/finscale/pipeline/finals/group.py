"""Training of a group of finals: one configuration with several seeds, in one program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from finscale.config import format_budget
from finscale.evaluation import sample_losses, score_outputs
from finscale.pipeline.finals.context import CellContext
from finscale.pipeline.problem import (
    FoldData,
    Outputs,
    Recipe,
    Trained,
    Trainee,
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
    train_models,
)
from finscale.pipeline.running import (
    EpochLog,
    Progress,
    checkpoint_path,
    checkpoints_of,
    closing_all,
    speed_curves,
)
from finscale.tracking import (
    N_TOGETHER,
    Kind,
    Run,
    Status,
    Tag,
    create_run,
    curve,
    finals,
    metric_of,
    study_tags,
)
from finscale.training import Checkpoints, Epoch, FitResult, Signal, remove_checkpoint


@dataclass(frozen=True)
class Group:
    """Seeds with which a recipe is trained in one program.

    Attributes
    ----------
    n_stored, n_finals : int
        Number of the cell's finals that were stored when this command began, and of all.
    """

    recipe: Recipe
    seeds: tuple[int, ...]
    n_stored: int
    n_finals: int


@dataclass(eq=False)
class _Final:
    """A recipe in training with one seed, on one fold after the other.

    Attributes
    ----------
    done : int
        Number of epochs that an interrupted attempt has logged.
    outputs : list of ndarray
        outputs_NK of each fold at its evaluation positions.
    train_losses : list of float
        Training loss of each fold in nats.
    """

    seed: int
    run: Run
    done: int
    results: list[FitResult] = field(default_factory=list)
    outputs: list[Outputs] = field(default_factory=list)
    train_losses: list[float] = field(default_factory=list)


def train_group(context: CellContext, group: Group) -> None:
    """Train a recipe with several seeds on every fold; each seed has a run of its own.

    A model that diverges ends its final, and the others go on.
    """
    started = [_open_final(context, group.recipe, seed) for seed in group.seeds]
    open_runs = [final.run for final in started]
    with closing_all(open_runs):
        for final in started:
            _describe(context, group.recipe, final)
        going = started
        for number, fold in enumerate(context.data.folds):
            trained = _train_fold(context, group, going, number)
            for final, one in zip(going, trained, strict=True):
                reached, text = (number + 1) * context.config.epochs, f"seed {final.seed}, scoring"
                context.listen(progress(context, group, reached, text, final.seed))
                _take(context, final, one, fold)
                is_last = number == len(context.data.folds) - 1
                if is_last or one.result.status != Status.OK:
                    _end(context, final, one, len(group.seeds))
                    open_runs.remove(final.run)
                    _tell_end(context, group, final)
            going = [final for final in going if final.run in open_runs]
            if not going:
                break


def _describe(context: CellContext, recipe: Recipe, final: _Final) -> None:
    """Log params and inputs. An interrupted run keeps the values that it already has."""
    budget = {"budget": format_budget(context.config.budget), "seed": final.seed}
    final.run.param({**context.data.params(), **budget, **recipe.params()})
    context.data.log_inputs(final.run)


def _train_fold(
    context: CellContext, group: Group, going: Sequence[_Final], number: int
) -> list[Trained]:
    data, config = context.data, context.config
    logs = [_log(context, group, final, number) for final in going]
    trainees = [
        Trainee(final.seed, log, _checkpoints(context, final, log, number))
        for final, log in zip(going, logs, strict=True)
    ]
    fold = data.folds[number]
    trained = train_models(
        group.recipe,
        data,
        fold,
        config.budget,
        trainees,
        context.device,
        context.guard,
        config.compile,
        config.nproc,
    )
    for log in logs:
        log.flush()
    return trained


def _checkpoints(context: CellContext, final: _Final, log: EpochLog, number: int) -> Checkpoints:
    config = context.config
    path = checkpoint_path(config.data_root, final.run, number)
    return checkpoints_of(path, log, context.listen, f"{config.cell_name}, seed {final.seed}")


def _log(context: CellContext, group: Group, final: _Final, number: int) -> EpochLog:
    n_folds, offset = len(context.data.folds), number * context.config.epochs
    block = f"block {number + 1} of {n_folds}, " if n_folds > 1 else ""

    def on_epoch(epoch: Epoch) -> Signal:
        loss = f": {epoch.val_loss:.4f} nats" if number == 0 else ""
        text = f"seed {final.seed}, {block}epoch {epoch.number}{loss}"
        context.listen(progress(context, group, offset + epoch.number, text, final.seed))
        return Signal.CONTINUE

    speed = partial(
        speed_curves,
        arch=group.recipe.arch,
        precision=group.recipe.precision,
        device=context.device,
        guard=context.guard,
    )
    return EpochLog(final.run, context.own, final.done, on_epoch, offset, speed)


def progress(
    context: CellContext, group: Group, epoch: int, text: str, seed: int | None = None
) -> Progress:
    """Return the progress of the finals, in epochs."""
    epochs = epochs_of_each(context)
    name = f"{architecture_name(group.recipe.arch)} seed {seed}" if seed is not None else ""
    return Progress(
        finals_key(context),
        epoch,
        group.n_finals * epochs,
        text,
        part=name,
        before=group.n_stored * epochs,
    )


def finals_key(context: CellContext) -> str:
    """Return the key of the progress of a cell's finals."""
    return f"{context.config.cell_name} finals"


def epochs_of_each(context: CellContext) -> int:
    """Return the number of epochs of a final: every fold is trained for `epochs` at most."""
    return context.config.epochs * len(context.data.folds)


def _tell_end(context: CellContext, group: Group, final: _Final) -> None:
    epochs, text = epochs_of_each(context), f"seed {final.seed}, done"
    context.listen(progress(context, group, epochs, text, final.seed))


def _take(context: CellContext, final: _Final, trained: Trained, fold: FoldData) -> None:
    """Keep the results of a fold."""
    final.results.append(trained.result)
    if trained.result.status != Status.OK:
        return
    positions = evaluation_positions(fold.at)
    outputs_NK = serve_predictions(trained.model, context.data, fold, positions, context.device)
    final.outputs.append(outputs_NK)
    final.train_losses.append(_train_loss(context, trained, fold))


def _end(context: CellContext, final: _Final, trained: Trained, n_together: int) -> None:
    """Store a final, or say why it has no result, and end its run."""
    status = Status(trained.result.status)
    if status is Status.OK:
        _store(context, final, trained)
    final.run.metric_once({N_TOGETHER: n_together})
    final.run.tag({Tag.ENGINE: trained.result.engine})
    final.run.end(status, trained.result.reason)
    for number in range(len(context.data.folds)):
        remove_checkpoint(checkpoint_path(context.config.data_root, final.run, number))


def _open_final(context: CellContext, recipe: Recipe, seed: int) -> _Final:
    """Reopen the run of an interrupted final, or create a new one."""
    config, data = context.config, context.data
    identity = recipe.fingerprint(Kind.FINAL, data, seed)
    if run := _interrupted(context.parent, identity):
        run.reopen()
        logged = metric_of(run.run_id, curve("train_loss"))
        return _Final(seed, run, logged.step if logged else 0)
    run = create_run(
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
    return _Final(seed, run, 0)


def _interrupted(parent: Run, identity: str) -> Run | None:
    stored = finals(parent=parent.run_id)
    if stored.empty:
        return None
    status = stored["status"] if "status" in stored else pd.Series(pd.NA, stored.index)
    mine = stored[(stored["fingerprint"] == identity) & status.isna()]
    if mine.empty:
        return None
    return Run(mine.iloc[0]["run_id"], mine.iloc[0]["experiment_id"])


def _store(context: CellContext, final: _Final, last: Trained) -> None:
    """Store weights, predictions for validation and test, and scores for validation only."""
    run = final.run
    run.check_held()
    data, first = context.data, context.data.folds[0]
    n = len(first.at.validation)
    # Only the first fold is scored: a later fold validates on test days of an earlier one, which
    # no choice may see.
    scores = score_outputs(data.labels_T[first.at.validation], final.outputs[0][:n])
    log_config(run, last, data, data.folds[-1], final.seed)
    store_weights(run, last.model)
    log_predictions(run, predictions_frame(data, final.outputs))
    validations = [
        outputs_NK[: len(fold.at.validation)]
        for fold, outputs_NK in zip(data.folds, final.outputs, strict=True)
    ]
    run.tag(collapse_tag(validations))
    metrics = result_metrics(last.recipe.arch, final.results, data, scores, context.reference_loss)
    run.metric_once({**metrics, "train_loss": float(np.mean(final.train_losses))})
    run.note(final_note(context.config.cell_name, scores.loss, context.reference_loss))


def _train_loss(context: CellContext, trained: Trained, fold: FoldData) -> float:
    """Return the loss of the kept weights on training samples, to tell underfitting apart."""
    data = context.data
    outputs_NK = outputs_at(trained.model, data, fold, fold.at.train, context.device)
    return float(sample_losses(data.labels_T[fold.at.train], outputs_NK).mean())
