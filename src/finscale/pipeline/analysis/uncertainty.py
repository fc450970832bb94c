"""Uncertainty of the paired differences: covariances, intervals and the model confidence set.

Legend: `R` draws, `J` cells, `M` forecasts (cells by size, then baselines), `T` test days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finscale.dataset import effective_size
from finscale.evaluation import (
    block_length,
    bootstrap_means,
    covariance,
    intervals,
    model_confidence_set,
    seed_variance,
    superior_predictive_ability,
)
from finscale.pipeline.analysis.losses import Floats, TestLosses

N_DRAWS = 4000
BOOTSTRAP_SEED = 42


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Uncertainty from days and seeds, for each forecast.

    Attributes
    ----------
    day_cov_JJ : ndarray
        Covariance of the cells' seed means by resampling days only, in nats squared.
    seed_variance_J : ndarray
        Variance of the cells' mean differences from their seeds, in nats squared.
    low, high : ndarray, shape (M,)
        95 % interval of the mean difference from the reference, in nats a day.
    skill_low, skill_high : ndarray, shape (M,)
        95 % interval of the skill.
    confidence : ndarray, shape (M,)
        p-value in the model confidence set.
    n_effective_J : ndarray of int
        Number of independent days that a cell's paired differences are equivalent to.
    superior_p : float
        p-value of the hypothesis that no cell beats the reference.
    """

    day_cov_JJ: Floats
    seed_variance_J: Floats
    low: Floats
    high: Floats
    skill_low: Floats
    skill_high: Floats
    confidence: Floats
    n_effective_J: Floats
    superior_p: float


def measure(losses: TestLosses, horizon: int, *, is_binary: bool) -> Uncertainty:
    """Measure the uncertainty by resampling days and seeds, the same days for every forecast."""
    means_JT = np.stack([cell.mean(axis=0) for cell in losses.differences])
    baselines = [difference_T[None] for difference_T in losses.baselines.values()]
    length = block_length(means_JT, horizon)
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    n_cells, n_days = means_JT.shape
    # The reference is resampled too, because it is the denominator of the skill. The cells come
    # once more at the end, each as one series of seed means, to resample days only.
    series = [*losses.differences, *baselines, losses.reference_T[None]]
    draws = bootstrap_means([*series, *means_JT[:, None]], length, N_DRAWS, rng)
    n_forecasts = n_cells + len(baselines)
    draws_RM, reference_R1 = draws[:, :n_forecasts], draws[:, n_forecasts : n_forecasts + 1]
    skills_RM = -draws_RM / reference_R1 if is_binary else 1.0 - np.exp(draws_RM)
    low, high = intervals(draws_RM)
    skill_low, skill_high = intervals(skills_RM)
    levels_TM = losses.reference_T[:, None] + np.concatenate([means_JT, *baselines]).T
    return Uncertainty(
        day_cov_JJ=covariance(draws[:, n_forecasts + 1 :]),
        seed_variance_J=seed_variance(losses.differences),
        low=low,
        high=high,
        skill_low=skill_low,
        skill_high=skill_high,
        confidence=_confidence(levels_TM, horizon),
        n_effective_J=np.array([effective_size(n_days, horizon, d_T) for d_T in means_JT]),
        superior_p=_superior(losses.reference_T, levels_TM[:, :n_cells], horizon),
    )


def _confidence(levels_TM: Floats, horizon: int) -> Floats:
    """Return each forecast's p-value. Identical forecasts share one."""
    distinct, which_M = np.unique(levels_TM, axis=1, return_inverse=True)
    if distinct.shape[1] < 2:
        return np.ones(levels_TM.shape[1])
    return model_confidence_set(distinct, horizon, seed=BOOTSTRAP_SEED)[which_M.ravel()]


def _superior(reference_T: Floats, cells_TJ: Floats, horizon: int) -> float:
    distinct = np.unique(cells_TJ, axis=1)
    others = distinct[:, (distinct != reference_T[:, None]).any(axis=0)]
    if others.shape[1] == 0:
        return 1.0
    found = superior_predictive_ability(reference_T, others, horizon, seed=BOOTSTRAP_SEED)
    return found.consistent
