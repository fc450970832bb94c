"""Reports made by hand, open and closed, that the tests of `report` share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from finscale.laws import Conditions, Evidence, check_gates, fit_power_law, refuse, verdict
from finscale.report import Report

SIZES = (31_907, 121_013, 509_767, 2_031_229)
DIFFERENCE = np.array([0.0102, 0.0085, 0.0051, 0.0066])
REFERENCE = 0.3721
CONDITIONS = Conditions(SIZES, (3,) * 4, 751, 751.0, ("ab" * 32,), ("1",), ("chronological",))
TEST_COLUMNS = ["difference", "ci_low", "ci_high", "test_loss", "test_loss_ref", "test_skill"]


def make_cells(difference: np.ndarray = DIFFERENCE) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "budget": ["32K", "125K", "500K", "2M"],
            "n_params": SIZES,
            "n_seeds": 3,
            "difference": difference,
            "ci_low": difference - 0.004,
            "ci_high": difference + 0.004,
            "test_loss": REFERENCE + difference,
            "test_loss_ref": REFERENCE,
            "test_skill": -difference / REFERENCE,
            "val_loss": [0.389, 0.381, 0.379, 0.384],
            "train_loss": [0.33, 0.32, 0.31, 0.29],
            "architecture": "d_model 32, 2 layers",
            "collapsed": [True, False, False, False],
            "run_ids": [tuple(f"run{cell}{seed}" for seed in range(3)) for cell in range(4)],
        }
    )


def make_finals() -> pd.DataFrame:
    rows = [
        {
            "run_id": f"run{cell}{seed}",
            "budget": budget,
            "n_params": SIZES[cell],
            "seed": 42 + seed,
            "val_loss": 0.38 + 0.001 * seed,
            "test_loss": REFERENCE + DIFFERENCE[cell],
            "difference": DIFFERENCE[cell] + 0.001 * (seed - 1),
        }
        for cell, budget in enumerate(["32K", "125K", "500K", "2M"])
        for seed in range(3)
    ]
    return pd.DataFrame(rows)


def make_report() -> Report:
    """Give an open report in which no model beats the reference."""
    cov = 0.002**2 * np.eye(4)
    baselines = pd.DataFrame(
        {
            "name": ["prior", "reference", "logistic"],
            "run_id": ["runprior", "runreference", "runlogistic"],
            "val_loss": [0.456, 0.3712, 0.368],
            "test_loss": [0.4213, REFERENCE, 0.3702],
        }
    )
    left_out = pd.DataFrame({"run_id": ["runbad"], "status": ["diverged"], "reason": ["NaN loss"]})
    return Report(
        title="Study demo",
        question="Does the loss fall with size?",
        verdict=verdict(Evidence(CONDITIONS, DIFFERENCE, cov, REFERENCE)),
        cells=make_cells(),
        baselines=baselines,
        finals=make_finals(),
        left_out=left_out,
        opening=1,
        exploratory=False,
        query="tags.`finscale.kind` = 'final'",
        links={"finals": "http://127.0.0.1:5000/#/experiments/0"},
        power_law=fit_power_law(SIZES, DIFFERENCE, cov=cov),
    )


def make_closed() -> Report:
    """Give a report whose test stays closed: the gate of seeds fires, test columns are absent."""
    gate = check_gates(replace(CONDITIONS, n_seeds=(2,) * 4))
    assert gate is not None
    return replace(
        make_report(),
        verdict=refuse(gate),
        cells=make_cells().drop(columns=TEST_COLUMNS),
        baselines=make_report().baselines[["name", "run_id", "val_loss"]],
        finals=make_finals().drop(columns=["test_loss", "difference"]),
        opening=None,
        power_law=None,
    )
