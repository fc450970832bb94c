"""Step 4: every objection by hand, and what a law says of sizes it has not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finscale.laws import Answer, Conditions, Evidence, FitStatus, Verdict, verdict
from finscale.laws.improvement import FormTest, check_form
from finscale.laws.power import alpha_interval, fit_power_law
from tests.studies import DELTA, LOSS_SCALE, SIX, line, power

SD = 2e-4


def study(difference: np.ndarray, sd: float = SD, sizes: np.ndarray = SIX) -> Evidence:
    n = len(sizes)
    conditions = Conditions(
        n_params=tuple(int(size) for size in sizes),
        n_seeds=(3,) * n,
        n_days=751,
        n_effective=751.0,
        data_digests=("a" * 64,),
        label_versions=("1",),
        splits=("chronological",),
    )
    seeds = np.full(n, sd**2 / 4)
    return Evidence(conditions, difference, sd**2 * np.eye(n), seeds, LOSS_SCALE)


def form_of(found: Verdict) -> FormTest:
    assert found.form is not None
    return found.form


def test_a_power_law_is_named() -> None:
    found = verdict(study(power(0.05, 0.3, SIX)))
    assert found.answer is Answer.POWER_LAW
    form = form_of(found)
    assert form.law.alpha == pytest.approx(0.3, rel=1e-6)
    assert form.alpha_low < 0.3 < form.alpha_high
    assert form.held_out is not None and form.held_out.is_inside and form.held_out.is_closest
    assert found.reason.startswith("Power law: a power law of exponent 0.30 [0.")


def test_its_next_decade_is_what_the_law_says() -> None:
    truth = power(0.05, 0.3, SIX)
    form = form_of(verdict(study(truth)))
    # Over two decades the fall is .05; of a decade's factor q = 10^-.3 the third falls q^2 / (1+q).
    q = 10**-0.3
    decades = 0.05 / (1 - (SIX[-1] / SIX[0]) ** -0.3)
    rest = decades * (SIX[-1] / SIX[0]) ** -0.3
    assert form.next_gain == pytest.approx(rest * (1 - q), rel=1e-6)
    assert form.next_gain > DELTA


def test_a_law_that_has_little_left_saturates() -> None:
    found = verdict(study(power(0.05, 1.0, SIX)))
    assert found.answer is Answer.SATURATING
    assert form_of(found).next_gain < DELTA
    assert found.reason.startswith("Saturating: a power law of exponent 1.00")
    assert "all below 0.0037, the smallest slope that matters." in found.reason


def test_the_gains_interval_is_that_of_its_error_where_noise_is_small() -> None:
    rng = np.random.default_rng(31)
    truth, cov = power(0.05, 0.5, SIX), 1e-5**2 * np.eye(6)
    form = check_form(SIX, truth, cov, np.inf)
    laws = [fit_power_law(SIX, truth + 1e-5 * rng.normal(size=6)) for _ in range(300)]
    spread = np.std([law.next_gain(SIX[-1]) for law in laws])
    assert (form.next_gain_high - form.next_gain_low) / (2 * 1.96) == pytest.approx(
        spread, rel=0.15
    )
    assert form.next_gain_low < form.next_gain < form.next_gain_high


def test_a_gain_that_may_be_more_is_not_called_saturating() -> None:
    found = verdict(study(power(0.05, 0.55, SIX), sd=0.001))
    form = form_of(found)
    assert form.next_gain < DELTA < form.next_gain_high
    assert found.answer is Answer.POWER_LAW


def test_a_straight_line_has_no_exponent() -> None:
    found = verdict(study(line(-0.02, SIX)))
    assert found.answer is Answer.FORM_UNKNOWN
    assert found.reason.startswith("Improves with size: slope −0.0200")
    assert "but its form is unknown: " in found.reason
    assert form_of(found).law.status is FitStatus.BOUND_HIT
    assert "law_p" not in found.numbers and "held_out" not in found.numbers


def test_a_slight_bend_within_the_noise_is_a_logarithm_as_well() -> None:
    found = verdict(study(power(0.02, 0.3, SIX), sd=0.0015))
    assert found.answer is Answer.FORM_UNKNOWN
    assert form_of(found).alpha_low == 0.0
    assert "a logarithm fits as well" in found.reason


def test_scatter_beyond_the_errors_is_no_law() -> None:
    scatter = 6 * SD * np.array([1, -1, 1, -1, 1, -1])
    found = verdict(study(power(0.05, 0.3, SIX) + scatter))
    assert found.answer is Answer.FORM_UNKNOWN
    assert "it does not fit (p = 0.0" in found.reason


def test_every_later_objection_is_named() -> None:
    form = form_of(verdict(study(power(0.05, 0.3, SIX))))
    held_out = form.held_out
    assert held_out is not None and form.objection == ""
    outside = replace(held_out, observed=held_out.high + 1e-9)
    worse = replace(held_out, error_log=held_out.error_power)
    assert "without the largest size" in replace(form, held_out=None).objection
    assert "outside its prediction" in replace(form, held_out=outside).objection
    assert "another law predicts" in replace(form, held_out=worse).objection
    assert "bound hit" in replace(form, law=replace(form.law, status=FitStatus.BOUND_HIT)).objection


def test_the_largest_size_is_really_held_out() -> None:
    truth = power(0.05, 0.3, SIX)
    cov = SD**2 * np.eye(6)
    moved = truth.copy()
    moved[-1] -= 0.004
    first, second = (check_form(SIX, d, cov, np.inf).held_out for d in (truth, moved))
    assert first is not None and second is not None
    assert first.predicted == pytest.approx(second.predicted)
    assert first.high - first.low == pytest.approx(second.high - second.low)
    assert first.is_inside and not second.is_inside


def test_noise_that_all_cells_share_does_not_widen_a_prediction() -> None:
    truth, own = power(0.05, 0.3, SIX), SD**2 * np.eye(6)
    alone = check_form(SIX, truth, own, np.inf).held_out
    shared = check_form(SIX, truth, own + 0.01**2, np.inf).held_out
    assert alone is not None and shared is not None
    assert shared.high - shared.low == pytest.approx(alone.high - alone.low, rel=1e-3)


def test_cells_of_one_largest_size_are_held_out_together() -> None:
    sizes = np.append(SIX, SIX[-1])
    truth = power(0.05, 0.3, sizes)
    truth[-2:] += [-SD, SD]
    held_out = check_form(sizes, truth, SD**2 * np.eye(7), np.inf).held_out
    assert held_out is not None
    assert held_out.observed == pytest.approx(truth[-2:].mean())
    assert held_out.predicted == pytest.approx(held_out.observed, abs=1e-8)


def test_an_exponents_interval_is_that_of_its_error_where_noise_is_small() -> None:
    rng = np.random.default_rng(37)
    truth, cov = power(0.05, 0.4, SIX), 1e-5**2 * np.eye(6)
    law = fit_power_law(SIX, truth, cov=cov)
    low, high = alpha_interval(law, SIX, truth, cov=cov, reach=1.96)
    fits = [fit_power_law(SIX, truth + 1e-5 * rng.normal(size=6)).alpha for _ in range(300)]
    assert (high - low) / (2 * 1.96) == pytest.approx(np.std(fits), rel=0.15)


def test_an_interval_without_an_end_says_so() -> None:
    step = np.array([0.05, 0.0, 0.0, 0.0, 0.0, 0.0]) + 0.004 * np.array([0, 1, -1, 1, -1, 0])
    cov = 0.01**2 * np.eye(6)
    law = fit_power_law(SIX, step, cov=cov)
    low, high = alpha_interval(law, SIX, step, cov=cov, reach=1.96)
    assert low > 0.0 and high == np.inf


def test_every_number_of_the_form_is_in_the_result() -> None:
    numbers = verdict(study(power(0.05, 0.3, SIX))).numbers
    assert {
        "law_E", "law_A", "law_alpha", "law_alpha_low", "law_alpha_high", "law_chi2",
        "law_chi2_dof", "law_p", "next_decade_gain", "next_decade_gain_low",
        "next_decade_gain_high", "held_out",
        "held_out_predicted", "held_out_low", "held_out_high", "held_out_error_power",
        "held_out_error_log", "held_out_error_constant", "p_value",
    } <= set(numbers)  # fmt: skip
