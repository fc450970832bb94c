"""From paired losses to a verdict and the report that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finscale.evaluation import block_length, bootstrap_means, covariance, intervals
from finscale.laws import (
    Evidence,
    Gate,
    PowerLaw,
    Rules,
    Verdict,
    fit_power_law,
    refuse,
    verdict,
)
from finscale.model import Architecture
from finscale.pipeline.evidence import ProblemFinals, TestLosses
from finscale.pipeline.trials import architecture_name
from finscale.report import Report
from finscale.tracking import Opening

N_DRAWS = 4000
BOOTSTRAP_SEED = 42


@dataclass(frozen=True, eq=False)
class Conclusion:
    """A verdict with what the report adds to it."""

    verdict: Verdict
    power_law: PowerLaw | None
    ci_low: np.ndarray | None
    ci_high: np.ndarray | None


def conclude_closed(gate: Gate) -> Conclusion:
    """Conclude without the test: a gate has failed."""
    return Conclusion(refuse(gate), None, None, None)


def conclude(problem: ProblemFinals, losses: TestLosses, rules: Rules) -> Conclusion:
    """Bootstrap the paired differences and draw the verdict."""
    means_JT = np.stack([cell.mean(axis=0) for cell in losses.differences])
    length = block_length(means_JT, problem.horizon)
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    draws_RJ = bootstrap_means(losses.differences, length, N_DRAWS, rng)
    conditions = problem.conditions()
    difference_J, cov_JJ = means_JT.mean(axis=1), covariance(draws_RJ)
    evidence = Evidence(
        conditions=conditions,
        difference=difference_J,
        cov=cov_JJ,
        reference_loss=float(losses.reference_T.mean()),
        train_loss=_by_cell(problem, "train_loss"),
    )
    low, high = intervals(draws_RJ)
    power_law = fit_power_law(conditions.n_params, difference_J, cov=cov_JJ)
    return Conclusion(verdict(evidence, rules), power_law, low, high)


def make_report(
    problem: ProblemFinals,
    conclusion: Conclusion,
    losses: TestLosses | None,
    opening: Opening | None,
    *,
    title: str,
    question: str,
    query: str,
    links: Mapping[str, str],
) -> Report:
    """Put everything a report shows into frames."""
    finals, known = problem.finals, problem.baselines.rename(columns={"name": "run_name"})
    known = known.assign(name=known["baseline"])
    if losses:
        finals = _with_test(finals, losses)
        known = _with_test(known, losses)
        reference = float(losses.reference_T.mean())
        finals = finals.assign(difference=finals["test_loss"] - reference)
    return Report(
        title=title,
        question=question,
        verdict=conclusion.verdict,
        cells=_cells(finals, conclusion),
        baselines=known,
        finals=finals,
        left_out=problem.left_out,
        opening=opening.number if opening else None,
        exploratory=opening.is_exploratory if opening else False,
        query=query,
        links=links,
        power_law=conclusion.power_law,
    )


def _cells(finals: pd.DataFrame, conclusion: Conclusion) -> pd.DataFrame:
    """Return one row a cell, means over its seeds."""
    rows: list[dict[str, Any]] = []
    for _, group in finals.groupby("cell", sort=False):
        first = group.iloc[0]
        means = {
            name: group[name].mean()
            for name in (
                "val_loss",
                "val_loss_ref",
                "val_skill",
                "train_loss",
                "test_loss",
                "test_loss_ref",
                "test_skill",
                "difference",
            )
            if name in group
        }
        rows.append(
            {
                "budget": first["budget"],
                "n_params": int(first["n_params"]),
                "n_seeds": len(group),
                "architecture": architecture_name(_architecture(first)),
                "collapsed": bool((group["collapsed"] == "True").any()),
                "run_ids": tuple(group["run_id"]),
                **means,
            }
        )
    frame = pd.DataFrame(rows)
    if conclusion.ci_low is None:
        return frame
    return frame.assign(ci_low=conclusion.ci_low, ci_high=conclusion.ci_high)


def _architecture(row: pd.Series) -> Architecture:
    return Architecture(
        n_channels=int(row["n_features"]),
        d_model=int(row["d_model"]),
        n_layers=int(row["n_layers"]),
        n_heads=int(row["n_heads"]),
        d_ff=int(row["d_ff"]),
        context_length=int(row["context_length"]),
        patch_length=int(row["patch_length"]),
        patch_stride=int(row["patch_stride"]),
    )


def _with_test(frame: pd.DataFrame, losses: TestLosses) -> pd.DataFrame:
    scored = pd.DataFrame([losses.metrics[run_id] for run_id in frame["run_id"]])
    kept = frame.drop(columns=[c for c in scored if c in frame])
    return pd.concat([kept.reset_index(drop=True), scored], axis=1)


def _by_cell(problem: ProblemFinals, column: str) -> np.ndarray:
    means = problem.finals.groupby("cell", sort=False)[column].mean()
    return means.to_numpy(dtype=np.float64)
