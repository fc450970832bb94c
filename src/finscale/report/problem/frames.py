"""Frames of a report: their columns, completed and sorted."""

from __future__ import annotations

import pandas as pd

from finscale.config import ARCHITECTURE_AXES, TRAINING_AXES, parse_budget
from finscale.evaluation import BASELINES as NAMES

# Title, name after `val_` or `test_`, and format of each score.
BINARY_SCORES = (("AUC", "auc", ".3f"), ("Brier", "brier", ".4f"), ("ECE", "ece", ".3f"))
RETURN_SCORES = (("MAE", "mae", ".5f"), ("RMSE", "rmse", ".5f"), ("coverage", "coverage", ".1%"))
SCORES = tuple(name for _, name, _ in (*BINARY_SCORES, *RETURN_SCORES))
# Further columns computed on test days, which are never shown while the test is closed.
OF_THE_TEST = ("difference", "ci_low", "ci_high", "skill_low", "skill_high", "n_effective", "mcs_p")
# Columns that cells and baselines may both have; NaN if not computed.
COMPARED = (
    *("val_skill", *(f"val_{name}" for name in SCORES)),
    *("test_loss", "test_skill", *(f"test_{name}" for name in SCORES)),
    *OF_THE_TEST,
)

# Columns by frame: the first group is required, the second is NaN if not known.
CELLS = (
    [
        *("budget", "n_params", "n_seeds", "val_loss", "train_loss"),
        *("architecture", "collapsed", "run_ids"),
    ],
    [*COMPARED, "test_loss_ref", "val_loss_ref"],
)
BASELINES = (["name", "run_id", "val_loss"], [*COMPARED, "budget", "n_params", "n_seeds"])
FINALS = (
    ["run_id", "budget", "n_params", "seed", "val_loss"],
    ["test_loss", "difference", "best_epoch", "epochs"],
)
LEFT_OUT: tuple[list[str], list[str]] = (["run_id", "status", "reason"], [])
# A trial that did not finish has no size and no loss. An empty frame needs no columns.
TRIALS = (
    [
        *("run_id", "budget", "number", "status"),
        *(*ARCHITECTURE_AXES, *TRAINING_AXES),
    ],
    ["name", "n_params", "val_loss", "reason", "start_time"],
)
ATTEMPTS = (["run_id", "budget", "status"], ["reason", "seed", "n_params", "val_loss"])
CALIBRATION: tuple[list[str], list[str]] = (
    ["name", "run_id", "forecast", "frequency", "n", "low", "high"],
    [],
)
SHOWN_OPEN = ["difference", "ci_low", "ci_high", "test_loss", "test_loss_ref"]


def complete(frame: pd.DataFrame, columns: tuple[list[str], list[str]]) -> pd.DataFrame:
    """Add missing optional columns as NaN, so that every reader finds all columns."""
    required, optional = columns
    if frame.empty and not len(frame.columns):
        return pd.DataFrame(columns=[*required, *optional])
    missing = [name for name in required if name not in frame.columns]
    assert not missing, f"columns missing from the report's frame: {missing}"
    added = {name: float("nan") for name in optional if name not in frame.columns}
    return frame.assign(**added)


def budget_size(label: str) -> int:
    """Return the size of a budget; the smaller one for cells that share finals (``9K+11K``).

    >>> budget_size("9K+11K")
    9000
    """
    return parse_budget(label.partition("+")[0])


def ordered_baselines(baselines: pd.DataFrame) -> pd.DataFrame:
    """Sort baselines from simple to complex, and size-matched ones by size."""
    keys = [
        (_rank(str(name)), budget_size(str(budget)) if pd.notna(budget) else 0)
        for name, budget in zip(baselines["name"], baselines["budget"], strict=True)
    ]
    return baselines.iloc[sorted(range(len(keys)), key=keys.__getitem__)]


def baseline_titles(baselines: pd.DataFrame) -> list[str]:
    """Return display names of baselines: ``boosting``, or ``mlp 2M`` for a size-matched one."""
    return [
        f"{name} {budget}" if pd.notna(budget) else str(name)
        for name, budget in zip(baselines["name"], baselines["budget"], strict=True)
    ]


def cell_titles(cells: pd.DataFrame) -> list[str]:
    """Return display names of cells, such as ``PatchTST 2M``."""
    return [f"PatchTST {budget}" for budget in cells["budget"]]


def side_by_side(cells: pd.DataFrame, baselines: pd.DataFrame) -> pd.DataFrame:
    """Put the forecasts of cells and baselines into one frame.

    Returns
    -------
    DataFrame
        ``forecast run_id n_params n_seeds val_loss`` and every column of `COMPARED`, cells
        first; `run_id` is empty for a cell, which has several.
    """
    models = cells.assign(forecast=cell_titles(cells), run_id="")
    others = baselines.assign(forecast=baseline_titles(baselines))
    columns = ["forecast", "run_id", "n_params", "n_seeds", "val_loss", *COMPARED]
    rows = [*models[columns].to_dict("records"), *others[columns].to_dict("records")]
    return pd.DataFrame(rows, columns=columns)


def _rank(name: str) -> int:
    return NAMES.index(name) if name in NAMES else len(NAMES)
