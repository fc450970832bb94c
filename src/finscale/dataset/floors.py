"""Effective sample size, and the check of a cell's samples against the floors."""

from __future__ import annotations

import numpy as np

from finscale.config import Floors, RefusedError
from finscale.dataset.folds import Fold, Split
from finscale.dataset.indicators import FloatArray


def effective_size(n: int, horizon: int, losses_T: FloatArray | None = None) -> int:
    """Return the number of independent samples that `n` samples are worth.

    Neighbouring labels share horizon - 1 of their bars and are no independent evidence
    (L. P. Hansen and R. J. Hodrick, *Journal of Political Economy* 88, 1980), so only every
    `horizon`-th sample counts. If the paired losses depend on each other for longer than that, the
    result is n / tau, where tau is their integrated autocorrelation time.

    Parameters
    ----------
    losses_T : ndarray, shape (n,), optional
        Paired losses of the samples, in order of time.
    """
    assert horizon >= 1
    apart = n // horizon
    if losses_T is None or n < 2:
        return apart
    assert losses_T.shape == (n,) and bool(np.isfinite(losses_T).all()), "a finite loss a sample"
    return min(apart, int(n / _autocorrelation_time(losses_T)))


def check_floors(
    made: Split | Fold,
    labels: FloatArray,
    horizon: int,
    floors: Floors,
    *,
    is_binary: bool = True,
) -> None:
    """Refuse a cell that has too few samples.

    Every fold must meet the floors of training and validation; the floor of the test applies to all
    folds together.

    Parameters
    ----------
    labels : array of float, shape (T,)
        Labels of all bars, as `make_labels` returns them.
    is_binary : bool
        Whether labels are classes, so that the rarer class has a floor.

    Raises
    ------
    RefusedError
        If a number of samples is below its floor; the message names the first one.
    """
    folds = (made,) if isinstance(made, Fold) else made.folds
    for fold in folds:
        _check(_figures(fold, labels, horizon, is_binary), floors)
    n_test = len(np.unique(np.concatenate([fold.test for fold in folds])))
    _check({"n_test": n_test}, floors)


def _figures(fold: Fold, labels: FloatArray, horizon: int, is_binary: bool) -> dict[str, int]:
    y = np.asarray(labels, dtype=np.float64)[fold.validation]
    positives = int((y == 1.0).sum())
    # Validation first: an earlier study drew its conclusions from 19 validation samples.
    figures = {"n_validation": len(y), "n_effective": effective_size(len(y), horizon)}
    if is_binary:
        figures["n_minority"] = min(positives, len(y) - positives)
    return {**figures, "n_train": len(fold.train)}


def _check(figures: dict[str, int], floors: Floors) -> None:
    for name, value in figures.items():
        floor = getattr(floors, name)
        if value < floor:
            raise RefusedError(
                name,
                expected=f"at least {floor}, the floor",
                got=str(value),
                todo="Take a longer universe, a shorter horizon, another threshold or more data.",
            )


def _autocorrelation_time(losses_T: FloatArray) -> float:
    """Return tau = 1 + 2 Σ rho(k), summed until pairs of neighbouring terms turn negative.

    This is the initial positive sequence of C. J. Geyer, *Statistical Science* 7, 1992, section
    3.3. The result is at least 1, so that n alternating losses count as no more than n samples.
    """
    n = len(losses_T)
    centred = losses_T - losses_T.mean()
    # Padding to twice the length makes the correlation linear instead of circular.
    spectrum = np.fft.rfft(centred, 2 * n)
    covariance = np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[:n]
    if covariance[0] <= 0.0:
        return 1.0
    rho = covariance[: n - n % 2] / covariance[0]
    pairs = rho[0::2] + rho[1::2]
    negative = np.flatnonzero(pairs <= 0.0)
    end = int(negative[0]) if negative.size else len(pairs)
    return max(1.0, 2.0 * float(pairs[:end].sum()) - 1.0)
