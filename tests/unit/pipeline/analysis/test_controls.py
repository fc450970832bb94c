"""Controls: models of a planted market, judged on labels drawn anew from its true odds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from finscale.laws import Rules
from finscale.pipeline.analysis.control_studies import judge
from finscale.pipeline.analysis.problem_finals import ProblemFinals
from finscale.pipeline.running.progress import Event, Progress

N_DAYS, N_SEEDS = 1009, 3
SIZES = (1_600, 4_000, 11_000, 70_000)
DAYS = pd.bdate_range("2001-01-01", periods=N_DAYS)
TRUE = np.random.default_rng(3).normal(size=N_DAYS)


def frame(log_odds: np.ndarray) -> pd.DataFrame:
    labels = np.random.default_rng(5).uniform(size=N_DAYS) < expit(TRUE)
    rows = {
        "date": DAYS,
        "segment": "test",
        "block": 0,
        "y": labels.astype(float),
        "output": log_odds,
    }
    # As a run may have written them: in no order.
    return pd.DataFrame(rows).sample(frac=1.0, random_state=7)


def study(
    shares: tuple[float, ...], *, spread: float = 0.05
) -> tuple[ProblemFinals, dict[str, pd.DataFrame]]:
    """Cells that have learnt so much of the true log odds, with noise of their own."""
    rng = np.random.default_rng(11)
    frames = {"reference": frame(np.zeros(N_DAYS)), "bayes": frame(TRUE)}
    rows = []
    for size, share in zip(SIZES, shares, strict=True):
        for seed in range(N_SEEDS):
            run_id = f"{size}-{seed}"
            frames[run_id] = frame(share * TRUE + spread * rng.normal(size=N_DAYS))
            rows.append({"run_id": run_id, "cell": f"c{size}", "n_params": size, "seed": seed})
    same = {"data_sha256": "d", "label_version": "1", "split": "chronological", "train_loss": 0.5}
    finals = pd.DataFrame(rows).assign(**same, n_train=5_003, n_val=1_009)
    baselines = pd.DataFrame({"baseline": ["reference", "bayes"], "run_id": ["reference", "bayes"]})
    nothing = pd.DataFrame(columns=["run_id", "status", "reason"])
    return ProblemFinals("p", 1, finals, nothing, (), baselines, DAYS), frames


def loss(log_odds: np.ndarray) -> float:
    """Expected loss under the true odds, by the textbook."""
    p, q = expit(TRUE), expit(log_odds)
    return float(-(p * np.log(q) + (1.0 - p) * np.log(1.0 - q)).mean())


def quiet(event: Event) -> None:
    """Who does not listen."""


def test_models_that_are_equally_good_are_flat_and_planted_slopes_are_found() -> None:
    control = judge(*study((0.9,) * 4), Rules(), quiet, n_repetitions=101)
    assert control is not None
    assert control.objections == ()
    assert control.as_trained.n == control.levelled.n == control.planted.n == 101
    assert control.levelled.slope == 0.0 and control.levelled.n_wrong <= 8
    assert control.planted.slope <= -2.0 * control.delta


def test_the_true_slope_and_what_was_learnt_are_those_of_expected_losses() -> None:
    shares = (0.0, 0.4, 0.7, 1.0)
    control = judge(*study(shares, spread=0.0), Rules(), quiet, n_repetitions=53)
    assert control is not None
    x = np.log10(SIZES) - np.log10(SIZES).mean()
    expected = np.array([loss(share * TRUE) for share in shares])
    assert control.as_trained.slope == pytest.approx(x @ expected / (x @ x), abs=1e-12)
    assert control.delta == pytest.approx(0.01 * np.log(2.0))
    assert control.learnt == pytest.approx(1.0, abs=1e-12)
    assert control.as_trained.n_found == 53 and control.objections == ()


def test_half_of_what_can_be_known() -> None:
    control = judge(*study((0.0, 0.1, 0.2, 0.4), spread=0.0), Rules(), quiet, n_repetitions=3)
    assert control is not None
    share = (np.log(2.0) - loss(0.4 * TRUE)) / (np.log(2.0) - loss(TRUE))
    assert control.learnt == pytest.approx(share, abs=1e-12)


def test_where_nothing_can_be_known_nothing_is_learnt() -> None:
    problem, frames = study((0.0,) * 4)
    frames["bayes"] = frames["bayes"].assign(output=0.0)
    control = judge(problem, frames, Rules(), quiet, n_repetitions=101)
    assert control is not None
    assert control.learnt is None and control.objections == ()


def test_every_verdict_of_the_trial_is_told() -> None:
    told: list[Event] = []
    judge(*study((0.5,) * 4), Rules(), told.append, n_repetitions=7)
    assert told == [Progress("p on trial", done, 21, "verdicts") for done in range(22)]


def test_without_true_odds_there_is_nothing_to_judge() -> None:
    problem, frames = study((0.5,) * 4)
    known = problem.baselines.iloc[:1]
    others = ProblemFinals("p", 1, problem.finals, problem.attempts, (), known, DAYS)
    assert judge(others, frames, Rules(), quiet) is None
