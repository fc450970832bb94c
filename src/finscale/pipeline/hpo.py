"""`hpo`: search the best model of one parameter budget, every trial a nested run."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, replace

import torch

from finscale.config import HpoConfig, SearchConfig, format_budget, options, spell
from finscale.evaluation import score_outputs
from finscale.pipeline.baselines import REFERENCE, ensure_baselines
from finscale.pipeline.fitting import (
    Trained,
    collapse_tag,
    epoch_logger,
    log_model,
    result_metrics,
    train_model,
)
from finscale.pipeline.optimism import ensure_optimism
from finscale.pipeline.plan import check_memory, expected_time, search_identity, search_space
from finscale.pipeline.predictions import log_predictions, validation_frame
from finscale.pipeline.problem import ProblemData, load_problem
from finscale.pipeline.progress import Line, Listen, Screen, Work
from finscale.pipeline.recipe import Recipe, from_params
from finscale.pipeline.trials import OpenTrial, SearchState, read_state, trial_name
from finscale.search import PastTrial, Search, SearchSpace, optuna_state
from finscale.tracking import (
    Kind,
    Run,
    Status,
    Tag,
    VerbRun,
    close_abandoned,
    create_run,
    verb_run,
)
from finscale.training import Epoch, Signal, pick_device

MAX_ATTEMPTS = 2
MAX_FAILURES_IN_A_ROW = 3


@dataclass(frozen=True, eq=False)
class Bench:
    """What every trial of a search needs."""

    config: SearchConfig
    data: ProblemData
    parent: Run
    search: Search
    device: torch.device
    reference_loss: float
    listen: Listen
    study: str | None


def hpo(
    config: HpoConfig,
    run_id: str | None = None,
    *,
    listen: Listen | None = None,
    study: str | None = None,
) -> Run:
    """Search until `n_trials` trials have finished; the same call goes on where it stopped.

    Parameters
    ----------
    run_id : str, optional
        The run that `mlflow run` made.
    listen : callable, optional
        Told of progress; by default it is shown on the terminal.
    study : str, optional
        Name of the study that asks: the tag of runs it is the first to make.

    Returns
    -------
    Run
        The parent of the trials.
    """
    if listen is None:
        with Screen() as screen:
            return hpo(config, run_id, listen=screen, study=study)
    close_abandoned(time.time())
    data = load_problem(config, config.floors, listen)
    space = search_space(config, data)
    device = pick_device(config.device)
    check_memory(config, space, device)
    name = f"hpo {format_budget(config.budget)} {config.problem_name}"
    tags = {**data.tags(), Tag.CELL: config.cell_name, Tag.TARGETS: f"n_trials={config.n_trials}"}
    with verb_run(
        Kind.HPO,
        name,
        run_id=run_id,
        params=options(config),
        tags=tags | ({Tag.STUDY: study} if study else {}),
        identity=search_identity(config, data),
    ) as opened:
        _search(config, data, space, device, opened, listen, study)
        return opened.parent


def _search(
    config: SearchConfig,
    data: ProblemData,
    space: SearchSpace,
    device: torch.device,
    opened: VerbRun,
    listen: Listen,
    study: str | None,
) -> None:
    """Finish interrupted trials, then propose and train new ones."""
    parent = opened.parent
    if opened.is_new:
        data.log_inputs(parent)
    state = read_state(parent, space.architectures[0], config)
    reference = ensure_baselines(data, study)[REFERENCE]
    search = Search(space, config.seed, state.past)
    bench = Bench(config, data, parent, search, device, reference.val_loss, listen, study)
    _announce(bench, state, space)
    for run in state.stillborn:
        run.end(Status.FAILED, "killed")
    for trial in state.unfinished:
        _take_over(bench, trial)
    state = read_state(parent, space.architectures[0], config)
    failures = 0
    while state.n_finished < config.n_trials:
        _write_note(bench, state, "running")
        params = search.propose(config.n_trials)
        if params is None:
            listen(Line(f"{config.cell_name}: every point of the space has been tried."))
            break
        recipe = from_params(params, space.architectures[0], config)
        status = _run_trial(bench, _new_trial(bench, state.next_number, recipe), state.n_finished)
        failures = failures + 1 if status is Status.FAILED else 0
        if failures == MAX_FAILURES_IN_A_ROW:
            raise RuntimeError(f"{failures} trials in a row failed: see their traceback artifacts")
        state = read_state(parent, space.architectures[0], config)
    _conclude(bench, state)


def _conclude(bench: Bench, state: SearchState) -> None:
    if state.best is None:
        _write_note(bench, state, "complete")
        return
    config = bench.config
    optimism = ensure_optimism(bench.parent, state.n_finished, config.horizon)
    _write_note(bench, state, "complete", optimism)
    best = f"{state.best.name} with {state.best.val_loss:.4f} nats"
    bench.listen(Line(f"{config.cell_name}: {state.n_finished} trials, best {best}."))


def _announce(bench: Bench, state: SearchState, space: SearchSpace) -> None:
    config = bench.config
    left = config.n_trials - state.n_finished
    if left <= 0:
        bench.listen(
            Line(f"{config.cell_name}: the search has its {state.n_finished} trials already.")
        )
    elif bench.study is None:
        n_train = len(bench.data.search.at.train)
        bench.listen(Line(expected_time(config, space, bench.device, left, n_train)))


def _new_trial(bench: Bench, number: int, recipe: Recipe) -> OpenTrial:
    config, data = bench.config, bench.data
    run = create_run(
        Kind.TRIAL,
        trial_name(number, recipe.arch),
        parent=bench.parent,
        tags={
            **data.tags(),
            Tag.CELL: config.cell_name,
            Tag.TRIAL_NUMBER: number,
            Tag.FINGERPRINT: recipe.fingerprint(Kind.TRIAL, data, config.seed),
            Tag.ATTEMPTS: 1,
            **({Tag.STUDY: bench.study} if bench.study else {}),
        },
    )
    budget = {"budget": format_budget(config.budget), "seed": config.seed}
    run.param({**data.params(), **budget, **recipe.params()})
    data.log_inputs(run)
    return OpenTrial(number, run, recipe, attempts=1, epochs_logged=0)


def _take_over(bench: Bench, trial: OpenTrial) -> None:
    """Start an interrupted trial again, under its run and number; give up on a second death."""
    if trial.attempts >= MAX_ATTEMPTS:
        trial.run.end(Status.FAILED, "killed")
        return
    bench.listen(Line(f"{bench.config.cell_name}: going on with trial {trial.number}."))
    trial.run.reopen()
    restarted = replace(trial, attempts=trial.attempts + 1)
    trial.run.tag({Tag.ATTEMPTS: restarted.attempts, Tag.REASON: "restarted"})
    _run_trial(bench, restarted, trial.number)


def _run_trial(bench: Bench, trial: OpenTrial, n_done: int) -> Status:
    """Train and log one trial; every way it can end is a status of its run."""
    curve: list[float] = []
    total = bench.config.n_trials * bench.config.epochs
    n_train = len(bench.data.search.at.train)
    warmup = trial.recipe.settings(bench.config.seed).warmup_epochs(n_train)

    def prune(epoch: Epoch) -> Signal:
        curve.append(epoch.val_loss)
        done = n_done * bench.config.epochs + epoch.number
        text = f"trial {trial.number}, epoch {epoch.number}: {epoch.val_loss:.4f} nats"
        bench.listen(Work(f"{bench.config.cell_name} search", done, total, text))
        # The loss of a warm-up says nothing about where a trial will end.
        hopeless = epoch.number > warmup and bench.search.should_prune(curve)
        return Signal.PRUNE if hopeless else Signal.CONTINUE

    on_epoch = epoch_logger(trial.run, bench.parent, trial.epochs_logged, prune)
    try:
        trained = train_model(
            trial.recipe,
            bench.data,
            bench.data.search,
            bench.config.budget,
            bench.config.seed,
            bench.device,
            on_epoch,
        )
        status = _log_trial(bench, trial, trained)
        loss = trained.result.val_loss if status is Status.OK else None
    except KeyboardInterrupt:
        trial.run.tag({Tag.ATTEMPTS: trial.attempts - 1})  # a user's stop is no failure
        trial.run.interrupt("interrupted")
        raise
    except Exception as error:
        trial.run.tag({Tag.TRIAL_STATE: optuna_state(Status.FAILED)})
        trial.run.fail(failure_reason(error), traceback.format_exc())
        status, loss = Status.FAILED, None
    params = trial.recipe.search_params()
    bench.search.learn(PastTrial(params, status.value, loss, tuple(curve)))
    return status


def _log_trial(bench: Bench, trial: OpenTrial, trained: Trained) -> Status:
    status = Status(trained.result.status)
    trial.run.tag({Tag.TRIAL_STATE: optuna_state(status.value)})
    if status is Status.OK:
        data, outputs_NK = bench.data, trained.val_outputs_NK
        scores = score_outputs(data.labels_T[data.search.at.validation], outputs_NK)
        log_model(trial.run, trained, data, data.search, bench.config.seed)
        log_predictions(trial.run, validation_frame(data, outputs_NK))
        trial.run.tag(collapse_tag([outputs_NK]))
        trial.run.metric_once(
            result_metrics(trial.recipe.arch, [trained.result], data, scores, bench.reference_loss)
        )
    trial.run.end(status, trained.result.reason)
    return status


def failure_reason(error: Exception) -> str:
    """Name why a run failed."""
    out_of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return "out_of_memory" if out_of_memory or "not enough memory" in str(error) else "error"


def _write_note(bench: Bench, state: SearchState, how: str, optimism: float | None = None) -> None:
    """Say what this search is, where it stands, and what to do next."""
    config = bench.config
    best = state.best
    chosen = ""
    if best:
        chosen = f"- **Best**: [{best.name}]({best.run.link}), {best.val_loss:.4f} nats"
        if optimism is not None:
            chosen += f"; for having been chosen it looks about {optimism:.4f} better than it is"
        chosen += "\n"
    bench.parent.note(
        f"Search of the best PatchTST of {format_budget(config.budget)} parameters for "
        f"`{config.problem_name}`.\n\n"
        f"- **State**: {how}, {state.n_finished} of {config.n_trials} trials finished, "
        f"{state.n_failed} failed\n"
        f"{chosen}"
        f"- **Go on** (as it is, or with a larger `n_trials`): `{spell('hpo', config)}`\n"
        f"- **Next**: `{spell('train', config)}` trains the best with several seeds\n"
    )
