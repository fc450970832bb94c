"""One trial of a search: created or resumed, trained, logged and closed with a status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from finscale.config import COUNTED, StoreError, format_budget
from finscale.evaluation import score_outputs
from finscale.model import TOLERANCE
from finscale.pipeline.problem import (
    Trained,
    Trainee,
    collapse_tag,
    from_params,
    log_config,
    log_predictions,
    result_metrics,
    store_weights,
    train_model,
    validation_frame,
)
from finscale.pipeline.running import (
    EpochLog,
    Fault,
    Line,
    Progress,
    checkpoint_path,
    checkpoints_of,
    closing,
    fault_of,
    speed_curves,
)
from finscale.pipeline.searching.artifacts import LARGE_BYTES, thin_out
from finscale.pipeline.searching.context import SearchContext
from finscale.pipeline.searching.setup import GIB
from finscale.pipeline.searching.trials import OpenTrial, trial_name
from finscale.search import PastTrial, SearchTrial, Standing, optuna_state
from finscale.tracking import (
    TRAIN_FLOPS,
    VAL_LOSS,
    Kind,
    Run,
    Status,
    Tag,
    create_run,
    study_tags,
)
from finscale.training import Epoch, OnEpoch, Signal, last_epoch, remove_checkpoint

BYTES_A_WEIGHT = 4


def open_trial(context: SearchContext, trial: SearchTrial) -> OpenTrial:
    """Create the run of a proposed trial, held by this process."""
    config, data = context.config, context.data
    recipe = from_params(trial.past.params, context.template, config)
    run = create_run(
        Kind.TRIAL,
        trial_name(trial.number, recipe.arch),
        parent=context.parent,
        tags={
            **data.tags(),
            Tag.CELL: config.cell_name,
            Tag.TRIAL_NUMBER: trial.number,
            Tag.FINGERPRINT: recipe.fingerprint(Kind.TRIAL, data, config.seed),
            Tag.ATTEMPTS: 1,
            **study_tags(context.study),
        },
    )
    context.search.attach(trial.number, run.run_id)
    return OpenTrial(trial.number, run, recipe, attempts=1)


def _describe(context: SearchContext, trial: OpenTrial) -> None:
    """Log the params and inputs of a trial. Values that its run already has are kept."""
    budget = {"budget": format_budget(context.config.budget), "seed": context.config.seed}
    trial.run.param({**context.data.params(), **budget, **trial.recipe.params()})
    context.data.log_inputs(trial.run)


def run_trial(context: SearchContext, trial: OpenTrial, standing: Standing) -> Status | None:
    """Train and log one trial.

    Returns
    -------
    Status or None
        None if the time limit ended the training first. The trial can be resumed later.
    """
    path = checkpoint_path(context.config.data_root, trial.run)
    curve = list(trial.curve[: last_epoch(path)])  # the epochs after it are trained again
    tell = _teller(context, trial, standing)
    decide = _decider(context, trial, standing, curve, tell)
    speed = partial(
        speed_curves,
        arch=trial.recipe.arch,
        precision=trial.recipe.precision,
        device=context.device,
        guard=context.guard,
    )
    log = EpochLog(trial.run, context.own, len(trial.curve), decide, measured=speed)
    name = f"{context.config.cell_name}, trial {trial.number}"
    checkpoints = checkpoints_of(path, log, context.listen, name)
    try:
        with closing(trial.run, partial(_put_aside, trial, path)):
            tell(len(curve), "goes on" if curve else "begins")
            _describe(context, trial)
            trained = train_model(
                trial.recipe,
                context.data,
                context.data.search,
                context.config.budget,
                Trainee(context.config.seed, log, checkpoints),
                context.device,
                context.guard,
                context.config.compile,
                context.config.nproc,
            )
            log.flush()
            if trained.result.status == "stopped":
                _put_aside(trial, path, "timeout")
                return None
            past = _log_trial(context, trial, trained, tuple(curve))
    except Exception as error:
        if fault_of(error) is not Fault.TRAINING:
            raise
        past = _failed(context, trial, error)
    remove_checkpoint(path)  # the result is in the store
    with context.search.turn():
        context.search.finish(trial.number, past)
        if past.status == Status.OK:
            _thin_out(context, standing.n_finished + 1)
    tell(context.config.epochs if past.status in COUNTED else 0, past.status)
    return Status(past.status)


def _failed(context: SearchContext, trial: OpenTrial, error: Exception) -> PastTrial:
    """Return the record of a trial that failed by itself. The search goes on with others."""
    trial.run.tag({Tag.TRIAL_STATE: optuna_state(Status.FAILED)})
    said = f"trial {trial.number} failed, its run says why: {type(error).__name__}"
    context.listen(Line(f"{context.config.cell_name}: {said}."))
    return PastTrial(trial.recipe.search_params(), Status.FAILED.value)


def _teller(
    context: SearchContext, trial: OpenTrial, standing: Standing
) -> Callable[[int, str], None]:
    """Return the function that reports the progress of a trial as a part of its search."""
    config = context.config
    total, before = config.n_trials * config.epochs, standing.n_finished * config.epochs
    n_epochs = trial.recipe.settings(config.seed).n_epochs(len(context.data.search.at.train))

    def tell(epoch: int, text: str) -> None:
        name = f"trial {trial.number}"
        done = config.epochs * min(1.0, epoch / n_epochs)
        text = f"{name}, {text}, {context.device}"
        context.listen(Progress(f"{config.cell_name} search", done, total, text, name, before))

    return tell


def _decider(
    context: SearchContext,
    trial: OpenTrial,
    standing: Standing,
    curve: list[float],
    tell: Callable[[int, str], None],
) -> OnEpoch:
    """Return the callback for each epoch: it reports progress and stops or prunes the trial."""
    config = context.config
    n_train = len(context.data.search.at.train)
    warmup = trial.recipe.settings(config.seed).warmup_epochs(n_train)

    def decide(epoch: Epoch) -> Signal:
        curve.append(epoch.val_loss)
        context.search.report(trial.number, epoch.number, epoch.val_loss)
        so_far = lowest_so_far(standing, min(curve))
        tell(epoch.number, f"epoch {epoch.number}: {epoch.val_loss:.4f} nats{so_far}")
        # The loss during the warm-up does not predict the final loss.
        if epoch.number > warmup and context.search.should_prune(trial.number, curve):
            return Signal.PRUNE
        return Signal.STOP if context.is_over_time else Signal.CONTINUE

    return decide


def lowest_so_far(standing: Standing, own: float) -> str:
    """Return a text with the lowest loss so far, including this trial's own."""
    best = standing.best
    pruned = f", {standing.n_pruned} pruned" if standing.n_pruned else ""
    if best is None or best.past.loss is None or own < best.past.loss:
        return f"; lowest so far {own:.4f} (this trial){pruned}"
    return f"; lowest so far {best.past.loss:.4f} (trial {best.number}){pruned}"


def _log_trial(
    context: SearchContext, trial: OpenTrial, trained: Trained, curve: tuple[float, ...]
) -> PastTrial:
    status = Status(trained.result.status)
    params = trial.recipe.search_params()
    trial.run.check_held()
    engine = trained.result.engine
    trial.run.tag({Tag.TRIAL_STATE: optuna_state(status.value), Tag.ENGINE: engine})
    past = PastTrial(params, status.value, curve=curve)
    if status is Status.OK:
        data, outputs_NK = context.data, trained.val_outputs_NK
        scores = score_outputs(data.labels_T[data.search.at.validation], outputs_NK)
        log_config(trial.run, trained, data, data.search, context.config.seed)
        _keep_weights(context, trial.run, trained)
        log_predictions(trial.run, validation_frame(data, outputs_NK))
        trial.run.tag(collapse_tag([outputs_NK]))
        metrics = result_metrics(
            trial.recipe.arch, [trained.result], data, scores, context.reference_loss
        )
        trial.run.metric_once(metrics)
        past = PastTrial(params, status.value, metrics[VAL_LOSS], curve, metrics[TRAIN_FLOPS])
    trial.run.end(status, trained.result.reason)
    return past


def _keep_weights(context: SearchContext, run: Run, trained: Trained) -> None:
    if context.config.artifacts == "none":
        run.tag({Tag.WEIGHTS: "not kept: artifacts=none"})
    else:
        store_weights(run, trained.model)


def _thin_out(context: SearchContext, n_stored: int) -> None:
    config = context.config
    largest = BYTES_A_WEIGHT * (1.0 + TOLERANCE) * config.budget
    max_bytes = config.max_artifact_gib * GIB
    # Below these bounds no sum can exceed the limit; summing takes longer with every trial.
    if largest > LARGE_BYTES or largest * n_stored > max_bytes:
        thin_out(context.parent, config.artifacts, max_bytes)


def _put_aside(trial: OpenTrial, path: Path, reason: str) -> None:
    """Leave a trial to be resumed. A stop by the user does not count as a failed attempt.

    If the store cannot be reached, a file beside the checkpoint records the number of attempts.
    """
    try:
        trial.run.tag({Tag.ATTEMPTS: trial.attempts - 1})
        trial.run.interrupt(reason)
    except StoreError:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _aside(path).write_text(str(trial.attempts - 1), encoding="utf-8")


def deaths(path: Path, tags: Mapping[str, str]) -> int:
    """Return how often a trial's process has died, by its run or by the file beside it."""
    recorded = int(tags.get(Tag.ATTEMPTS, "0"))
    with suppress(OSError, ValueError):
        recorded = min(recorded, int(_aside(path).read_text(encoding="utf-8")))
        _aside(path).unlink()
    return recorded


def _aside(path: Path) -> Path:
    return path.with_suffix(".aside")
