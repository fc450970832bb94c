"""Controls: tests the verdict with models of a planted market and labels drawn from its true odds.

Legend: `R` repetitions, `J` cells, `S` seeds of a cell, `T` test days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pandas as pd
from scipy.special import expit

from finscale.evaluation import (
    BAYES,
    block_length,
    bootstrap_means,
    covariance,
    cross_entropy,
    seed_variance,
)
from finscale.laws import (
    DETECTABLE,
    Control,
    Evidence,
    Rules,
    Verdict,
    contrast,
    fit_slope,
    measure_error_rates,
    verdict,
)
from finscale.pipeline.analysis.losses import Floats
from finscale.pipeline.analysis.problem_finals import ProblemFinals, reference_of
from finscale.pipeline.problem import of_segment
from finscale.pipeline.running import Listen, Progress
from finscale.tracking import TEST

N_REPETITIONS = 500
N_DRAWS = 1000
SEED = 42


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecast log odds for every test day.

    Attributes
    ----------
    true_T, reference_T : ndarray, shape (T,)
    cells : list of J arrays, shape (S_j, T)
    """

    true_T: Floats
    reference_T: Floats
    cells: list[Floats]

    def differences(self, labels_T: Floats) -> list[Floats]:
        """Return each final's loss minus the reference's, in nats, arrays of shape (S_j, T).

        The loss is linear in the label, so with probabilities as labels it is the expected loss.
        """
        reference_T = cross_entropy(labels_T, self.reference_T)
        return [cross_entropy(labels_T, logits_ST) - reference_T for logits_ST in self.cells]


def judge(
    problem: ProblemFinals,
    forecasts: Mapping[str, pd.DataFrame],
    rules: Rules,
    listen: Listen,
    n_repetitions: int = N_REPETITIONS,
) -> Control | None:
    """Test the verdict procedure on a control's finals; None if the true odds are not known.

    Days and models are fixed and only labels are drawn. The intervals should therefore contain
    the slope of these models in expectation over labels. They include the variance of seeds as
    well, so they cover more often than their nominal level.
    """
    known = problem.baselines
    truth = known.loc[known["baseline"] == BAYES, "run_id"]
    if truth.empty:
        return None
    draw = _telling(f"{problem.problem} on trial", 3 * n_repetitions, listen)
    made = _forecasts(problem, forecasts, str(truth.iloc[0]))
    odds_T = expit(made.true_T)
    rng = np.random.default_rng(SEED)
    labels_RT = (rng.uniform(size=(n_repetitions, len(odds_T))) < odds_T).astype(np.float64)
    studies = _studies(problem, made, labels_RT, rng)
    expected_J = _means(made.differences(odds_T))
    sizes = problem.conditions().n_params
    delta = rules.delta_share * studies[0].loss_scale
    # The effect that such a study can detect, and at least 2 delta: below delta it answers "flat".
    effect = -max(2.0 * delta, DETECTABLE * float(np.median([*map(_error, studies)])))
    offset_J = np.log10(sizes) - np.log10(sizes).mean()

    def with_slope(slope: float) -> list[Evidence]:
        trend_J = slope * offset_J - expected_J
        return [replace(study, difference=study.difference + trend_J) for study in studies]

    return Control(
        delta=delta,
        as_trained=measure_error_rates(studies, float(contrast(sizes) @ expected_J), rules, draw),
        levelled=measure_error_rates(with_slope(0.0), 0.0, rules, draw),
        planted=measure_error_rates(with_slope(effect), effect, rules, draw),
        learnt=_learnt(made, odds_T, expected_J),
    )


def _telling(key: str, total: int, listen: Listen) -> Callable[[Evidence, Rules], Verdict]:
    """Return the verdict procedure, extended to report how many verdicts are drawn."""
    listen(Progress(key, 0, total, "verdicts"))
    drawn = count(1)

    def draw(study: Evidence, rules: Rules) -> Verdict:
        found = verdict(study, rules)
        listen(Progress(key, next(drawn), total, "verdicts"))
        return found

    return draw


def _forecasts(problem: ProblemFinals, frames: Mapping[str, pd.DataFrame], truth: str) -> Forecasts:
    def by_day(run_id: str) -> Floats:
        rows = of_segment(frames[run_id], TEST).sort_values("date")
        assert rows["date"].is_unique, "a planted market has one ticker"
        return np.asarray(rows["output"], dtype=np.float64)

    groups = problem.finals.groupby("cell", sort=False)["run_id"]
    return Forecasts(
        true_T=by_day(truth),
        reference_T=by_day(reference_of(problem.baselines, problem.problem)),
        cells=[np.stack([by_day(run_id) for run_id in run_ids]) for _, run_ids in groups],
    )


def _studies(
    problem: ProblemFinals, made: Forecasts, labels_RT: Floats, rng: np.random.Generator
) -> list[Evidence]:
    """Return the evidence of every repetition; one matrix product bootstraps all of them."""
    n_cells, n_days = len(made.cells), labels_RT.shape[1]
    drawn = [made.differences(labels_T) for labels_T in labels_RT]
    means = [cell.mean(axis=0)[None] for cells in drawn for cell in cells]
    first_JT = np.concatenate(means[:n_cells])
    draws = bootstrap_means(means, block_length(first_JT, problem.horizon), N_DRAWS, rng)
    train_loss = problem.finals.groupby("cell", sort=False)["train_loss"].mean()
    odds_T = expit(made.true_T)
    # Computed once, because each call takes milliseconds.
    conditions = problem.conditions()
    return [
        Evidence(
            conditions=conditions,
            difference=_means(cells),
            day_cov=covariance(draws[:, r * n_cells : (r + 1) * n_cells]),
            seed_variance=seed_variance(cells),
            loss_scale=float(cross_entropy(odds_T, made.reference_T).sum() / n_days),
            train_loss=train_loss.to_numpy(dtype=np.float64),
        )
        for r, cells in enumerate(drawn)
    ]


def _learnt(made: Forecasts, odds_T: Floats, expected_J: Floats) -> float | None:
    """Return the gain of the best size over the reference, as a share of the Bayes forecast's."""
    reference, bayes = (
        float(cross_entropy(odds_T, logits_T).mean())
        for logits_T in (made.reference_T, made.true_T)
    )
    can_be_known = np.ptp(made.true_T) > 0.0
    return float(-expected_J.min() / (reference - bayes)) if can_be_known else None


def _means(cells: list[Floats]) -> Floats:
    return np.array([cell.mean() for cell in cells])


def _error(study: Evidence) -> float:
    """Return the standard error of a study's slope."""
    seen = study.conditions
    return fit_slope(
        seen.n_params, study.difference, study.day_cov, study.seed_variance, seen.n_seeds
    ).se
