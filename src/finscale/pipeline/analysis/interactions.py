"""Interactions: compares slopes between the problems of a study on the days that they share.

Legend: `P` problems, `J` cells, `S` seeds of a cell, `T` test days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from finscale.evaluation import block_length, bootstrap_means, covariance, seed_variance
from finscale.laws import Slope, SlopeDifference, compare_slopes, contrast
from finscale.pipeline.analysis.losses import TestLosses
from finscale.pipeline.analysis.problem_finals import ProblemFinals
from finscale.pipeline.analysis.uncertainty import BOOTSTRAP_SEED, N_DRAWS

# Number of shared days below which the covariance of two slopes cannot be estimated.
MIN_SHARED_DAYS = 100


@dataclass(frozen=True, eq=False)
class Measured:
    """A problem with its slope, measured on the opened test set."""

    finals: ProblemFinals
    losses: TestLosses
    slope: Slope


def interactions(measured: Sequence[Measured]) -> tuple[SlopeDifference, ...]:
    """Compare all pairs of problems that differ in exactly one coordinate.

    Returns an empty tuple if there is no such pair or the problems share too few days.
    """
    pairs = _pairs([one.finals.problem for one in measured])
    if not pairs:
        return ()
    daily = pd.concat([_daily_slope(one) for one in measured], axis=1, join="inner")
    if len(daily) < MIN_SHARED_DAYS:
        return ()
    slopes_PT = daily.to_numpy(dtype=np.float64).T
    length = block_length(slopes_PT, max(one.finals.horizon for one in measured))
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    draws_RP = bootstrap_means([slope_T[None] for slope_T in slopes_PT], length, N_DRAWS, rng)
    # The point estimate uses the shared days only; other days would add unpaired noise.
    means = slopes_PT.mean(axis=1)
    return compare_slopes(
        [replace(one.slope, slope=float(m)) for one, m in zip(measured, means, strict=True)],
        covariance(draws_RP),
        [_seed_variance(one) for one in measured],
        pairs,
    )


def _pairs(problems: Sequence[str]) -> list[tuple[int, int]]:
    parts = [problem.split(".") for problem in problems]
    return [
        (first, second)
        for first, second in combinations(range(len(parts)), 2)
        if len(parts[first]) == len(parts[second])
        and sum(a != b for a, b in zip(parts[first], parts[second], strict=True)) == 1
    ]


def _daily_slope(one: Measured) -> pd.Series:
    """Return the slope of each day. The slope is their mean, so problems can be paired by day."""
    means_JT = np.stack([cell.mean(axis=0) for cell in one.losses.differences])
    days = one.finals.test_dates.sort_values()
    return pd.Series(_weights(one) @ means_JT, index=days, name=one.finals.problem)


def _seed_variance(one: Measured) -> float:
    return float(_weights(one) ** 2 @ seed_variance(one.losses.differences))


def _weights(one: Measured) -> np.ndarray:
    return contrast(one.finals.conditions().n_params)
