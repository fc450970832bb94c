"""The verdict: a fixed procedure that turns paired differences into one of eight answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from finscale.laws.evidence import Answer, Evidence, Verdict
from finscale.laws.gates import DEFAULT_RULES, Gate, Rules, check_gates
from finscale.laws.improvement import MIN_FORM_SIZES, FormTest, check_form
from finscale.laws.multiple_testing import holm_adjusted
from finscale.laws.sentences import sentence, uncorrected
from finscale.laws.slope import Slope, fit_slope, slope_of

# A two-sided 5 % test finds an effect of 1.96 + 0.84 standard errors in 80 % of studies
# (Cohen 1988, Statistical Power Analysis, section 2.4).
DETECTABLE = 2.8
SIGNIFICANCE = 0.05


def verdict(evidence: Evidence, rules: Rules = DEFAULT_RULES) -> Verdict:
    """Draw the conclusion that the evidence allows (design: *How a claim is made*, step 5).

    Gates; then the slope per decade of size; then its intervals against the smallest slope that
    matters, delta; then, where the loss falls over six sizes or more, the form of its fall. The
    order is fixed: a precise slope inside ±delta is `flat` even where it differs from 0.

    Raises
    ------
    DataError
        If a loss is not finite or the covariance is none.

    Examples
    --------
    >>> import numpy as np
    >>> from finscale.laws import Conditions, Evidence, verdict
    >>> conditions = Conditions(
    ...     n_params=(32_000, 125_000, 500_000, 2_000_000),
    ...     n_seeds=(3, 3, 3, 3),
    ...     n_days=750,
    ...     n_effective=750.0,
    ...     data_digests=("1db1cb1d",),
    ...     label_versions=("1",),
    ...     splits=("chronological",),
    ... )
    >>> evidence = Evidence(
    ...     conditions=conditions,
    ...     difference=np.array([0.02, 0.01, 0.00, -0.01]),  # nats a day, from the reference
    ...     day_cov=1e-6 * np.eye(4),
    ...     seed_variance=np.full(4, 1e-6),
    ...     loss_scale=0.38,
    ... )
    >>> found = verdict(evidence)
    >>> str(found.answer), round(found.numbers["slope"], 4)
    ('improves', -0.0167)
    """
    gate = check_gates(evidence.conditions, rules)
    if gate is not None:
        return refuse(gate)
    assert evidence.loss_scale > 0.0, "a loss scale is positive"
    sizes, n_seeds = evidence.conditions.n_params, evidence.conditions.n_seeds
    line = fit_slope(sizes, evidence.difference, evidence.day_cov, evidence.seed_variance, n_seeds)
    train_loss, delta = evidence.train_loss, rules.delta_share * evidence.loss_scale
    train_slope = None if train_loss is None else slope_of(sizes, train_loss)
    inner, outer = line.interval(0.90), line.interval(0.95)
    answer, form = _answer(inner, outer, delta, train_slope), None
    if answer is Answer.IMPROVES and len(set(sizes)) >= MIN_FORM_SIZES:
        form = _form(evidence, line)
        answer = _named(form, delta)
    detectable = DETECTABLE * line.se
    found = Verdict(
        answer=answer,
        reason="",
        delta=delta,
        slope=line,
        interval_90=inner,
        interval_95=outer,
        smallest_detectable=detectable,
        # A standard error falls with the square root of days (and of seeds).
        days_needed=evidence.conditions.n_days * (detectable / delta) ** 2,
        train_slope=train_slope,
        form=form,
        p_value=_p_value(answer, line, delta),
    )
    return replace(found, reason=sentence(found, evidence.conditions))


def refuse(gate: Gate) -> Verdict:
    """Return the verdict of a study that a gate stopped, perhaps before its test was opened."""
    reason = f"Not identifiable: {gate.sentence}."
    return Verdict(answer=Answer.NOT_IDENTIFIABLE, reason=reason, gate=gate)


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


def _form(evidence: Evidence, line: Slope) -> FormTest:
    sizes = np.asarray(evidence.conditions.n_params, dtype=np.float64)
    return check_form(sizes, evidence.difference, evidence.cov, line.dof)


def _named(form: FormTest, delta: float) -> Answer:
    if form.objection:
        return Answer.FORM_UNKNOWN
    # The whole interval counts, as in step 3: an exponent that is significant by luck is too large,
    # and the gain predicted from it is too small.
    return Answer.SATURATING if form.next_gain_high < delta else Answer.POWER_LAW


def _p_value(answer: Answer, line: Slope, delta: float) -> float | None:
    """Return the p-value of a claim: two-sided against no slope, or that of two one-sided tests."""
    if answer is Answer.NOT_IDENTIFIABLE:
        return None
    if answer is Answer.FLAT:
        # Two one-sided tests: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15.
        return max(line.tail(delta), line.tail(-delta))
    return 2.0 * line.tail(0.0)


def holm(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Correct the claims of a study's verdicts for multiple testing.

    Uses `holm_adjusted`. A verdict without a claim counts among the m, with the largest p-values;
    a verdict that a gate stopped was never tested and does not count.

    Returns
    -------
    tuple of Verdict
        In the order given. Claims whose adjusted p-value exceeds 5 % become `not identifiable`.
        One verdict that was tested is returned as it is.
    """
    m = sum(found.slope is not None for found in verdicts)
    if m < 2:
        return tuple(verdicts)
    claims = [(i, found.p_value) for i, found in enumerate(verdicts) if found.p_value is not None]
    corrected, adjusted = list(verdicts), holm_adjusted([p for _, p in claims], m)
    for (i, _), p in zip(claims, adjusted, strict=True):
        corrected[i] = _corrected(verdicts[i], p, m)
    return tuple(corrected)


def _corrected(found: Verdict, adjusted: float, n_tested: int) -> Verdict:
    known = replace(found, p_adjusted=adjusted)
    if adjusted <= SIGNIFICANCE:
        return known
    return replace(known, answer=Answer.NOT_IDENTIFIABLE, reason=uncorrected(known, n_tested))
