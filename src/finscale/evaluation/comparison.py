"""Comparison of two or more models by their paired losses on the same days.

Legend: `T` days, `M` models.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from finscale.config import DataError
from finscale.evaluation.bootstrap import Floats, block_length, bootstrap_means, intervals

N_DRAWS = 2_000


@dataclass(frozen=True)
class Comparison:
    """Result of a comparison of two runs.

    Attributes
    ----------
    difference : float
        Mean loss of a minus mean loss of b, in nats per day; below 0, a is better.
    low, high : float
        95 % interval of the difference.
    p_value : float
        Two-sided p-value of the hypothesis that there is no difference.
    block_length : float
        Mean length of the bootstrap's blocks, in days.
    """

    difference: float
    low: float
    high: float
    p_value: float
    block_length: float


@dataclass(frozen=True)
class SuperiorAbility:
    """P-values of the hypothesis that none of many models beats a benchmark.

    Attributes
    ----------
    lower, consistent, upper : float
        Hansen's three p-values, which exclude all, some or none of the models that are worse than
        the benchmark.
    """

    lower: float
    consistent: float
    upper: float


def compare_two(
    loss_a_T: Floats, loss_b_T: Floats, horizon: int, rng: np.random.Generator
) -> Comparison:
    """Compare two runs on the same days by the stationary bootstrap of their paired difference.

    The p-value is the share of draws, centred at zero, that are at least as far from 0 as the
    observed difference, which is counted too (Davison & Hinkley 1997, *Bootstrap Methods*,
    eq. 4.11).

    Raises
    ------
    DataError
        If there is no day, or a loss is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from finscale.evaluation import compare_two
    >>> rng = np.random.default_rng(42)
    >>> hard_days = rng.gamma(2.0, 0.2, 500)  # what makes a day hard for both
    >>> better, worse = hard_days, hard_days + rng.normal(0.01, 0.02, 500)
    >>> found = compare_two(better, worse, horizon=1, rng=rng)
    >>> found.difference < 0, found.p_value < 0.05
    (True, True)
    """
    assert loss_a_T.ndim == 1 and loss_a_T.shape == loss_b_T.shape, "the same days for both"
    pair_1T = (loss_a_T - loss_b_T)[None, :]
    _check_finite(pair_1T)
    length = block_length(pair_1T, horizon)
    draws = bootstrap_means([pair_1T], length, N_DRAWS, rng)
    difference = float(pair_1T.mean())
    low, high = intervals(draws)
    n_extreme = int(np.count_nonzero(np.abs(draws - difference) >= abs(difference)))
    p_value = (1 + n_extreme) / (1 + N_DRAWS)
    return Comparison(difference, float(low[0]), float(high[0]), p_value, length)


def model_confidence_set(losses_TM: Floats, horizon: int, *, seed: int) -> Floats:
    """Return each model's p-value for the model confidence set; models above 5 % are in the set.

    The set contains the best model with 95 % confidence (P. R. Hansen, A. Lunde and J. M. Nason
    2011, "The Model Confidence Set", Econometrica 79).

    Returns
    -------
    ndarray, shape (M,)

    Raises
    ------
    DataError
        If there is no day, a loss is not finite, or two models have the same losses.
    """
    from arch.bootstrap import MCS  # takes seconds, needed here only

    _check_finite(losses_TM)
    assert losses_TM.ndim == 2 and losses_TM.shape[1] >= 2, "two models or more"
    _check_distinct(losses_TM)
    centred_MT = (losses_TM - losses_TM.mean(axis=1, keepdims=True)).T
    size = ceil(block_length(centred_MT, horizon))
    found = MCS(losses_TM, 0.05, reps=N_DRAWS, block_size=size, bootstrap="stationary", seed=seed)
    found.compute()
    return np.asarray(found.pvalues["Pvalue"].sort_index(), dtype=np.float64)


def superior_predictive_ability(
    benchmark_T: Floats, losses_TM: Floats, horizon: int, *, seed: int
) -> SuperiorAbility:
    """Test whether any model beats the benchmark, with correction for the number of models.

    This is the test of P. R. Hansen 2005, "A Test for Superior Predictive Ability", Journal of
    Business & Economic Statistics 23.

    Raises
    ------
    DataError
        If there is no day, a loss is not finite, or a model has the benchmark's losses.
    """
    from arch.bootstrap import SPA  # takes seconds, needed here only

    _check_finite(np.column_stack([benchmark_T, losses_TM]))
    differences_TM = losses_TM - benchmark_T[:, None]
    if not (differences_TM.mean(axis=0) < 0.0).any():
        # Hansen's statistic is max(0, .), but `arch` omits the 0 and returns p = .5 if all models
        # are much worse.
        return SuperiorAbility(1.0, 1.0, 1.0)
    _check_distinct(np.column_stack([np.zeros(len(benchmark_T)), differences_TM]))
    size = ceil(block_length(differences_TM.T, horizon))
    found = SPA(
        benchmark_T, losses_TM, block_size=size, reps=N_DRAWS, bootstrap="stationary", seed=seed
    )
    found.compute()
    return SuperiorAbility(
        *(float(found.pvalues[name]) for name in ("lower", "consistent", "upper"))
    )


def selection_optimism(losses_MT: Floats, horizon: int, rng: np.random.Generator) -> float:
    """Estimate how much too low the loss of the best of `M` trials is on the days of its selection.

    In each bootstrap draw of days the best trial is selected again. Its loss on all days minus its
    loss on the drawn days, averaged over draws, is the bias of the minimum (R. J. Tibshirani and
    R. Tibshirani 2009, "A Bias Correction for the Minimum Error Rate in Cross-Validation",
    Annals of Applied Statistics 3, with bootstrap draws instead of folds).

    Parameters
    ----------
    losses_MT : ndarray, shape (M, T)
        Validation loss of every finished trial on every day.

    Returns
    -------
    float
        Bias in nats per day: 0 or more, except for noise of the draws; 0 for a single trial.

    Raises
    ------
    DataError
        If there is no day, or a loss is not finite.
    """
    assert losses_MT.ndim == 2 and len(losses_MT) >= 1, "trials x days"
    _check_finite(losses_MT)
    # The common part of all trials does not affect the selection and would only add noise.
    relative_MT = losses_MT - losses_MT.mean(axis=0)
    length = block_length(relative_MT, horizon)
    draws_RM = bootstrap_means([trial[None, :] for trial in relative_MT], length, N_DRAWS, rng)
    chosen_R = draws_RM.argmin(axis=1)
    return float((relative_MT.mean(axis=1)[chosen_R] - draws_RM.min(axis=1)).mean())


def _check_finite(losses: Floats) -> None:
    bad = int(np.count_nonzero(~np.isfinite(losses)))
    if bad or losses.size == 0:
        raise DataError(
            "paired losses",
            expected="a finite loss for every day",
            got=f"{bad} not finite of {losses.size}",
            todo="Train these runs again.",
        )


def _check_distinct(losses_TM: Floats) -> None:
    n_distinct = len(np.unique(losses_TM, axis=1).T)
    if n_distinct < losses_TM.shape[1]:
        raise DataError(
            "models to compare",
            expected="losses that differ on some day",
            got=f"{n_distinct} different ones of {losses_TM.shape[1]}",
            todo="Leave out the copies: a model equals itself.",
        )
