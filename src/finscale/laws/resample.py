"""Bootstrap of a law: refits to resampled points or to given draws of the values.

Legend: `R` draws, `P` points, `K` constants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finscale.config import DataError

Floats = NDArray[np.float64]


class Law(Protocol):
    """A fitted law: it has constants with names."""

    @property
    def constants(self) -> dict[str, float]: ...


# A fit of `fit_joint_law`'s kind: called with variables and last the values, and with `start=` a
# law of its own to start from.
Fit = Callable[..., Law]


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Constants of the refits.

    Attributes
    ----------
    law : Law
        Fitted to the points themselves.
    names : tuple of str, length K
        Of the constants.
    draws : ndarray, shape (R, K)
        NaN in a row whose points identify no law.
    """

    law: Law
    names: tuple[str, ...]
    draws: Floats

    @property
    def n_identified(self) -> int:
        """Number of draws that determine the constants; intervals use these draws only."""
        return int(np.isfinite(self.draws).all(axis=1).sum())

    def intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Percentile interval of every constant (Efron & Tibshirani 1993, section 13.3)."""
        assert 0.0 < level < 1.0, "a level lies between 0 and 1"
        tail = (1.0 - level) / 2.0
        kept = self.draws[np.isfinite(self.draws).all(axis=1)]
        if not len(kept):
            return dict.fromkeys(self.names, (np.nan, np.nan))
        low, high = np.quantile(kept, (tail, 1.0 - tail), axis=0)
        ends = zip(low, high, strict=True)
        return {name: (float(a), float(b)) for name, (a, b) in zip(self.names, ends, strict=True)}


def bootstrap(
    fit: Fit,
    *points: ArrayLike,
    draws: ArrayLike | None = None,
    n_draws: int = 1_000,
    seed: int = 42,
    workers: int = 1,
) -> Bootstrap:
    """Refit a law, each time from the constants of the fit to the points themselves.

    Points are resampled whole, a loss with its size (*pairs*: Efron & Tibshirani 1993, section
    9.5), unless `draws` gives values anew, as `bootstrap_means` does for cells.

    Parameters
    ----------
    fit : callable
        `fit_joint_law`, `fit_power_law`, or a `functools.partial` of these or of `fit_loss`.
    *points : array_like, shape (P,) each
        Variables, and last the losses or differences.
    draws : array_like, shape (R, P), optional
        Values in the place of the last; the variables stay as they are.
    n_draws, seed : int
        Of resampled points.
    workers : int
        Processes; what is drawn does not depend on them. With two or more, a script keeps its
        own calls under ``if __name__ == "__main__"``.

    Raises
    ------
    DataError
        If the points themselves, or given draws, cannot be fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from finscale.laws import bootstrap, fit_power_law
    >>> rng = np.random.default_rng(42)
    >>> sizes = np.geomspace(1e5, 1e8, 12)
    >>> losses = 0.1 + 2.0 * sizes**-0.3 + rng.normal(0, 1e-4, 12)
    >>> found = bootstrap(fit_power_law, sizes, losses, n_draws=50)
    >>> low, high = found.intervals()["alpha"]
    >>> low < 0.3 < high
    True
    """
    assert workers >= 1 and n_draws >= 1, "a worker and a draw at least"
    arrays = [np.asarray(values, dtype=np.float64) for values in points]
    law = fit(*arrays)
    sets = list(_resampled(arrays, n_draws, seed) if draws is None else _drawn(arrays, draws))
    jobs = [(fit, law, sets[first::workers]) for first in range(workers)]
    if workers == 1:
        parts = [_refit(jobs[0])]
    else:
        # Processes are spawned, because a fork of a process with threads may hang.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(_refit, jobs))
    found = np.empty((len(sets), len(law.constants)))
    for first, part in enumerate(parts):
        found[first::workers] = part
    return Bootstrap(law, tuple(law.constants), found)


def _refit(job: tuple[Fit, Law, list[list[Floats]]]) -> Floats:
    fit, law, sets = job
    found = np.full((len(sets), len(law.constants)), np.nan)
    for row, points in zip(found, sets, strict=True):
        try:
            row[:] = list(fit(*points, start=law).constants.values())
        except DataError:
            # A draw may have too few distinct sizes by chance; it determines no constants.
            continue
    return found


def _resampled(arrays: list[Floats], n_draws: int, seed: int) -> Iterator[list[Floats]]:
    rng = np.random.default_rng(seed)
    for _ in range(n_draws):
        chosen = rng.integers(len(arrays[0]), size=len(arrays[0]))
        yield [array[chosen] for array in arrays]


def _drawn(arrays: list[Floats], draws: ArrayLike) -> Iterator[list[Floats]]:
    values = np.asarray(draws, dtype=np.float64)
    if values.ndim != 2 or values.shape[1:] != arrays[-1].shape or not np.isfinite(values).all():
        raise DataError(
            "draws of a scaling law's points",
            expected=f"finite values, draws x {len(arrays[-1])} points",
            got=f"shape {values.shape}, or values that are not finite",
            todo="Give the draws of the same points.",
        )
    for row in values:
        yield [*arrays[:-1], row]
