"""A verdict in one sentence, with the numbers that decided."""

from __future__ import annotations

from finscale.laws.evidence import Answer, Verdict
from finscale.laws.gates import Conditions
from finscale.laws.improvement import MIN_FORM_SIZES

MINUS = "\N{MINUS SIGN}"


def sentence(found: Verdict, conditions: Conditions) -> str:
    """Write the answer and its reason in one sentence."""
    assert found.interval_90 and found.delta
    outer = _slope(found)
    if found.answer is Answer.FLAT:
        inner = _slope(found, "90", found.interval_90)
        return f"Flat: {inner} lies within ±{found.delta:.4f}, the smallest slope that matters."
    if found.answer is Answer.NOT_IDENTIFIABLE:
        return _not_identifiable(found, conditions.n_days)
    if found.answer in (Answer.INVERSE, Answer.OPTIMISATION_LIMITED):
        is_untrained = found.answer is Answer.OPTIMISATION_LIMITED
        name = "Optimisation-limited" if is_untrained else "Inverse"
        train = _train_clause(found.train_slope)
        end = ": they were not trained well enough to be compared" if is_untrained else ""
        return f"{name}: larger models predict worse, {outer} lies above 0{train}{end}."
    return _improves(found, len(set(conditions.n_params)))


def uncorrected(found: Verdict, n_tested: int) -> str:
    """Write that a claim does not survive Holm's correction."""
    assert found.p_value is not None and found.p_adjusted is not None
    return (
        f"Not identifiable: {_slope(found)}; alone it would be {found.answer.value} "
        f"(p = {found.p_value:.3f}), but among the {n_tested} verdicts of this study Holm's "
        f"correction makes that p = {found.p_adjusted:.3f}, above .05."
    )


def _improves(found: Verdict, n_sizes: int) -> str:
    improves = f"Improves with size: {_slope(found)} lies below 0"
    if found.form is None:
        return f"{improves}; a form takes {MIN_FORM_SIZES} sizes or more, and there are {n_sizes}."
    if found.answer is Answer.FORM_UNKNOWN:
        return f"{improves}, but its form is unknown: {found.form.objection}."
    form = found.form
    low, high = form.alpha_low, form.alpha_high
    law = (
        f"a power law of exponent {form.law.alpha:.2f} [{low:.2f}, {high:.2f}] fits "
        f"(p = {form.p_misfit:.2f}) and predicts the largest size within its interval; the next "
        f"decade would gain {form.next_gain:.4f} nats a day "
        f"[{_signed(form.next_gain_low)}, {_signed(form.next_gain_high)}]"
    )
    if found.answer is Answer.SATURATING:
        return f"Saturating: {law}, all below {found.delta:.4f}, the smallest slope that matters."
    return f"Power law: {law}."


def _not_identifiable(found: Verdict, n_days: int) -> str:
    assert found.days_needed is not None
    factor = f"{found.days_needed / n_days:.1f} times as many days and seeds"
    return (
        f"Not identifiable: {_slope(found)}; the smallest slope detectable here is "
        f"{found.smallest_detectable:.4f}, and ±{found.delta:.4f} would take {factor} "
        f"(about {found.days_needed:,.0f} days)."
    )


def _slope(found: Verdict, level: str = "95", interval: tuple[float, float] | None = None) -> str:
    interval = interval or found.interval_95
    assert found.slope is not None and interval is not None
    slope = f"slope {_signed(found.slope.slope)} nats a day per decade of parameters"
    return f"{slope}, {level} % interval [{_signed(interval[0])}, {_signed(interval[1])}]"


def _train_clause(train_slope: float | None) -> str:
    if train_slope is None:
        return ""
    verb = "rises" if train_slope > 0.0 else "does not rise"
    return f", and the training loss {verb} with size ({_signed(train_slope)} per decade)"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", MINUS)
