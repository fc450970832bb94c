"""The procedure on trial: a sound one passes, one that never speaks or always does fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finscale.laws import (
    Answer,
    Control,
    ErrorRates,
    Evidence,
    Rules,
    Verdict,
    measure_error_rates,
    verdict,
)
from tests.studies import DELTA, FOUR, Noise, line, simulate

N = 200
SLOPE = -4.0 * DELTA


def never_sure(evidence: Evidence, rules: Rules) -> Verdict:
    return replace(verdict(evidence, rules), answer=Answer.NOT_IDENTIFIABLE)


def always_sure(evidence: Evidence, rules: Rules) -> Verdict:
    return replace(verdict(evidence, rules), answer=Answer.IMPROVES)


def too_sure(evidence: Evidence, rules: Rules) -> Verdict:
    slope = verdict(evidence, rules).numbers["slope"]
    return replace(verdict(evidence, rules), interval_95=(slope - 1e-5, slope + 1e-5))


def tried(truth: float, seed: int, draw=verdict) -> ErrorRates:
    noise = Noise(common=0.02, cell=0.01, seed=0.0005, seed_day=0.01)
    studies = simulate(line(truth, FOUR), FOUR, N, seed, noise)
    return measure_error_rates(studies, truth, Rules(), draw)


def control(draw=verdict) -> Control:
    level, planted = tried(0.0, 1, draw), tried(SLOPE, 2, draw)
    return Control(DELTA, as_trained=level, levelled=level, planted=planted, learnt=None)


def test_the_procedure_passes() -> None:
    found = control()
    assert found.objections == ()
    assert found.levelled.n == found.planted.n == N
    assert found.planted.n_found >= 0.8 * N and found.levelled.n_wrong <= 0.05 * N


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (never_sure, "found in 0 of 200"),
        (always_sure, "200 false verdicts in 200 studies"),
        (too_sure, "intervals that hold the slope in"),
    ],
)
def test_an_instrument_that_does_not_measure_fails(draw, said: str) -> None:
    assert any(said in objection for objection in control(draw).objections)


def test_a_true_slope_is_no_false_verdict_and_must_be_found_once_it_matters() -> None:
    fine = ErrorRates(SLOPE, {"improves": 200}, 200)
    level = ErrorRates(0.0, {"flat": 200}, 200)
    missed = ErrorRates(SLOPE, {"flat": 90, "improves": 110}, 199)
    assert Control(DELTA, missed, level, fine, 0.5).objections == (
        f"a slope of {SLOPE:+.4f} found in 110 of 200",
    )
    small = ErrorRates(-DELTA, {"flat": 90, "improves": 110}, 199)
    assert Control(DELTA, small, level, fine, 0.5).objections == ()
    upwards = ErrorRates(DELTA, {"inverse": 110, "flat": 90}, 199)
    assert Control(DELTA, upwards, level, fine, 0.5).objections == ()
    against = ErrorRates(DELTA, {"improves": 31, "flat": 169}, 199)
    assert Control(DELTA, against, level, fine, 0.5).objections == (
        "31 false verdicts in 200 studies",
    )


def test_every_form_of_a_fall_is_found_and_no_other() -> None:
    answers = {
        "power law": 2, "saturating": 3, "improves": 5, "improves, form unknown": 7,
        "inverse": 11, "optimisation-limited": 13, "flat": 17, "not identifiable": 19,
    }  # fmt: skip
    found = ErrorRates(-0.1, answers, 70)
    assert (found.n, found.n_found, found.n_claims) == (77, 17, 41)
    wrong = [ErrorRates(slope, answers, 70).n_wrong for slope in (-0.1, 0.0, 0.1)]
    assert wrong == [24, 41, 17]


def test_a_verdict_behind_a_gate_covers_nothing() -> None:
    studies = simulate(line(0.0, FOUR[:3]), FOUR[:3], 3, 1)
    found = measure_error_rates(studies, 0.0, Rules())
    assert (found.answers, found.n_covered) == ({"not identifiable": 3}, 0)
