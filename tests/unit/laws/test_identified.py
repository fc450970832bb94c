"""What points cannot tell no fit claims; what does not matter to a law does not change it."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.laws import (
    DATA,
    FLOORED,
    JOINT,
    POWER,
    FitStatus,
    Form,
    JointLaw,
    LossFit,
    PowerLaw,
    bootstrap,
    fit_differences,
    fit_joint_law,
    fit_loss,
    fit_power_law,
)

SIZES = np.geomspace(2e4, 5e6, 9)
LAW = 0.41 + 7.0 * SIZES**-0.45
ANY_9 = st.permutations(range(9))


def noise(sd: float, n: int, seed: int = 83) -> np.ndarray:
    return sd * np.random.default_rng(seed).normal(size=n)


def sides() -> tuple[np.ndarray, np.ndarray]:
    n, d = np.meshgrid(np.geomspace(3e5, 2e8, 5), np.geomspace(1e7, 4e9, 4))
    return n.ravel(), d.ravel()


@settings(max_examples=25, deadline=None)
@given(ANY_9)
def test_the_order_of_points_changes_no_digit_of_a_power_law(order: list[int]) -> None:
    root = np.random.default_rng(89).normal(size=(9, 9))
    cov = 1e-6 * (root @ root.T + np.eye(9))
    y = LAW + noise(1e-3, 9)
    moved = cov[np.ix_(order, order)]
    assert fit_power_law(SIZES[order], y[order]) == fit_power_law(SIZES, y)
    assert fit_power_law(SIZES[order], y[order], cov=moved) == fit_power_law(SIZES, y, cov=cov)
    floored = [
        fit_differences(FLOORED, SIZES[each], y[each], cov=matrix)
        for each, matrix in ((order, moved), (list(range(9)), cov))
    ]
    assert floored[0].constants == floored[1].constants


@settings(max_examples=6, deadline=None)
@given(st.permutations(range(20)), st.sampled_from([1e-3, 1e-7]))
def test_nor_of_a_law_of_positive_losses(order: list[int], delta: float) -> None:
    n, d = sides()
    loss = (1.1 + 90 * n**-0.31 + 800 * d**-0.37) * np.exp(noise(3e-3, 20))
    whole = fit_joint_law(n, d, loss, huber_delta=delta)
    assert fit_joint_law(n[order], d[order], loss[order], huber_delta=delta) == whole


@settings(max_examples=10, deadline=None)
@given(ANY_9, st.lists(st.sampled_from(SIZES), min_size=9, max_size=9), st.integers(0, 999))
def test_nor_where_sizes_and_losses_repeat(order: list[int], x: list[float], seed: int) -> None:
    sizes, rng = np.array(x), np.random.default_rng(seed)
    y, variance = np.round(rng.normal(size=9), 0), rng.uniform(1, 2, 9)
    if len(set(x)) < 2:
        return
    fits = [
        fit_power_law(sizes[each], y[each], cov=np.diag(variance[each]))
        for each in (order, list(range(9)))
    ]
    assert repr(fits[0]) == repr(fits[1])  # NaN is not NaN


Fit = Callable[[np.ndarray, np.ndarray], PowerLaw | LossFit]
FITS: dict[str, Fit] = {
    "nats": fit_power_law,
    "huber": lambda x, y: fit_loss(FLOORED, x, y),
    "samples": lambda x, y: fit_loss(DATA, np.geomspace(1, 9, len(x)), x, y),
}


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("rise", [0.0, 0.004, 0.2])
def test_a_largest_size_that_is_the_worst_leaves_no_exponent(name: str, rise: float) -> None:
    y = LAW + noise(2e-4, 9)
    y[-1] = y[0] + rise
    assert FITS[name](SIZES, y).status is FitStatus.NOT_IDENTIFIABLE


@pytest.mark.parametrize("name", FITS)
def test_one_cell_far_off_is_noise_for_all(name: str) -> None:
    y = LAW + noise(2e-4, 9)
    y[4] += 0.09
    assert FITS[name](SIZES, y).status is not FitStatus.CONVERGED
    assert FITS[name](SIZES, LAW + noise(2e-4, 9)).status is FitStatus.CONVERGED


@pytest.mark.parametrize("name", FITS)
def test_noise_alone_is_no_law(name: str) -> None:
    claimed = [
        FITS[name](SIZES, 0.7 + noise(1e-3, 9, seed)).status is FitStatus.CONVERGED
        for seed in range(20)
    ]
    # A slope of either sign comes of noise in one case of twenty.
    assert sum(claimed) <= 2


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("places", [[0, 0, 5, 5, 8, 8, 8], [1, 1, 4, 4, 4, 7, 7]])
def test_three_sizes_are_no_law_however_often(name: str, places: list[int]) -> None:
    y = (LAW + noise(1e-5, 9))[places]
    assert FITS[name](SIZES[places], y).status is FitStatus.NOT_IDENTIFIABLE


def test_three_sizes_are_enough_for_two_constants() -> None:
    x = SIZES[[0, 0, 0, 4, 4, 8, 8]]
    assert fit_loss(POWER, x, 3 * x**-0.2).status is FitStatus.CONVERGED


@pytest.mark.parametrize("share", [0.25, 5.0, 60.0])
def test_samples_in_proportion_to_sizes_leave_two_heights_untold(share: float) -> None:
    loss = 0.9 + 12.0 * SIZES**-0.4 + 5.0 * (share * SIZES) ** -0.4
    law = fit_joint_law(SIZES, share * SIZES, loss)
    assert law.status is FitStatus.NOT_IDENTIFIABLE
    assert all(math.isnan(value) for value in law.constants.values())
    # What the ladder tells is told: the loss along it.
    fit = fit_loss(JOINT, SIZES, share * SIZES, loss)
    assert fit.predict(SIZES, share * SIZES) == pytest.approx(loss, rel=1e-5)
    again = bootstrap(fit_joint_law, SIZES, share * SIZES, loss, n_draws=3)
    assert again.n_identified == 0


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_noise_on_a_ladder_tells_no_more(power: float) -> None:
    samples = 30 * SIZES**power
    loss = (1.2 + 9.0 * SIZES**-0.35 + 4.0 * samples**-0.45) * np.exp(noise(2e-3, 9))
    assert fit_joint_law(SIZES, samples, loss).status is not FitStatus.CONVERGED


def test_unsure_draws_stay_in_an_interval() -> None:
    # Left out, they would leave the others' narrow interval.
    y = LAW + noise(8e-3, 9)
    draws = LAW + np.random.default_rng(97).normal(size=(30, 9)) * 8e-3
    found = bootstrap(fit_power_law, SIZES, y, draws=draws)
    unsure = [fit_power_law(SIZES, row).status is FitStatus.NOT_IDENTIFIABLE for row in draws]
    assert sum(unsure) > 3
    assert found.n_identified > 30 - sum(unsure)


def absolute(law: JointLaw | LossFit, *points: np.ndarray) -> float:
    return float(np.abs(np.log(law.predict(*points[:-1]) / points[-1])).sum())


@pytest.mark.parametrize(("sd", "seed"), [(5e-4, 3), (0.01, 5), (0.2, 7)])
def test_the_smaller_delta_the_smaller_the_sum_of_absolute_residuals(sd: float, seed: int) -> None:
    n, d = (side.ravel() for side in np.meshgrid(np.geomspace(1e7, 1e10, 12), [1e9, 1e10, 1e11]))
    points = n, d, (1.8 + 480 * n**-0.35 + 2_000 * d**-0.37) * np.exp(noise(sd, 36, seed))
    deltas = [sd * 10.0**-power for power in range(1, 8)]
    laws = [fit_joint_law(*points, huber_delta=delta) for delta in deltas]
    sums = [absolute(law, *points) for law in laws]
    for before, after in pairwise(sums):
        assert after <= before * (1 + 1e-6)
    # And from another law's constants.
    start = fit_joint_law(n, d, 1.9 + 400 * n**-0.33 + 1_500 * d**-0.35)
    warm = fit_joint_law(*points, huber_delta=deltas[-1], start=start)
    assert absolute(warm, *points) == pytest.approx(sums[-1], rel=1e-5)


@pytest.mark.parametrize("form", [POWER, FLOORED], ids=lambda form: form.name)
def test_a_tiny_delta_finds_the_median(form: Form) -> None:
    x = np.geomspace(1e3, 1e8, 101)
    loss = 30 * x**-0.3 * np.exp(noise(0.05, 101)) + (0.5 if form is FLOORED else 0.0)
    narrow, wide = (fit_loss(form, x, loss, huber_delta=delta) for delta in (1e-9, 1e-4))
    assert narrow.status is FitStatus.CONVERGED
    assert absolute(narrow, x, loss) <= absolute(wide, x, loss)


def test_a_better_neighbour_forbids_converged() -> None:
    n, d = sides()
    loss = (1.1 + 90 * n**-0.31 + 800 * d**-0.37) * np.exp(noise(3e-2, 20))
    known = fit_joint_law(n, d, loss, huber_delta=1e-5)
    for limit in (1, 2, 3, 5, 9, 20):
        law = fit_joint_law(n, d, loss, huber_delta=1e-7, max_evaluations=limit)
        if law.status is FitStatus.CONVERGED:
            assert absolute(law, n, d, loss) <= absolute(known, n, d, loss) * (1 + 1e-6)
