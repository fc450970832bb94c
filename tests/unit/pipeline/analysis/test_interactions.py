"""Slopes of a study's problems, compared on the days that they share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finscale.laws import fit_slope
from finscale.pipeline.analysis.interactions import Measured, interactions
from finscale.pipeline.analysis.losses import TestLosses as Losses
from finscale.pipeline.analysis.problem_finals import ProblemFinals

SIZES = (2_003, 20_011, 200_003)
DAYS = pd.bdate_range("2001-01-01", periods=503)
RNG = np.random.default_rng(3)
COMMON = RNG.normal(size=len(DAYS))


def measured(name: str, slope: float, days: pd.DatetimeIndex = DAYS, horizon: int = 1) -> Measured:
    """Three cells of two seeds on a line; the days move the largest cell most, in all alike."""
    rng = np.random.default_rng(len(name))
    decades = np.log10(SIZES) - np.log10(SIZES).mean()
    cells = [
        slope * x + 0.05 * x * COMMON[: len(days)] + 0.001 * rng.normal(size=(2, len(days)))
        for x in decades
    ]
    rows = [{"cell": f"c{size}", "n_params": size} for size in SIZES for _ in range(2)]
    finals = pd.DataFrame(rows).assign(
        data_sha256="d", label_version="1", split="chronological", n_train=5_003, n_val=1_009
    )
    nothing = pd.DataFrame()
    differences = np.array([cell.mean() for cell in cells])
    line = fit_slope(SIZES, differences, np.eye(3) * 1e-6, np.zeros(3), [2] * 3)
    return Measured(
        ProblemFinals(name, horizon, finals, nothing, (), nothing, days),
        Losses(cells, {}, np.ones(len(days)), {}),
        line,
    )


def test_days_in_common_do_not_hide_a_difference() -> None:
    first, second = measured("u.t.h1.daily.a20", -0.010), measured("u.t.h3.daily.a20", -0.007)
    (found,) = interactions([first, second])
    assert (found.first, found.second) == (0, 1)
    assert found.difference == pytest.approx(0.003, abs=2e-4)
    # Either slope alone is known to 0.05 / sqrt(503) only.
    assert 0.0 < found.low and found.high - found.low < 0.001


def test_days_are_paired_by_date() -> None:
    late = measured("u.t.h3.daily.a20", -0.010, DAYS[:499])
    (found,) = interactions([measured("u.t.h1.daily.a20", -0.010), late])
    assert found.low <= 0.0 <= found.high
    assert found.high - found.low < 0.001


def test_only_problems_that_differ_in_one_coordinate_are_compared() -> None:
    names = ("u.t.h1.daily.a20", "u.t.h3.daily.a20", "u.s.h3.daily.a20", "u.s.h1.daily.a20.vix")
    found = interactions([measured(name, -0.01) for name in names])
    assert [(one.first, one.second) for one in found] == [(0, 1), (1, 2)]


def test_too_few_days_in_common_are_not_compared() -> None:
    other = measured("v.t.h1.daily.a20", -0.01, pd.bdate_range("2002-11-01", periods=503))
    assert interactions([measured("u.t.h1.daily.a20", -0.01), other]) == ()
    assert interactions([measured("u.t.h1.daily.a20", -0.01)]) == ()
