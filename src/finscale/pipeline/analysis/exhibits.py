"""Exhibits of a report beside its verdict: the searches of the cells, and calibration."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from finscale.config import ARCHITECTURE_AXES, TRAINING_AXES
from finscale.evaluation import LINEAR, LOGISTIC, REFERENCE, calibration_of
from finscale.pipeline.analysis.problem_finals import ProblemFinals
from finscale.pipeline.problem import finals_identity, of_segment, rows
from finscale.search import PastTrial, importances
from finscale.tracking import (
    TEST,
    VAL_LOSS,
    VALIDATION,
    Status,
    find_predictions,
    outputs_of,
    searches,
    trials,
)


@dataclass(frozen=True, eq=False)
class Exhibits:
    """Frames of the report that the verdict does not depend on.

    Attributes
    ----------
    trials : DataFrame
        Trials of the searches that the finals come from, one row per trial.
    attempts : DataFrame
        Finals of the cells with any configuration and status, one row per final.
    importances : dict of str to dict
        Importances of the hyperparameters by budget; empty if there are too few trials.
    calibration : DataFrame
        Calibration of the forecasts, one row per forecast and bin.
    """

    trials: pd.DataFrame
    attempts: pd.DataFrame
    importances: dict[str, dict[str, float]]
    calibration: pd.DataFrame


def collect_exhibits(
    problem: ProblemFinals, forecasts: Mapping[str, pd.DataFrame] | None
) -> Exhibits:
    """Read the exhibits of a problem from the tracking store.

    Parameters
    ----------
    forecasts : mapping of str to DataFrame, optional
        Predictions by run id if the test set is open. None uses validation data only.
    """
    tried = _trials(problem)
    return Exhibits(
        trials=tried,
        attempts=_with_budget(problem.attempts),
        importances=_importances(tried),
        calibration=_calibration(problem, forecasts),
    )


def _trials(problem: ProblemFinals) -> pd.DataFrame:
    """Return the trials of the finals' searches, or of all searches of their cells if unknown."""
    stored = trials(problem=problem.problem)
    if stored.empty or "status" not in stored:
        return pd.DataFrame()
    mine = stored[stored["cell"].isin({choice.cell for choice in problem.choices})]
    parents = _search_parents(problem)
    chosen = mine[mine["parent"].isin(parents)] if parents else mine
    # A running trial has no status yet and is not part of a result.
    ended = chosen[chosen["status"].notna()]
    return _with_budget(ended.assign(number=ended["trial_number"].astype(int)))


def _search_parents(problem: ProblemFinals) -> set[str]:
    """Return the searches behind the choices: a `train` fingerprint is a digest of its search's."""
    behind = {choice.fingerprint for choice in problem.choices}
    there = (row for choice in problem.choices for row in rows(searches(choice.cell)))
    return {str(row["run_id"]) for row in there if finals_identity(row["fingerprint"]) in behind}


def _with_budget(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the budget from the cell's name, because a run that failed early has not logged it."""
    return frame.assign(budget=frame["cell"].str.rpartition(".")[2]).reset_index(drop=True)


def _importances(tried: pd.DataFrame) -> dict[str, dict[str, float]]:
    if tried.empty or VAL_LOSS not in tried:
        return {}
    finished = tried[(tried["status"] == Status.OK) & tried[VAL_LOSS].notna()]
    found = {
        str(budget): importances([_past(row) for row in group.to_dict("records")])
        for budget, group in finished.groupby("budget", sort=False)
    }
    return {budget: shares for budget, shares in found.items() if shares}


def _past(row: Mapping[Hashable, Any]) -> PastTrial:
    params = {name: row[name] for name in (*ARCHITECTURE_AXES, *TRAINING_AXES)}
    params["ff_ratio"] = params.pop("d_ff") / params["d_model"]
    return PastTrial(params, row["status"], row[VAL_LOSS])


def _calibration(
    problem: ProblemFinals, forecasts: Mapping[str, pd.DataFrame] | None
) -> pd.DataFrame:
    parts = []
    for name, run_id in _shown(problem).items():
        frame = forecasts[run_id] if forecasts is not None else find_predictions(run_id)
        if frame is not None:
            parts.append(_bins(frame, is_open=forecasts is not None, name=name, run_id=run_id))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _shown(problem: ProblemFinals) -> dict[str, str]:
    """Choose the forecasts whose calibration is shown, by validation loss, one seed per cell.

    A mean over seeds would be a forecast that no model makes, and it would be better calibrated.
    """
    by_cell = [problem.finals[problem.finals["cell"] == cell] for cell in problem.cell_names]
    best = min(by_cell, key=lambda group: float(group[VAL_LOSS].mean()))
    chosen: dict[str, str] = {}
    for kind, group in (("largest", by_cell[-1]), ("best", best)):
        row = group.sort_values(VAL_LOSS).iloc[0]
        if str(row["run_id"]) in chosen.values():
            chosen = {f"{name}, best": run_id for name, run_id in chosen.items()}
        else:
            chosen[f"PatchTST {row['budget']}, {kind}"] = str(row["run_id"])
    known = problem.baselines
    for name in (REFERENCE, LOGISTIC, LINEAR):
        for run_id in known["run_id"][known["baseline"] == name].head(1):
            chosen[name] = str(run_id)
    return chosen


def _bins(frame: pd.DataFrame, *, is_open: bool, name: str, run_id: str) -> pd.DataFrame:
    seen = of_segment(frame, TEST if is_open else VALIDATION)
    if not is_open:
        # Validation days of a later block are test days of an earlier one and stay closed.
        seen = seen[seen["block"] == 0]
    found = calibration_of(seen["y"], outputs_of(seen))
    return pd.DataFrame(
        {
            "name": name,
            "run_id": run_id,
            "forecast": found.forecast,
            "frequency": found.frequency,
            "n": found.n,
            "low": found.low,
            "high": found.high,
        }
    )
