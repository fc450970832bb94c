"""Residuals of the fitted laws, and their extrapolation by one decade beyond the largest size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finscale.laws import FitStatus, PowerLaw
from finscale.report.problem.content import Report

Floats = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class Extrapolation:
    """A law's value one decade beyond the largest size, in nats a day; its interval may be NaN."""

    law: str
    n_params: float
    value: float
    low: float
    high: float


def residuals_of(report: Report) -> dict[str, Floats]:
    """Return the difference minus the law at every cell, in nats a day, by the law's name."""
    sizes, middle = (
        report.cells[name].to_numpy(dtype=np.float64) for name in ("n_params", "difference")
    )
    found: dict[str, Floats] = {}
    if report.verdict.slope:
        found["log-linear"] = middle - report.verdict.slope.predict(sizes)
    law = fitted_law(report)
    if law:
        found["power law"] = middle - law.predict(sizes)
    return found


def extrapolations_of(report: Report) -> list[Extrapolation]:
    """Return the laws' values one decade beyond the largest size, with 95 % intervals."""
    largest = float(report.cells["n_params"].max())
    x = 10.0 * largest
    found = []
    line, law, form = report.verdict.slope, fitted_law(report), report.verdict.form
    if line:
        low, high = (float(end) for end in line.band(x, LEVEL))
        found.append(Extrapolation("log-linear", x, float(line.predict(x)), low, high))
    if law and law.status is FitStatus.CONVERGED:
        here, low, high = float(law.predict(largest)), math.nan, math.nan
        if form:
            low, high = here - form.next_gain_high, here - form.next_gain_low
        found.append(Extrapolation("power law", x, float(law.predict(x)), low, high))
    return found


def fitted_law(report: Report) -> PowerLaw | None:
    """Return the power law, or None if the fit gave none."""
    law = report.power_law
    return law if law is not None and math.isfinite(law.alpha) else None
