"""Rival laws: the true one wins where it is told apart, and numbers by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from finscale.config import DataError
from finscale.laws import FitStatus, Rival, compare

SIZES = np.geomspace(3e4, 3e6, 9)
NAMES = ("constant", "log-linear", "power law", "power law with floor", "broken power law")


def by_name(rivals: tuple[Rival, ...]) -> dict[str, Rival]:
    return {rival.form: rival for rival in rivals}


def best(rivals: tuple[Rival, ...]) -> str:
    return min(rivals, key=lambda rival: rival.aicc).form


def noisy(values: np.ndarray, sd: float, seed: int = 71) -> np.ndarray:
    return values + sd * np.random.default_rng(seed).normal(size=len(values))


def test_a_constant_by_hand() -> None:
    row = compare([1e4, 1e5, 1e6, 1e7], [1.0, 2.0, 3.0, 6.0], cov=4.0 * np.eye(4))[0]
    # Mean 3, squares 4 + 1 + 0 + 9 over 4; the others' mean is 2.
    assert (row.form, row.n_constants) == ("constant", 1)
    assert row.objective == pytest.approx(14 / 4)
    assert row.aicc == pytest.approx(14 / 4 + 2 + 4 / 2)
    assert row.held_out_error == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("truth", "name"),
    [
        (np.full(9, 0.02), "constant"),
        (0.02 - 0.004 * np.log(SIZES / SIZES[0]), "log-linear"),
        (0.02 * (SIZES / SIZES[0]) ** -0.4, "power law"),
        (-0.01 + 0.03 * (SIZES / SIZES[0]) ** -0.6, "power law with floor"),
    ],
)
def test_differences_are_told_apart_in_nats(truth: np.ndarray, name: str) -> None:
    rivals = compare(SIZES, noisy(truth, 1e-5), cov=1e-10 * np.eye(9))
    assert tuple(rival.form for rival in rivals) == NAMES
    assert best(rivals) == name
    assert by_name(rivals)[name].held_out_error < 1e-4


def test_losses_are_told_apart_by_hubers_loss() -> None:
    rng = np.random.default_rng(73)
    n, d = (side.ravel() for side in np.meshgrid(np.geomspace(1e6, 1e9, 6), [1e8, 1e9, 1e10, 1e11]))
    loss = (1.7 + 400 * n**-0.34 + 400 * d**-0.28) * np.exp(1e-3 * rng.normal(size=24))
    rivals = compare(n, loss, n_samples=d, huber_delta=1e-3)
    assert tuple(rival.form for rival in rivals) == (*NAMES, "data-only", "joint")
    assert best(rivals) == "joint"
    assert by_name(rivals)["joint"].held_out_error < 0.01 < by_name(rivals)["power law"].objective
    alone = compare(SIZES, np.abs(noisy(0.3 + 5 * SIZES**-0.5, 1e-5)), huber_delta=1e-4)
    assert best(alone) == "power law with floor"
    assert {rival.status for rival in alone[:4]} <= {FitStatus.CONVERGED, FitStatus.BOUND_HIT}


def test_a_law_with_more_constants_than_points_is_none() -> None:
    rivals = by_name(compare(SIZES[:5], 0.3 + 5 * SIZES[:5] ** -0.3, cov=np.eye(5)))
    broken = rivals["broken power law"]
    assert broken.status is FitStatus.NOT_IDENTIFIABLE
    assert math.isnan(broken.objective) and math.isnan(broken.held_out_error)
    # Three constants of four points left: nothing to spare for the criterion.
    assert rivals["power law with floor"].held_out_error == pytest.approx(0.0, abs=1e-6)
    assert math.isfinite(rivals["power law with floor"].aicc)
    assert compare(SIZES[:4], np.arange(4.0), cov=np.eye(4))[3].aicc == math.inf


def test_noise_that_is_not_known_is_one_more_constant() -> None:
    y = noisy(0.02 * (SIZES / SIZES[0]) ** -0.4, 1e-4)
    row = by_name(compare(SIZES, y))["constant"]
    rss = float(np.sum((y - y.mean()) ** 2))
    assert row.aicc == pytest.approx(9 * math.log(rss / 9) + 4 + 12 / 6)
    assert best(compare(SIZES, y)) == "power law"


@pytest.mark.parametrize(
    ("y", "options", "match"),
    [
        (np.append(np.ones(8), math.nan), {}, "finite values"),
        (-np.ones(9), {"huber_delta": 1e-3}, "positive, finite loss"),
        (np.ones(9), {"cov": np.eye(3)}, "covariance of the cells"),
    ],
)
def test_degenerate_points_are_refused(
    y: np.ndarray, options: dict[str, object], match: str
) -> None:
    with pytest.raises(DataError, match=match):
        compare(SIZES, y, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("truth", "name", "constants"),
    [
        (np.full(9, 0.02), "constant", {"E": 0.02}),
        # The middle of 3e4 to 3e6 lies a decade up.
        (
            0.02 - 0.004 * np.log10(SIZES / SIZES[0]),
            "log-linear",
            {"level": 0.016, "slope": -0.004},
        ),
        (0.5 * SIZES**-0.4, "power law", {"A": 0.5, "alpha": 0.4}),
        (
            -0.01 + 14.5 * SIZES**-0.6,
            "power law with floor",
            {"E": -0.01, "A": 14.5, "alpha": 0.6},
        ),
    ],
)
def test_constants_stand_in_their_own_units(
    truth: np.ndarray, name: str, constants: dict[str, float]
) -> None:
    found = by_name(compare(SIZES, truth, cov=1e-10 * np.eye(9)))
    assert found[name].constants == pytest.approx(constants, rel=1e-4)


def test_a_broken_law_is_given_by_its_constants() -> None:
    truth = 0.01 + 2.0 * SIZES**-0.3 * (1 + (SIZES / 3e5) ** (1 / 0.5)) ** (-0.5 * 0.5)
    c = by_name(compare(SIZES, truth, cov=1e-12 * np.eye(9)))["broken power law"].constants
    bend = (1 + (SIZES / c["d"]) ** (1 / c["f"])) ** (-c["c"] * c["f"])
    assert c["E"] + c["A"] * SIZES ** -c["alpha"] * bend == pytest.approx(truth, rel=1e-4)


def test_what_was_not_fitted_has_no_constants() -> None:
    rows = by_name(compare(SIZES[:4], np.array([0.4, 0.3, 0.25, 0.24]), cov=np.eye(4)))
    assert rows["broken power law"].constants == {}
