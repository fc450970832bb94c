"""Coordination of a search's processes: each takes over a trial, proposes one, waits or ends.

A process decides within the search's turn, from the tracking store alone. A trial belongs to the
process that holds the lease of its run.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from finscale.config import StoreError, check_stop, counted, spell
from finscale.pipeline.problem import from_params
from finscale.pipeline.running import Line, checkpoint_path
from finscale.pipeline.searching.alignment import align, in_turn, run_of
from finscale.pipeline.searching.context import SearchContext
from finscale.pipeline.searching.page import refresh
from finscale.pipeline.searching.trial import deaths, open_trial, run_trial
from finscale.pipeline.searching.trials import OpenTrial
from finscale.search import PastTrial, SearchTrial, Standing
from finscale.tracking import End, Run, Status, Tag, other_holder, val_curve
from finscale.training import Reached, reached, remove_checkpoint

MAX_ATTEMPTS = 2
MAX_FAILURES_IN_A_ROW = 3
POLL_S = 1.0
GIVEN_UP = "its process died at work, again and again. The search goes on with others."


def run_trials(context: SearchContext) -> Standing:
    """Train until the search has all trials or the time is up, and return its state then."""
    failures = 0
    while True:
        trial, standing = _next(context)
        if trial is None:
            return standing
        status = run_trial(context, trial, standing)
        failures = failures + 1 if status is Status.FAILED else 0
        if failures == MAX_FAILURES_IN_A_ROW:
            raise _fails_again_and_again(context, failures)
        refresh(context, in_turn(context, lambda: align(context)))


def _fails_again_and_again(context: SearchContext, failures: int) -> StoreError:
    return StoreError(
        f"search {context.config.cell_name}",
        expected="trials that can be trained",
        got=f"{failures} in a row that failed",
        todo=f"Their runs say why in traceback.txt. Then go on: {spell('hpo', context.config)}",
    )


def _next(context: SearchContext) -> tuple[OpenTrial | None, Standing]:
    """Return a trial for this process, or None if no more trials will come."""
    has_said = False
    while True:
        standing, held, trial = in_turn(context, lambda: _choose(context))
        if trial or not held or context.is_over_time:
            return trial, standing
        if not has_said:
            waits = f"waiting for {counted(len(held), 'trial')} that other processes train"
            context.listen(Line(f"{context.config.cell_name}: {waits}."))
            has_said = True
        check_stop()
        time.sleep(POLL_S)


def _choose(context: SearchContext) -> tuple[Standing, list[SearchTrial], OpenTrial | None]:
    """Return the state of the search, the trials of other processes, and a trial for this one."""
    standing = align(context)
    held, trial = _take_over(context, standing)
    if trial is None and _wants_more(context, standing, held):
        trial = _propose(context)
    return standing, held, trial


def _take_over(
    context: SearchContext, standing: Standing
) -> tuple[list[SearchTrial], OpenTrial | None]:
    """Return the trials of other processes, and a trial whose process is gone, if any."""
    held: list[SearchTrial] = []
    for trial in standing.running:
        if trial.key is None or context.is_over_time:
            continue
        run = run_of(context, trial)
        tags = run.tags()
        if other_holder(tags, time.time()) or Tag.STATUS in tags:
            held.append(trial)  # a trial with a status has just ended and cannot be taken over
        elif taken := _reopen(context, trial, run, tags):
            return held, taken
    return held, None


def _reopen(
    context: SearchContext, trial: SearchTrial, run: Run, tags: Mapping[str, str]
) -> OpenTrial | None:
    """Resume an interrupted trial under its run and number.

    A trial that died twice without a new checkpoint in between is given up, because a third start
    would end in the same way.
    """
    path = checkpoint_path(context.config.data_root, run)
    at = reached(path)
    has_moved, died = at.is_beyond(tags.get(Tag.RESUMED_EPOCH, "0")), deaths(path, tags)
    attempts = 0 if has_moved else died
    if attempts >= MAX_ATTEMPTS or not trial.past.params:
        run.close(End(Status.FAILED, "killed", GIVEN_UP))
        remove_checkpoint(path)
        context.search.finish(trial.number, PastTrial(trial.past.params, Status.FAILED.value))
        return None
    run.reopen()
    run.tag({Tag.ATTEMPTS: attempts + 1, Tag.RESUMED_EPOCH: at.mark})
    run.tag({Tag.REASON: "restarted"})
    recipe = from_params(trial.past.params, context.template, context.config)
    n_train = len(context.data.search.at.train)
    start = _place(at, recipe.settings(context.config.seed).steps_per_epoch(n_train))
    context.listen(Line(f"{context.config.cell_name}: going on with trial {trial.number} {start}."))
    return OpenTrial(trial.number, run, recipe, attempts + 1, val_curve(run.run_id))


def _place(at: Reached, n_batches: int) -> str:
    """Return a text that says from where a trial is resumed."""
    if at.batch == n_batches:
        return f"from the end of epoch {at.epoch + 1}"
    if at.batch:
        return f"from batch {at.batch + 1} of epoch {at.epoch + 1}"
    return f"from epoch {at.epoch + 1}" if at.epoch else "from its beginning"


def _wants_more(context: SearchContext, standing: Standing, held: Sequence[SearchTrial]) -> bool:
    """Return True if another trial should begin."""
    if context.is_over_time or standing.n_finished + len(held) >= context.config.n_trials:
        return False
    return not (context.config.terminator and context.search.has_converged())


def _propose(context: SearchContext) -> OpenTrial | None:
    trial = context.search.propose(context.config.n_trials)
    return open_trial(context, trial) if trial else None
