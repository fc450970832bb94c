"""The evidence that a verdict is drawn from, and the verdict itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from finscale.laws.gates import Conditions, Gate
from finscale.laws.gls import check_variances, ridged
from finscale.laws.improvement import FormTest
from finscale.laws.seeds import moderate
from finscale.laws.slope import Slope

Floats = NDArray[np.float64]


class Answer(StrEnum):
    """The possible answers of a study."""

    FLAT = "flat"
    IMPROVES = "improves"
    POWER_LAW = "power law"
    SATURATING = "saturating"
    FORM_UNKNOWN = "improves, form unknown"
    INVERSE = "inverse"
    OPTIMISATION_LIMITED = "optimisation-limited"
    NOT_IDENTIFIABLE = "not identifiable"


@dataclass(frozen=True)
class Evidence:
    """Everything that the verdict depends on.

    Attributes
    ----------
    conditions : Conditions
        Sizes, seeds, days and identities: what the gates ask for.
    difference : ndarray, shape (J,)
        Mean paired difference of every cell from the reference, in nats a day.
    day_cov : ndarray, shape (J, J)
        Covariance of the cells' seed means over days, in nats squared.
    seed_variance : ndarray, shape (J,)
        Variance of each cell's mean from its seeds, s^2 / S, in nats squared.
    loss_scale : float
        What delta is a share of, in nats: the mean reference loss; for a density, whose loss
        has no zero, 1 nat.
    train_loss : ndarray, shape (J,), optional
        Mean training loss of every cell's finals, in nats.
    """

    conditions: Conditions
    difference: Floats
    day_cov: Floats
    seed_variance: Floats
    loss_scale: float
    train_loss: Floats | None = None

    @property
    def cov(self) -> Floats:
        """Covariance of the differences that laws are fitted under, shape (J, J).

        Over days and seeds; the seeds' part is steadied over cells, because a fit weights by it.
        """
        n_seeds = self.conditions.n_seeds
        seeds = check_variances(self.seed_variance, len(n_seeds))
        return ridged(np.asarray(self.day_cov, dtype=np.float64), moderate(seeds, n_seeds))


@dataclass(frozen=True)
class Verdict:
    """An answer, with every number on the way to it.

    Attributes
    ----------
    answer : Answer
        The conclusion.
    reason : str
        It in one sentence, with the numbers that decided.
    gate : Gate or None
        The gate that stopped the procedure; then no number below exists.
    delta : float or None
        Smallest slope that matters, in nats a day per decade.
    slope : Slope or None
        The fitted line.
    interval_90, interval_95 : tuple of float or None
        Of the slope.
    smallest_detectable : float or None
        Slope that such a study would find in 80 % of cases: 2.8 standard errors.
    days_needed : float or None
        Days with which delta itself would be detectable, seeds growing in proportion.
    train_slope : float or None
        Training loss per decade; None where no training losses were given.
    form : FormTest or None
        What was asked of a power law; None unless the loss falls over six sizes or more.
    p_value, p_adjusted : float or None
        Of the claim, alone and among a study's verdicts; None without a claim, or of one
        verdict alone.
    """

    answer: Answer
    reason: str
    gate: Gate | None = None
    delta: float | None = None
    slope: Slope | None = None
    interval_90: tuple[float, float] | None = None
    interval_95: tuple[float, float] | None = None
    smallest_detectable: float | None = None
    days_needed: float | None = None
    train_slope: float | None = None
    form: FormTest | None = None
    p_value: float | None = None
    p_adjusted: float | None = None

    @property
    def numbers(self) -> dict[str, float]:
        """Every number of the procedure by name, as a run's metrics and a table need them."""
        found: dict[str, float | None] = {
            "delta": self.delta,
            "smallest_detectable": self.smallest_detectable,
            "days_needed": self.days_needed,
            "train_slope": self.train_slope,
            "p_value": self.p_value,
            "p_adjusted": self.p_adjusted,
        }
        if self.slope and self.interval_90 and self.interval_95:
            found |= {"slope": self.slope.slope, "slope_se": self.slope.se}
            found |= {"slope_dof": self.slope.dof}
            found |= {"chi2": self.slope.chi2, "chi2_dof": self.slope.chi2_dof}
            found |= {"ci90_low": self.interval_90[0], "ci90_high": self.interval_90[1]}
            found |= {"ci95_low": self.interval_95[0], "ci95_high": self.interval_95[1]}
        found |= self.form.numbers if self.form else {}
        # An infinite interval and NaN (not asked) are no numbers.
        known = {name: float(value) for name, value in found.items() if value is not None}
        return {name: value for name, value in known.items() if math.isfinite(value)}
