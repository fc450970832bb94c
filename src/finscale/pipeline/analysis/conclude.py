"""Conclusions: computes a verdict from paired losses and builds the report that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finscale.evaluation import REFERENCE
from finscale.laws import (
    Control,
    Evidence,
    Gate,
    PowerLaw,
    Rival,
    Rules,
    Verdict,
    compare,
    fit_power_law,
    refuse,
    verdict,
)
from finscale.pipeline.analysis.exhibits import Exhibits
from finscale.pipeline.analysis.losses import TestLosses
from finscale.pipeline.analysis.problem_finals import ProblemFinals
from finscale.pipeline.analysis.uncertainty import Uncertainty, measure
from finscale.pipeline.problem import shape_name
from finscale.report import Report
from finscale.tracking import Opening

# With fewer sizes, rival laws cannot be told apart.
MIN_RIVAL_SIZES = 4


@dataclass(frozen=True, eq=False)
class Conclusion:
    """A verdict with the fits and intervals that the report shows beside it."""

    verdict: Verdict
    power_law: PowerLaw | None = None
    uncertainty: Uncertainty | None = None
    rivals: tuple[Rival, ...] = ()


def conclude_closed(gate: Gate) -> Conclusion:
    """Conclude without opening the test set, because a gate has failed."""
    return Conclusion(refuse(gate))


def conclude(
    problem: ProblemFinals, losses: TestLosses, rules: Rules, gate: Gate | None
) -> Conclusion:
    """Bootstrap the paired differences and compute the verdict. A failed gate decides it alone."""
    found = measure(losses, problem.horizon, is_binary=problem.is_binary)
    if gate:
        return Conclusion(refuse(gate), uncertainty=found)
    difference_J = np.array([cell.mean() for cell in losses.differences])
    conditions = problem.conditions()
    evidence = Evidence(
        conditions=conditions,
        difference=difference_J,
        day_cov=found.day_cov_JJ,
        seed_variance=found.seed_variance_J,
        # The loss of a density has no natural zero, so it is measured in nats and not in shares.
        loss_scale=float(losses.reference_T.mean()) if problem.is_binary else 1.0,
        train_loss=_by_cell(problem, "train_loss"),
    )
    sizes = conditions.n_params
    power_law = fit_power_law(sizes, difference_J, cov=evidence.cov)
    is_rich = len(set(sizes)) >= MIN_RIVAL_SIZES
    rivals = compare(sizes, difference_J, cov=evidence.cov) if is_rich else ()
    return Conclusion(verdict(evidence, rules), power_law, found, rivals)


def make_report(
    problem: ProblemFinals,
    conclusion: Conclusion,
    losses: TestLosses | None,
    opening: Opening | None,
    exhibits: Exhibits,
    control: Control | None,
    *,
    title: str,
    question: str,
    query: str,
    partial: str,
) -> Report:
    """Collect all frames and numbers of a report."""
    finals, known = problem.finals, problem.baselines.rename(columns={"name": "run_name"})
    known = known.assign(name=known["baseline"])
    if losses:
        finals, known = _with_test(finals, losses), _with_test(known, losses)
    cells = _cells(finals)
    if conclusion.uncertainty:
        cells, known = _with_uncertainty(cells, known, conclusion.uncertainty)
    return Report(
        title=title,
        question=question,
        verdict=conclusion.verdict,
        cells=cells,
        baselines=known,
        finals=finals,
        left_out=problem.left_out,
        opening=opening.number if opening else None,
        exploratory=opening.is_exploratory if opening else False,
        query=query,
        power_law=conclusion.power_law,
        is_binary=problem.is_binary,
        base_rates=_base_rates(finals, is_open=losses is not None),
        partial=partial,
        superior_p=conclusion.uncertainty.superior_p if conclusion.uncertainty else None,
        n_days=len(losses.reference_T) if losses else None,
        rivals=conclusion.rivals,
        problem=problem.problem,
        trials=exhibits.trials,
        attempts=exhibits.attempts,
        importances=exhibits.importances,
        calibration=exhibits.calibration,
        control=control,
    )


def _cells(finals: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cell, with means over its seeds."""
    names = [str(column) for column in finals]
    scores = [name for name in names if name.startswith(("val_", "test_", "difference"))]
    rows: list[dict[str, Any]] = []
    for _, group in finals.groupby("cell", sort=False):
        first = group.iloc[0]
        shape = (int(first[name]) for name in ("n_params", "d_model", "n_layers", "n_heads"))
        means = group[["train_loss", *scores]].mean()
        rows.append(
            {
                **{str(name): float(mean) for name, mean in means.items()},
                "budget": first["budget"],
                "n_params": int(first["n_params"]),
                "n_seeds": len(group),
                "architecture": shape_name(*shape),
                "collapsed": bool((group["collapsed"] == "True").any()),
                "run_ids": tuple(group["run_id"]),
            }
        )
    return pd.DataFrame(rows)


def _with_test(frame: pd.DataFrame, losses: TestLosses) -> pd.DataFrame:
    """Add each run's test metrics; `difference` is its loss minus the reference's, nats a day."""
    scored = pd.DataFrame([losses.metrics[run_id] for run_id in frame["run_id"]])
    scored = scored.assign(
        difference=scored["test_loss"] - scored["test_loss_ref"],
        n_effective=scored["n_test_effective"],
    )
    kept = frame.drop(columns=[c for c in scored if c in frame])
    return pd.concat([kept.reset_index(drop=True), scored], axis=1)


def _with_uncertainty(
    cells: pd.DataFrame, known: pd.DataFrame, found: Uncertainty
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add intervals to cells and baselines; `found` lists the cells first, then the baselines."""
    columns = {
        "ci_low": found.low,
        "ci_high": found.high,
        "skill_low": found.skill_low,
        "skill_high": found.skill_high,
        "mcs_p": found.confidence,
    }
    n = len(cells)
    models = {name: values[:n] for name, values in columns.items()}
    known = known.assign(**{name: values[n:] for name, values in columns.items()})
    itself = known["name"] == REFERENCE
    known.loc[itself, ["difference", "n_effective", *set(columns) - {"mcs_p"}]] = np.nan
    return cells.assign(n_effective=found.n_effective_J, **models), known


def _base_rates(finals: pd.DataFrame, *, is_open: bool) -> dict[str, float]:
    """Return the share of positive labels by part; empty if labels are returns."""
    names = {"training": "train_base_rate", "validation": "val_base_rate"}
    names |= {"test": "test_base_rate"} if is_open else {}
    first = finals.iloc[0]
    return {part: float(first[name]) for part, name in names.items() if name in first}


def _by_cell(problem: ProblemFinals, column: str) -> np.ndarray:
    means = problem.finals.groupby("cell", sort=False)[column].mean()
    return means.to_numpy(dtype=np.float64)
