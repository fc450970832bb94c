"""Reports made by hand, open and closed, that the tests of `report` share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from finscale.laws import (
    Conditions,
    Evidence,
    Rival,
    check_gates,
    compare,
    fit_power_law,
    holm,
    refuse,
    verdict,
)
from finscale.report import Overview, Report

SIZES = (31_907, 121_013, 509_767, 2_031_229)
DIFFERENCE = np.array([0.0102, 0.0085, 0.0051, 0.0066])
REFERENCE = 0.3721
CONDITIONS = Conditions(SIZES, (3,) * 4, 751, 751.0, ("ab" * 32,), ("1",), ("chronological",))
TEST_COLUMNS = [
    *("difference", "ci_low", "ci_high", "test_loss", "test_loss_ref", "test_skill"),
    *("skill_low", "skill_high", "n_effective", "mcs_p", "test_auc", "test_brier", "test_ece"),
]
NAN = float("nan")


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


def make_scored_cells() -> pd.DataFrame:
    """Give cells with everything that may be known of a classifier's."""
    cells = make_cells()
    return cells.assign(
        skill_low=cells["test_skill"] - 0.0107,
        skill_high=cells["test_skill"] + 0.0107,
        n_effective=[412.4, 398.0, 371.0, 402.0],
        mcs_p=[0.004, 0.031, 0.212, 0.05],
        test_auc=[0.61, 0.64, 0.66, 0.65],
        test_brier=[0.1163, 0.1149, 0.1131, 0.1137],
        test_ece=[0.041, 0.032, 0.021, 0.027],
        val_auc=[0.63, 0.65, 0.67, 0.66],
        val_brier=[0.121, 0.119, 0.118, 0.119],
        val_ece=[0.044, 0.037, 0.025, 0.029],
        val_skill=1.0 - cells["val_loss"] / 0.3712,
    )


def make_scored_baselines() -> pd.DataFrame:
    """Give every baseline of a classification, in no order, one of them matched to each cell."""
    names = ["mlp", "boosting", "mlp", "prior", "reference", "logistic", "mlp", "mlp"]
    test_loss = np.array([0.3755, 0.3689, 0.3761, 0.4213, REFERENCE, 0.3702, 0.3748, 0.3782])
    difference = np.where(np.array(names) == "reference", NAN, test_loss - REFERENCE)
    skill = 1.0 - test_loss / REFERENCE
    val_loss = np.array([0.371, 0.3655, 0.3722, 0.456, 0.3712, 0.368, 0.3708, 0.374])
    return pd.DataFrame(
        {
            "name": names,
            "run_id": [f"{place:x}" * 32 for place in range(8)],
            "budget": ["2M", NAN, "125K", NAN, NAN, NAN, "500K", "32K"],
            "val_loss": val_loss,
            "val_skill": 1.0 - val_loss / 0.3712,
            "val_auc": [0.67, 0.7, 0.66, 0.5, 0.68, 0.69, 0.67, 0.65],
            "val_brier": [0.118, 0.115, 0.118, 0.139, 0.117, 0.116, 0.118, 0.119],
            "val_ece": [0.03, 0.02, 0.03, 0.12, 0.02, 0.02, 0.03, 0.03],
            "test_loss": test_loss,
            "difference": difference,
            "ci_low": difference - 0.0031,
            "ci_high": difference + 0.0031,
            "test_skill": skill,
            "skill_low": np.where(np.isfinite(difference), skill - 0.0083, NAN),
            "skill_high": np.where(np.isfinite(difference), skill + 0.0083, NAN),
            "n_effective": [388, 421, 390, 151, NAN, 433, 386, 379],
            "mcs_p": [0.287, 1.0, 0.25, 0.0, 0.511, 0.734, 0.301, 0.122],
            "test_auc": [0.66, 0.69, 0.65, 0.5, 0.67, 0.68, 0.66, 0.64],
            "test_brier": [0.113, 0.1117, 0.1135, 0.1216, 0.1122, 0.112, 0.1131, 0.114],
            "test_ece": [0.02, 0.017, 0.023, 0.118, 0.019, 0.016, 0.021, 0.026],
        }
    )


def make_report() -> Report:
    """Give an open report in which no model beats the reference."""
    day_cov, seed_variance = 0.0012**2 * np.eye(4), np.full(4, 0.0016**2)
    evidence = Evidence(CONDITIONS, DIFFERENCE, day_cov, seed_variance, REFERENCE)
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
        verdict=verdict(evidence),
        cells=make_cells(),
        baselines=baselines,
        finals=make_finals(),
        left_out=left_out,
        opening=1,
        exploratory=False,
        query="tags.`finscale.kind` = 'final'",
        power_law=fit_power_law(SIZES, DIFFERENCE, cov=evidence.cov),
    )


def make_rivals() -> tuple[Rival, ...]:
    """Compare laws on the four cells: some of them have too many constants for that."""
    return compare(SIZES, DIFFERENCE, cov=0.002**2 * np.eye(4))


def make_closed() -> Report:
    """Give a report whose test stays closed: the gate of seeds fires, test columns are absent."""
    gate = check_gates(replace(CONDITIONS, n_seeds=(2,) * 4))
    assert gate is not None
    return replace(
        make_report(),
        verdict=refuse(gate),
        cells=make_cells().drop(columns=TEST_COLUMNS, errors="ignore"),
        baselines=make_report().baselines[["name", "run_id", "val_loss"]],
        finals=make_finals().drop(columns=["test_loss", "difference"]),
        opening=None,
        power_law=None,
    )


def make_full() -> Report:
    """Give an open report with every forecast and every number that there may be."""
    return replace(
        make_report(),
        cells=make_scored_cells(),
        baselines=make_scored_baselines(),
        base_rates={"training": 0.2494, "validation": 0.153, "test": 0.1308},
        superior_p=0.4124,
        n_days=751,
    )


def make_full_closed() -> Report:
    """Give the same before its test is opened."""
    baselines = make_scored_baselines()
    return replace(
        make_closed(),
        cells=make_scored_cells().drop(columns=TEST_COLUMNS, errors="ignore"),
        baselines=baselines.drop(columns=TEST_COLUMNS, errors="ignore"),
        base_rates={"training": 0.2494, "validation": 0.153},
    )


def make_trials(learning_rate: float = 1e-4) -> pd.DataFrame:
    """Give six trials a budget; the best of each is its third, one is pruned, one diverged.

    The best learning rate grows by a half from budget to budget; `revin` changes at 500K.
    """
    statuses = ["ok", "ok", "ok", "pruned", "diverged", "ok"]
    losses = [0.41, 0.40, 0.38, NAN, NAN, 0.39]
    rows = [
        {
            "run_id": f"trial{cell}{number}",
            "name": f"t{number:03d} d{16 * 2**cell}×{2 + number}",
            "budget": budget,
            "number": number,
            "status": status,
            "reason": "completed",
            "d_model": 16 * 2**cell,
            "n_layers": 2 + number,
            "n_heads": 4,
            "d_ff": 32 * 2**cell,
            "learning_rate": learning_rate * 1.5**cell,
            "weight_decay": 1e-3,
            "warmup_steps": 100,
            "dropout": 0.1 if cell else 0.0,
            "batch_size": 64,
            "revin": cell >= 2,
            "n_params": SIZES[cell] if status == "ok" else NAN,
            "val_loss": loss - 0.001 * cell,
        }
        for cell, budget in enumerate(["32K", "125K", "500K", "2M"])
        for number, (status, loss) in enumerate(zip(statuses, losses, strict=True))
    ]
    return pd.DataFrame(rows)


def make_attempts() -> pd.DataFrame:
    """Give the finals of the cells, and one that diverged."""
    finals = make_finals()[["run_id", "budget", "seed", "n_params", "val_loss"]]
    bad = {"run_id": "runbad", "budget": "2M", "status": "diverged", "reason": "NaN loss"}
    return pd.concat([finals.assign(status="ok"), pd.DataFrame([bad])], ignore_index=True)


def make_calibration() -> pd.DataFrame:
    """Give three bins of four forecasts."""
    names = ["PatchTST 2M, largest", "PatchTST 500K, best", "reference", "logistic"]
    runs = ["run30", "run20", "4" * 32, "5" * 32]
    return pd.DataFrame(
        [
            {
                "name": name,
                "run_id": run,
                "forecast": said,
                "frequency": said + 0.02,
                "n": 250,
                "low": said - 0.02,
                "high": said + 0.06,
            }
            for name, run in zip(names, runs, strict=True)
            for said in (0.04, 0.11, 0.31)
        ]
    )


def make_searched(report: Report | None = None) -> Report:
    """Give a report with the searches behind its cells."""
    shares = {"learning_rate": 0.6, "dropout": 0.3, "revin": 0.1}
    return replace(
        report or make_full(),
        trials=make_trials(),
        attempts=make_attempts(),
        importances={"32K": shares, "125K": {**shares, "revin": NAN}},
        calibration=make_calibration(),
    )


def make_partial() -> Report:
    """Give a report of one cell, its test opened although a gate stopped the verdict."""
    one = replace(CONDITIONS, n_params=SIZES[:1], n_seeds=(3,))
    gate = check_gates(one)
    assert gate is not None
    baselines = make_scored_baselines()
    return replace(
        make_full(),
        verdict=refuse(gate),
        cells=make_scored_cells().iloc[:1],
        finals=make_finals().iloc[:3],
        baselines=baselines[baselines["budget"].isin(["32K"]) | baselines["budget"].isna()],
        power_law=None,
        partial=gate.sentence,
    )


def make_regression() -> Report:
    """Give a report of returns: densities above 1, hence negative losses."""
    # The loss of the reference in nats; every difference stays what it is.
    shift = -3.1013 - REFERENCE
    returns = {"mae": 0.00612, "rmse": 0.00871, "coverage": 0.8935}
    parts = ("val", "test")
    scores = {f"{part}_{name}": value for part in parts for name, value in returns.items()}
    classes = [f"{part}_{name}" for part in parts for name in ("auc", "brier", "ece")]
    moved = [
        frame.drop(columns=classes).assign(
            val_loss=frame["val_loss"] + shift,
            test_loss=frame["test_loss"] + shift,
            test_skill=1.0 - np.exp(frame["difference"]),
            skill_low=1.0 - np.exp(frame["ci_high"]),
            skill_high=1.0 - np.exp(frame["ci_low"]),
            **scores,
        )
        for frame in (make_scored_cells(), make_scored_baselines())
    ]
    finals = make_finals()
    return replace(
        make_report(),
        cells=moved[0].assign(test_loss_ref=REFERENCE + shift),
        baselines=moved[1].replace({"name": {"logistic": "linear"}}),
        finals=finals.assign(
            val_loss=finals["val_loss"] + shift, test_loss=finals["test_loss"] + shift
        ),
        is_binary=False,
        n_days=751,
    )


def make_improving() -> Report:
    """Give an open report whose loss falls with size, below the reference at last."""
    difference = np.array([0.012, 0.004, -0.003, -0.0105])
    evidence = Evidence(
        CONDITIONS, difference, 0.0012**2 * np.eye(4), np.full(4, 0.0009**2), REFERENCE
    )
    (found, _) = holm([verdict(evidence), make_report().verdict])
    return replace(make_report(), verdict=found, cells=make_cells(difference))


def make_overview() -> Overview:
    """Give a study of two tasks and three horizons: one problem closed, one with a cell less."""
    short = replace(make_full(), cells=make_scored_cells().iloc[:3])
    made = {
        "sp500.threshold_1pct.h1.daily.a20": make_improving(),
        "sp500.threshold_1pct.h5.daily.a20": make_report(),
        "sp500.threshold_1pct.h20.daily.a20": make_closed(),
        "sp500.direction.h1.daily.a20": make_full(),
        "sp500.direction.h5.daily.a20": short,
    }
    rates = dict(zip(made, (1e-4, 1.1e-4, 3e-4), strict=False))
    reports = tuple(
        replace(report, problem=name, trials=make_trials(rates[name]))
        if name in rates
        else replace(report, problem=name)
        for name, report in made.items()
    )
    return Overview("Study horizons", "Does the slope depend on the horizon?", reports)
