"""The verdict: a fixed procedure from paired differences to one of five answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from finscale.laws.gates import DEFAULT_RULES, Conditions, Gate, Rules, check_gates
from finscale.laws.slope import Slope, fit_slope

Floats = NDArray[np.float64]

# A two-sided 5 % test finds an effect of 1.96 + 0.84 standard errors in 80 % of studies
# (Cohen 1988, Statistical Power Analysis, section 2.4).
DETECTABLE = 2.8
MINUS = "\N{MINUS SIGN}"


class Answer(StrEnum):
    """What a study may conclude."""

    FLAT = "flat"
    IMPROVES = "improves"
    INVERSE = "inverse"
    OPTIMISATION_LIMITED = "optimisation-limited"
    NOT_IDENTIFIABLE = "not identifiable"


@dataclass(frozen=True)
class Evidence:
    """What the verdict is drawn from.

    Attributes
    ----------
    conditions : Conditions
        Sizes, seeds, days and identities: what the gates ask for.
    difference : ndarray, shape (J,)
        Mean paired difference of every cell from the reference, in nats a day.
    cov : ndarray, shape (J, J)
        Its covariance over days and seeds, in nats squared.
    loss_scale : float
        What delta is a share of, in nats: the mean reference loss; for a density, whose loss
        has no zero, 1 nat.
    train_loss : ndarray, shape (J,), optional
        Mean training loss of every cell's finals, in nats.
    """

    conditions: Conditions
    difference: Floats
    cov: Floats
    loss_scale: float
    train_loss: Floats | None = None


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
    variance_dof : int or None
        Degrees of freedom of the intervals: the sum over cells of seeds - 1.
    interval_90, interval_95 : tuple of float or None
        Of the slope.
    smallest_detectable : float or None
        Slope that such a study would find in 80 % of cases: 2.8 standard errors.
    days_needed : float or None
        Days with which delta itself would be detectable, seeds growing in proportion.
    train_slope : float or None
        Training loss per decade; None where no training losses were given.
    """

    answer: Answer
    reason: str
    gate: Gate | None = None
    delta: float | None = None
    slope: Slope | None = None
    variance_dof: int | None = None
    interval_90: tuple[float, float] | None = None
    interval_95: tuple[float, float] | None = None
    smallest_detectable: float | None = None
    days_needed: float | None = None
    train_slope: float | None = None

    @property
    def numbers(self) -> dict[str, float]:
        """Every number of the procedure by name, as a run's metrics and a table need them."""
        found: dict[str, float | None] = {
            "delta": self.delta,
            "smallest_detectable": self.smallest_detectable,
            "days_needed": self.days_needed,
            "variance_dof": self.variance_dof,
            "train_slope": self.train_slope,
        }
        if self.slope and self.interval_90 and self.interval_95:
            found |= {"slope": self.slope.slope, "slope_se": self.slope.se}
            found |= {"chi2": self.slope.chi2, "chi2_dof": self.slope.dof}
            found |= {"inflation": self.slope.inflation}
            found |= {"ci90_low": self.interval_90[0], "ci90_high": self.interval_90[1]}
            found |= {"ci95_low": self.interval_95[0], "ci95_high": self.interval_95[1]}
        return {name: float(value) for name, value in found.items() if value is not None}


def verdict(evidence: Evidence, rules: Rules = DEFAULT_RULES) -> Verdict:
    """Draw the conclusion that the evidence allows (design: *How a claim is made*, step 5).

    Gates; then the slope per decade of size by GLS; then its intervals against the smallest
    slope that matters, delta. The order is fixed: a precise slope inside ±delta is `flat` even
    where it differs from 0.

    Raises
    ------
    DataError
        If a loss is not finite or the covariance is none.
    """
    gate = check_gates(evidence.conditions, rules)
    if gate is not None:
        return refuse(gate)
    assert evidence.loss_scale > 0.0, "a loss scale is positive"
    line = fit_slope(evidence.conditions.n_params, evidence.difference, evidence.cov)
    # The part of the covariance that is between seeds rests on few of them. Student's t with
    # their degrees of freedom is exact were that all, and on the wide side otherwise.
    dof = sum(n - 1 for n in evidence.conditions.n_seeds)
    return _conclude(
        delta=rules.delta_share * evidence.loss_scale,
        line=line,
        dof=dof,
        n_days=evidence.conditions.n_days,
        train_slope=_train_slope(evidence),
    )


def refuse(gate: Gate) -> Verdict:
    """Return the verdict of a study that a gate stopped; the test may be closed still."""
    reason = f"Not identifiable: {gate.sentence}."
    return Verdict(answer=Answer.NOT_IDENTIFIABLE, reason=reason, gate=gate)


def _conclude(
    *, delta: float, line: Slope, dof: int, n_days: int, train_slope: float | None
) -> Verdict:
    inner, outer = line.interval(0.90, dof), line.interval(0.95, dof)
    answer = _answer(inner, outer, delta, train_slope)
    detectable = DETECTABLE * line.se
    # A standard error falls with the square root of days (and of seeds).
    days_needed = n_days * (detectable / delta) ** 2
    bare = Verdict(
        answer=answer,
        reason="",
        delta=delta,
        slope=line,
        variance_dof=dof,
        interval_90=inner,
        interval_95=outer,
        smallest_detectable=detectable,
        days_needed=days_needed,
        train_slope=train_slope,
    )
    return replace(bare, reason=_reason(bare, n_days))


def _answer(
    inner: tuple[float, float],
    outer: tuple[float, float],
    delta: float,
    train_slope: float | None,
) -> Answer:
    if -delta < inner[0] and inner[1] < delta:
        return Answer.FLAT
    if outer[1] < 0.0:
        return Answer.IMPROVES
    if outer[0] > 0.0:
        rises = train_slope is not None and train_slope > 0.0
        return Answer.OPTIMISATION_LIMITED if rises else Answer.INVERSE
    return Answer.NOT_IDENTIFIABLE


def _train_slope(evidence: Evidence) -> float | None:
    if evidence.train_loss is None:
        return None
    return fit_slope(evidence.conditions.n_params, evidence.train_loss).slope


def _reason(found: Verdict, n_days: int) -> str:
    assert found.slope and found.interval_90 and found.interval_95 and found.delta
    assert found.smallest_detectable and found.days_needed
    slope = f"slope {_signed(found.slope.slope)} nats a day per decade of parameters"
    outer = f"{slope}, 95 % interval {_range(found.interval_95)}"
    if found.answer is Answer.FLAT:
        inner = f"{slope}, 90 % interval {_range(found.interval_90)}"
        return f"Flat: {inner} lies within ±{found.delta:.4f}, the smallest slope that matters."
    if found.answer is Answer.IMPROVES:
        return f"Improves with size: {outer} lies below 0."
    if found.answer is Answer.NOT_IDENTIFIABLE:
        factor = f"{found.days_needed / n_days:.1f} times as many days and seeds"
        return (
            f"Not identifiable: {outer}; the smallest slope detectable here is "
            f"{found.smallest_detectable:.4f}, and ±{found.delta:.4f} would take {factor} "
            f"(about {found.days_needed:,.0f} days)."
        )
    train = _train_clause(found.train_slope)
    if found.answer is Answer.INVERSE:
        return f"Inverse: larger models predict worse, {outer} lies above 0{train}."
    return (
        f"Optimisation-limited: larger models predict worse, {outer} lies above 0{train}: "
        "they were not trained well enough to be compared."
    )


def _train_clause(train_slope: float | None) -> str:
    if train_slope is None:
        return ""
    verb = "rises" if train_slope > 0.0 else "does not rise"
    return f", and the training loss {verb} with size ({_signed(train_slope)} per decade)"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", MINUS)


def _range(interval: tuple[float, float]) -> str:
    return f"[{_signed(interval[0])}, {_signed(interval[1])}]"
