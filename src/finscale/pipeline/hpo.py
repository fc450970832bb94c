"""`hpo`: searches for the best model of one parameter budget; every trial is a nested run."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial

from finscale.config import HpoConfig, counted, format_budget, options, spell
from finscale.pipeline.problem import (
    ProblemData,
    ensure_page,
    load_problem,
    precision_of,
    search_identity,
)
from finscale.pipeline.running import (
    Line,
    Listen,
    check_cool,
    check_devices,
    failure_lines,
    on_terminal,
    renewing,
    run_side_by_side,
    shown,
    unfinished,
)
from finscale.pipeline.searching import (
    SearchContext,
    best_name,
    check_memory,
    ensure_optimism,
    expected,
    facts_of,
    front_lines,
    n_stored,
    open_context,
    optuna_address,
    other_searches,
    search_space,
    standing_of,
    write_note,
    write_pictures,
)
from finscale.search import FIRST_LOOK, OptunaAddress, Standing, turn
from finscale.tracking import (
    Kind,
    Run,
    StoppedError,
    Tag,
    prepare_store,
    study_tags,
    verb_run,
)
from finscale.training import check_precision, pick_device

NEAREST = 3
"""Number of other searches that are named when a new one begins."""


@shown
def hpo(
    config: HpoConfig,
    run_id: str | None = None,
    *,
    listen: Listen = on_terminal,
    study: str | None = None,
) -> Run:
    """Search until `n_trials` trials have finished. The same call resumes a stopped search.

    Several processes may call it at the same time; they then work on one search.

    Parameters
    ----------
    run_id : str, optional
        Id of the run that `mlflow run` created.
    listen : callable, optional
        Receives progress events; by default they are shown on the terminal.
    study : str, optional
        Name of the study that calls; runs that it creates are tagged with it.

    Returns
    -------
    Run
        The parent run of the trials.
    """
    deadline = time.monotonic() + (config.timeout or math.inf)
    prepare_store(time.time())  # reports a wrong address before data are fetched
    data = load_problem(config, config.floors, listen)
    space, identity = search_space(config, data), search_identity(config, data)
    if n_stored(config.cell_name, identity) < config.n_trials:  # else nothing is trained
        device = pick_device(config.device)
        check_precision(config.precision, device)
        check_devices(config.nproc, device)
        check_memory(config, space, device)
        check_cool(config.health, device)
    address = optuna_address(config, identity)
    running = verb_run(
        Kind.HPO,
        f"hpo {format_budget(config.budget)} {config.title}",
        run_id=run_id,
        params=options(config),
        tags=_tags(config, data, study),
        identity=identity,
        resume=spell("hpo", config),
        turn=partial(turn, address),
    )
    with suppress(StoppedError), running as runs:
        if runs.is_new:
            data.log_inputs(runs.parent)
            _name_others(config, identity, listen)
        ensure_page(config, data.inputs, listen, study)
        context = open_context(
            config,
            data,
            address,
            facts_of(config, runs.parent, runs.own, identity, study),
            own=runs.own,
            device_name=config.device,
            listen=listen,
            deadline=deadline,
        )
        _search(context, address)
    return runs.parent


def _tags(config: HpoConfig, data: ProblemData, study: str | None) -> dict[str, str]:
    tags = {**data.tags(), Tag.CELL: config.cell_name, Tag.TARGETS: f"n_trials={config.n_trials}"}
    return tags | {Tag.RESOLVED_PRECISION: precision_of(config)} | study_tags(study)


def _search(context: SearchContext, address: OptunaAddress) -> None:
    """Train the missing trials, here or in workers, and report the result.

    Raises
    ------
    StoppedError
        If the time limit ends before all trials have finished.
    StoreError
        If workers failed and trials are missing.
    """
    config = context.config
    standing = standing_of(context)
    context = _announced(context, standing)
    write_note(context, standing)
    if standing.n_finished < config.n_trials or standing.running:
        standing = _train(context, address, standing)
    if context.is_over_time and standing.n_finished < config.n_trials:
        write_note(context, standing, "stopped by its time limit")
        write_pictures(context, standing)
        context.listen(Line(f"{config.cell_name}: the time is up; the same command continues."))
        raise StoppedError("timeout")
    if standing.n_finished < config.n_trials:
        _say_why(context, standing)
    elif config.terminator:
        context.listen(Line(f"{config.cell_name}: {_why_to_the_end(standing.n_finished)}."))
    _conclude(context, standing)


def _train(context: SearchContext, address: OptunaAddress, standing: Standing) -> Standing:
    if context.n_workers == 1 or standing.n_finished >= context.config.n_trials:
        from finscale.pipeline.searching import (
            run_trials,  # imports torch, which a complete search does not need
        )

        return run_trials(context)
    return _side_by_side(context, address)


def _name_others(config: HpoConfig, identity: str, listen: Listen) -> None:
    """Name the existing searches of this cell and how their options differ from this one."""
    if others := other_searches(config, identity):
        named = "; ".join(others[:NEAREST])
        left = len(others) - NEAREST
        named += f"; and {left} more" if left > 0 else ""
        n_others = counted(len(others), "other search", "other searches")
        listen(Line(f"{config.cell_name}: a new search. {n_others} of this cell had {named}."))


def _side_by_side(context: SearchContext, address: OptunaAddress) -> Standing:
    from finscale.pipeline.searching import Order, join

    left = context.deadline - time.monotonic()
    command = context.own or context.parent
    n_workers = context.n_workers
    order = Order(address, command, str(context.device), left, n_workers)
    orders = {f"worker {number}": order for number in range(1, n_workers + 1)}
    listen = renewing(context.listen, command)
    failures = run_side_by_side(join, orders, n_workers, listen)
    standing = standing_of(context)
    cell, resume = context.config.cell_name, spell("hpo", context.config)
    if failures and standing.n_finished < context.config.n_trials:
        every = "its workers to train every trial"
        raise unfinished(f"search {cell}", every, failures, resume)
    if failures:
        context.listen(Line(f"{cell}: the others went on without {failure_lines(failures)}."))
    return standing


def _say_why(context: SearchContext, standing: Standing) -> None:
    """Report why a search ends before `n_trials` trials."""
    why = "every point of the space has been tried"
    if context.config.terminator and context.search.has_converged():
        n_trials = counted(standing.n_finished, "trial")
        why = (
            f"the terminator ends the search after {n_trials} of {context.config.n_trials}: the "
            "possible gain is smaller than the uncertainty of a trial's loss"
        )
        # The target becomes the number of trials done, not the number requested.
        context.parent.tag({Tag.TARGETS: f"n_trials={standing.n_finished}"})
    context.listen(Line(f"{context.config.cell_name}: {why}."))


def _why_to_the_end(n_finished: int) -> str:
    """Return the reason why the terminator did not end a search early."""
    if n_finished <= FIRST_LOOK:
        return f"the terminator decides once {FIRST_LOOK} trials have finished: it was not asked"
    return "the terminator expected further gains until the last trial"


def _conclude(context: SearchContext, standing: Standing) -> None:
    config = context.config
    if standing.best is None:
        write_note(context, standing, "complete")
        return
    context.parent.tag({Tag.COMPLETED: context.parent.tags()[Tag.TARGETS]})
    optimism = ensure_optimism(context.parent, standing.n_finished, config.horizon)
    write_note(context, standing, "complete", optimism)
    write_pictures(context, standing)
    best = f"{best_name(context, standing)} with {standing.best.past.loss:.4f} nats"
    n_trials = counted(standing.n_finished, "trial")
    if lines := front_lines(context, standing):
        front = f"{n_trials}; the Pareto front of cost and loss, the cheapest first:"
        context.listen(Line("\n  ".join([f"{config.cell_name}: {front}", *lines])))
        best = f"{best}, by loss alone"
    context.listen(Line(f"{config.cell_name}: {n_trials}, best {best}."))


def _announced(context: SearchContext, standing: Standing) -> SearchContext:
    """Say what is left to do; return the context with the number of processes that will do it.

    The cells of a study are worked on side by side already, so each has one process.
    """
    config, n_done = context.config, standing.n_finished
    left = config.n_trials - n_done
    if left <= 0:
        has = f"has its {counted(n_done, 'trial')} already"
        context.listen(Line(f"{config.cell_name}: the search {has}."))
    if left <= 0 or context.study is not None:
        return context
    n_train = len(context.data.search.at.train)
    found = expected(config, context.space, context.device, n_done=n_done, n_train=n_train)
    n_architectures = counted(len(context.space.architectures), "architecture")
    what = f"{counted(left, 'trial')} of at most {counted(config.epochs, 'epoch')}"
    goes_on = "Ctrl-C stops; the same command continues."
    context.listen(Line(f"{config.cell_name}: {what}, {n_architectures}: {found.time}. {goes_on}"))
    return replace(context, n_workers=found.n_workers)
