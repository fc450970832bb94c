"""The search: first the extremes of the grid, then proposals of an Optuna sampler, with pruning.

A proposal depends only on the space, the methods and the trials so far, so that a resumed search
continues in the same way, whichever process asks. Samplers and the median pruner work on a mirror
of the shared study in memory, because reading the database for every draw and every epoch would
cost more than some trials.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.study import Study
from optuna.terminator import EMMREvaluator, MedianErrorEvaluator, Terminator
from optuna.trial import FrozenTrial, TrialState

from finscale.config import COUNTED
from finscale.model import Architecture
from finscale.search.address import OptunaAddress, OptunaStudyGoneError, turn
from finscale.search.methods import Methods
from finscale.search.sampling_and_pruning import STATEFUL_PRUNERS, make_pruner, make_sampler
from finscale.search.shared import SharedOptunaStudy
from finscale.search.space import AXES, Params, SearchSpace, extremes, shape_of
from finscale.search.trials import RUNNING, PastTrial, SearchTrial, Standing

REFRESH_S = 2.0
"""Largest age, in seconds, of a pruner's knowledge about trials of other processes."""
REBUILT_S = 0.05
"""Duration below which a trial was not run in this study, but added as a finished one."""
_DRAWS = 10


class Search:
    """Proposes trials, and compares running trials with others for pruning.

    Parameters
    ----------
    address : OptunaAddress, optional
        Address of the study that the processes of the search share; without one, the study is in
        the memory of this process.
    facts : dict, optional
        Information for workers that join the search, written on the study.
    """

    def __init__(
        self,
        space: SearchSpace,
        methods: Methods,
        address: OptunaAddress | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self._space, self._methods, self._address = space, methods, address
        self._distributions = space.distributions()
        self._shared = SharedOptunaStudy(
            address, self._distributions, methods.n_objectives, facts or {}
        )
        self._pruner = make_pruner(methods)
        self._mirror = _Mirror(methods)
        self._refreshed = 0.0

    @property
    def study(self) -> Study:
        """The Optuna study, for figures."""
        return self._shared.study

    def has_converged(self) -> bool:
        """Tell whether the expected further improvement is negligible.

        This is Optuna's terminator (Makarova et al. 2022, AutoML). It compares the expected minimum
        model regret (Ishibashi et al. 2023, AISTATS) with its median so far, from `FIRST_LOOK`
        trials on.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            warnings.simplefilter("ignore", FutureWarning)  # removed in Optuna 6; 5 is pinned
            room = EMMREvaluator(seed=self._methods.seed)
            terminator = Terminator(room, MedianErrorEvaluator(room))
            with self._shared.watched():
                return terminator.should_terminate(self._shared.study)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the lock for decisions about the search; its other processes wait."""
        if self._address is None:
            yield
            return
        with turn(self._address):
            yield

    def is_current(self) -> bool:
        """Tell whether the study is the one that this process knows; if not, call `align`."""
        if self._shared.is_current():
            return True
        self._mirror = _Mirror(self._methods)
        return False

    def align(
        self,
        known: Sequence[SearchTrial],
        curve_of: Callable[[str], tuple[float, ...]] | None = None,
    ) -> None:
        """Make the study agree with the tracking store; call this within a turn.

        Parameters
        ----------
        known : sequence of SearchTrial
            All trials of the tracking store, each with its key, in order of number.
        curve_of : callable, optional
            Fetches the curve of a trial by its key; by default, the trials have their curves.
        """
        curves = {trial.key: trial.past.curve for trial in known}
        self._shared.align(known, curve_of or (lambda key: curves[key]))
        self._mirror = _Mirror(self._methods)

    def n_trials(self) -> int:
        """Return the number of trials in the study, whatever their status."""
        return len(self._shared.trials())

    def standing(self) -> Standing:
        """Return the current standing of the search."""
        trials = self._shared.search_trials()
        # Trials outside the present bounds count too, but Optuna does not keep their loss.
        ok = [trial for trial in trials if trial.past.loss is not None]
        points = [trial.past.params for trial in trials if trial.past.params]
        shapes = {tuple(params[axis] for axis in AXES) for params in points}
        return Standing(
            running=tuple(trial for trial in trials if trial.past.status == RUNNING),
            n_finished=sum(trial.past.status in COUNTED for trial in trials),
            n_pruned=sum(trial.past.status == "pruned" for trial in trials),
            n_failed=sum(trial.past.status == "failed" for trial in trials),
            n_architectures=len(shapes),
            best=min(ok, key=lambda trial: (_loss(trial), trial.number), default=None),
            seconds_a_trial=_typical_duration(self._shared.trials()),
            front=_front(ok) if self._methods.n_objectives > 1 else (),
        )

    def propose(self, n_trials: int) -> SearchTrial | None:
        """Claim and return the next new point of the space, or None if there is none left.

        Call this within a turn. A proposal whose process died before it had a run is returned
        again.

        Parameters
        ----------
        n_trials : int
            Total number of trials; at most half of them are forced extremes.
        """
        trials = self._shared.search_trials()
        for trial in trials:
            if trial.past.status == RUNNING and trial.key is None:
                return trial
        if self._methods.sampler == "cmaes":  # its draws depend on trial numbers in the study
            self._mirror = _Mirror(self._methods)
        self._mirror.refresh(self._shared.trials())
        params, attrs = self._next([trial.past.params for trial in trials], n_trials)
        if params is None:
            return None
        past = PastTrial(params, RUNNING)
        return SearchTrial(self._shared.add(past, None, attrs), None, past)

    def attach(self, number: int, key: str) -> None:
        """Record which run of the tracking store belongs to a trial."""
        self._shared.attach(number, key)

    def report(self, number: int, epoch: int, loss: float) -> None:
        """Report a running trial's loss after an epoch, in nats."""
        self._shared.report(number, epoch, loss)

    def should_prune(self, number: int, curve: Sequence[float]) -> bool:
        """Tell whether a trial with this curve is behind the others at the same epoch.

        The caller asks only after the trial's warm-up.
        """
        if self._methods.pruner in STATEFUL_PRUNERS:
            with suppress(OptunaStudyGoneError, IndexError), self._shared.watched():
                frozen = self._shared.trials()[number]
                return bool(self._pruner.prune(self._shared.study, frozen))
            return False  # the study was deleted: the next process with the turn makes a new one
        if time.monotonic() - self._refreshed > REFRESH_S:
            with suppress(OptunaStudyGoneError):
                self._mirror.refresh(self._shared.trials())
            self._refreshed = time.monotonic()
        running = optuna.trial.create_trial(
            state=TrialState.RUNNING, intermediate_values=dict(enumerate(curve, start=1))
        )
        return bool(self._pruner.prune(self._mirror.study, running))

    def finish(self, number: int, trial: PastTrial) -> None:
        """Record the end of a trial."""
        self._shared.finish(number, trial)

    def _next(self, tried: list[Params], n_trials: int) -> tuple[Params | None, dict[str, Any]]:
        seen = [self._free(params) for params in tried]
        corners = extremes(self._space.architectures, n_trials)
        forced = next((arch for arch in corners if not _has_tried(tried, arch)), None)
        for attempt in range(_DRAWS):
            draw, attrs = self._mirror.draw(self._distributions, len(seen), attempt)
            params = self._space.complete(draw, forced)
            if self._free(params) not in seen:
                return params, attrs
        # The space is small, and the sampler draws only points that were tried.
        left = (point for point in self._space.points() if self._free(point) not in seen)
        return next(left, None), {}

    def _free(self, params: Params) -> Params:
        return {name: params.get(name) for name in self._distributions}


class _Mirror:
    """An up-to-date copy of the shared study in memory; draws leave failed trials in it."""

    def __init__(self, methods: Methods) -> None:
        self._methods = methods
        self.study = optuna.create_study(directions=["minimize"] * methods.n_objectives)
        self._finished: set[int] = set()
        self._running: list[int] = []
        self._n_elements = 0

    def refresh(self, trials: Sequence[FrozenTrial]) -> None:
        """Add new finished trials, and replace the running ones."""
        for number in self._running:
            self.study.tell(number, state=TrialState.FAIL)
        self._running = []
        for frozen in trials:
            if frozen.number in self._finished:
                continue
            self.study.add_trial(frozen)
            if frozen.state.is_finished():
                self._finished.add(frozen.number)
            else:
                self._running.append(len(self.study.get_trials(deepcopy=False)) - 1)

    def draw(
        self, distributions: Mapping[str, Any], index: int, attempt: int
    ) -> tuple[Params, dict[str, Any]]:
        """Return a draw, and the attributes that the sampler needs to find on the trial later."""
        # Each proposal has its own seed, because a single seed would repeat draws after a restart.
        own_seed = (self._methods.seed + index + 1_000_003 * attempt) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            self.study.sampler = make_sampler(self._methods.sampler, self._methods.seed, own_seed)
            if self._methods.sampler == "qmc":
                self._skip_to(distributions, index + attempt)
            return self._ask(distributions)

    def _skip_to(self, distributions: Mapping[str, Any], index: int) -> None:
        """Skip the elements of a sequence that earlier draws used; the first draw uses none."""
        for _ in range(self._n_elements, index - 1):
            self._ask(distributions)
        self._n_elements = max(self._n_elements, index - 1) + (index > 0)

    def _ask(self, distributions: Mapping[str, Any]) -> tuple[Params, dict[str, Any]]:
        trial = self.study.ask(dict(distributions))
        self.study.tell(trial, state=TrialState.FAIL)
        frozen = self.study.get_trials(deepcopy=False)[trial.number]
        kept = {k: v for k, v in frozen.system_attrs.items() if k.startswith("cma:")}
        return dict(trial.params), kept


def _typical_duration(trials: Sequence[FrozenTrial]) -> float | None:
    spans = [frozen.duration.total_seconds() for frozen in trials if frozen.duration]
    lived = [seconds for seconds in spans if seconds > REBUILT_S]
    return statistics.median(lived) if lived else None


def _loss(trial: SearchTrial) -> float:
    assert trial.past.loss is not None
    return trial.past.loss


def _front(ok: Sequence[SearchTrial]) -> tuple[SearchTrial, ...]:
    """Return the Pareto front of loss and cost, the cheapest trial first."""
    front: list[SearchTrial] = []
    costed = [trial for trial in ok if trial.past.flops is not None]
    for trial in sorted(costed, key=lambda each: (each.past.flops or 0.0, _loss(each))):
        if not front or _loss(trial) < _loss(front[-1]):
            front.append(trial)
    return tuple(front)


def _has_tried(tried: Sequence[Params], arch: Architecture) -> bool:
    return any(shape_of(arch).items() <= params.items() for params in tried)
