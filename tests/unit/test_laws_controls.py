"""The procedure on trial: a sound one passes, one that never speaks or always does fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finscale.laws import Answer, Control, Evidence, Rules, Tried, Verdict, try_verdict, verdict
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


def tried(truth: float, seed: int, draw=verdict) -> Tried:
    noise = Noise(common=0.02, cell=0.01, seed=0.0005, seed_day=0.01)
    studies = simulate(line(truth, FOUR), FOUR, N, seed, noise)
    return try_verdict(studies, truth, Rules(), draw)


def control(draw=verdict) -> Control:
    return Control(DELTA, tried(0.0, 1, draw), tried(SLOPE, 2, draw), learnt=None)


def test_the_procedure_passes() -> None:
    found = control()
    assert found.objections == ()
    assert found.is_flat and found.as_trained.n == found.planted.n == N
    assert found.planted.n_found >= 0.8 * N and found.as_trained.n_claims <= 0.05 * N


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (never_sure, "a planted slope found in 0 of 200"),
        (always_sure, "200 false verdicts in 200 studies"),
        (too_sure, "intervals that cover in"),
    ],
)
def test_an_instrument_that_does_not_measure_fails(draw, said: str) -> None:
    assert any(said in objection for objection in control(draw).objections)


def test_a_true_slope_that_is_not_found_is_an_objection() -> None:
    missed = Tried(SLOPE, {"flat": 90, "improves": 110}, 199)
    fine = Tried(SLOPE, {"improves": 200}, 200)
    assert Control(DELTA, missed, fine, 0.5).objections == ("the true slope found in 110 of 200",)
    assert Control(DELTA, replace(missed, slope=-DELTA), fine, 0.5).objections == ()


def test_every_form_of_a_fall_is_found_and_no_other() -> None:
    answers = {
        "power law": 2, "saturating": 3, "improves": 5, "improves, form unknown": 7,
        "inverse": 11, "optimisation-limited": 13, "flat": 17, "not identifiable": 19,
    }  # fmt: skip
    found = Tried(-0.1, answers, 70)
    assert (found.n, found.n_found, found.n_claims) == (77, 17, 41)


def test_a_verdict_behind_a_gate_covers_nothing() -> None:
    studies = simulate(line(0.0, FOUR[:3]), FOUR[:3], 3, 1)
    found = try_verdict(studies, 0.0, Rules())
    assert (found.answers, found.n_covered) == ({"not identifiable": 3}, 0)
    assert np.isfinite(found.slope)
