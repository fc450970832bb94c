"""Minimisation of Huber's loss on log residuals, with a delta that shrinks to the one requested.

Legend: `P` points, `V` variables, `K` constants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, least_squares

from finscale.laws.forms import Form
from finscale.laws.power import FitStatus

Floats = NDArray[np.float64]

# When delta is far below the residuals, Huber's loss is a sum of absolute values. A least-squares
# method is slow there and stops in the wrong place. So delta starts wide and shrinks by this
# factor; each solution is the start of the next.
FACTOR = 10.0
ON_THE_WAY = 200
# A constant is at a minimum if the gradients of the points cancel to this share of their sum.
AT_REST = 0.02
# Gradients of points that lie exactly on the law are rounding errors.
EXACT = 1e-8
# Two minima are the same if their losses agree to this share.
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Problem:
    """What is minimised.

    Attributes
    ----------
    x : ndarray, shape (P, V)
        Logarithms of the variables, around their middle.
    log_loss : ndarray, shape (P,)
    low, high : ndarray, shape (K,)
        Bounds of theta.
    delta : float
        Log residual beyond which a point counts linearly.
    max_evaluations : int
        Of each refinement.
    """

    form: Form
    x: Floats
    log_loss: Floats
    low: Floats
    high: Floats
    delta: float
    max_evaluations: int

    def residuals(self, theta: Floats) -> Floats:
        """Log residuals in units of delta, shape (P,)."""
        return (self.form.log_value(theta, self.x)[0] - self.log_loss) / self.delta

    def cost(self, theta: Floats) -> float:
        """Sum of Huber's loss, in units of delta squared."""
        return huber(self.residuals(theta))


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a descent ended.

    Attributes
    ----------
    theta : ndarray, shape (K,)
    cost : float
        Sum of Huber's loss there, in units of delta squared.
    status : FitStatus
        ``max_iterations`` where the method stopped at no minimum.
    """

    theta: Floats
    cost: float
    status: FitStatus


def huber(residuals: Floats) -> float:
    """Sum of Huber's loss (1964, Ann. Math. Stat. 35) of residuals in units of delta."""
    size = np.abs(residuals)
    return float(np.where(size <= 1.0, 0.5 * size**2, size - 0.5).sum())


def descend(problem: Problem, starts: list[Floats], low: Floats, high: Floats) -> Descent:
    """Refine every start and return the best point on all paths.

    Parameters
    ----------
    low, high : ndarray, shape (K,)
        A constant at one of these bounds counts as lying at the end of the searched range.
    """
    paths = [_path(problem, start) for start in starts]
    best = min((path[-1] for path in paths), key=lambda end: problem.cost(end.x))
    status = fit_status(best, low, high)
    if status is FitStatus.CONVERGED and not _is_at_rest(problem, best.x):
        status = FitStatus.MAX_ITERATIONS
    # If a point on a path is better than every end, then no end is a minimum.
    seen = min((stage.x for path in paths for stage in path), key=problem.cost)
    if problem.cost(seen) < problem.cost(best.x) * (1.0 - SAME):
        return Descent(seen, problem.cost(seen), FitStatus.MAX_ITERATIONS)
    return Descent(np.asarray(best.x, dtype=np.float64), problem.cost(best.x), status)


def fit_status(result: OptimizeResult, low: Floats, high: Floats) -> FitStatus:
    """Return how a trust-region search between bounds ended."""
    if result.status == 0:
        return FitStatus.MAX_ITERATIONS
    # The method stays strictly inside its bounds, at a distance that it chooses.
    ends = np.isclose(result.x, low, rtol=1e-3, atol=0.0) | (result.x < low)
    ends |= np.isclose(result.x, high, rtol=1e-3, atol=0.0)
    return FitStatus.BOUND_HIT if ends.any() else FitStatus.CONVERGED


def _path(problem: Problem, start: Floats) -> list[OptimizeResult]:
    stages: list[OptimizeResult] = []
    for delta in _deltas(problem, start):
        start = stages[-1].x if stages else start
        is_last = delta == problem.delta
        limit = problem.max_evaluations if is_last else min(ON_THE_WAY, problem.max_evaluations)
        stages.append(_refine(replace(problem, delta=delta, max_evaluations=limit), start))
    return stages


def _deltas(problem: Problem, start: Floats) -> list[float]:
    usual = float(np.abs(problem.residuals(start)).mean()) / FACTOR
    n_wider = max(int(np.ceil(np.log(usual) / np.log(FACTOR))), 0) if usual > 1.0 else 0
    return [problem.delta * FACTOR**power for power in range(n_wider, -1, -1)]


def _refine(problem: Problem, theta: Floats) -> OptimizeResult:
    low, high = problem.low, problem.high
    value, slope = _remembered(problem)
    return least_squares(
        value,
        np.clip(theta, low + 1e-9, high - 1e-9),
        jac=slope,
        bounds=(low, high),
        x_scale="jac",
        loss="huber",
        ftol=1e-10,
        xtol=1e-10,
        gtol=1e-10,
        max_nfev=problem.max_evaluations,
    )


def _remembered(problem: Problem) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    # The solver asks for the residuals and then for their derivatives at the same point.
    known: dict[bytes, tuple[Floats, Floats]] = {}

    def evaluate(at: Floats) -> tuple[Floats, Floats]:
        key = at.tobytes()
        if key not in known:
            known.clear()
            known[key] = problem.form.log_value(at, problem.x)
        return known[key]

    def value(at: Floats) -> Floats:
        return (evaluate(at)[0] - problem.log_loss) / problem.delta

    return value, lambda at: evaluate(at)[1] / problem.delta


def _is_at_rest(problem: Problem, theta: Floats) -> bool:
    log, by = problem.form.log_value(theta, problem.x)
    pulls_PK = np.clip((log - problem.log_loss) / problem.delta, -1.0, 1.0)[:, None] * by
    left, together = np.abs(pulls_PK.sum(axis=0)), np.abs(pulls_PK).sum(axis=0)
    return bool((left <= AT_REST * together + EXACT).all())
