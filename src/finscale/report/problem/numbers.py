"""Numbers of a report as one tidy long table, with the runs behind each number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from finscale.evaluation import REFERENCE
from finscale.report.problem.content import Report
from finscale.report.problem.fits import extrapolations_of, residuals_of
from finscale.report.problem.frames import (
    BASELINES,
    CELLS,
    FINALS,
    OF_THE_TEST,
    baseline_titles,
    cell_titles,
)
from finscale.report.problem.search_numbers import Row, rows_of, search_numbers
from finscale.report.problem.tables import n_samples_of

COLUMNS = ("section", "item", "run_ids", "quantity", "value")


def tidy_numbers(report: Report) -> pd.DataFrame:
    """Return all numbers of a report, one per row.

    Returns
    -------
    DataFrame
        ``section`` (verdict, cell, baseline, final, rival, control, residual, beyond,
        calibration, and of the searches trial, attempt, architecture, transfer, success,
        importance), ``item`` (a forecast, a run id, a law, or another subject of the number),
        ``run_ids`` (of the runs behind the number, separated by spaces), ``quantity`` and
        ``value`` (float64).
        Unknown numbers have no row; neither have numbers computed on the days of a closed test.
    """
    baselines = report.baselines
    rows = [
        *_verdict(report),
        *_of_frame(report, "cell", report.cells, CELLS, cell_titles(report.cells)),
        *_of_frame(report, "baseline", baselines, BASELINES, baseline_titles(baselines)),
        *_of_frame(report, "final", report.finals, FINALS, list(report.finals["run_id"])),
        *_rivals(report),
        *_control(report),
        *_laws(report),
        *search_numbers(report),
        *_calibration(report),
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"value": np.float64})


def _verdict(report: Report) -> Iterator[Row]:
    law = report.power_law
    test = {
        "opening": report.opening,
        "n_days": report.n_days if report.is_open else None,
        "superior_p": report.superior_p if report.is_open else None,
    }
    groups: dict[str, Mapping[str, float | None]] = {
        "procedure": report.verdict.numbers,
        "power law": {**law.constants, "chi2": law.chi2, "dof": law.dof} if law else {},
        "test": test,
        "base rate": report.base_rates,
        "left out": {"n_runs": len(report.left_out)},
    }
    left_out = " ".join(map(str, report.left_out["run_id"]))
    for item, numbers in groups.items():
        runs = left_out if item == "left out" else _compared_runs(report)
        yield from rows_of("verdict", item, runs, numbers)


def _rivals(report: Report) -> Iterator[Row]:
    for rival in report.rivals:
        numbers = {
            "n_constants": rival.n_constants,
            "chi2": rival.objective,
            "aicc": rival.aicc,
            "held_out_error": rival.held_out_error,
            **rival.constants,
        }
        yield from rows_of("rival", rival.form, _compared_runs(report), numbers)


def _laws(report: Report) -> Iterator[Row]:
    """Yield residuals of the laws at each cell, and their extrapolations by one decade."""
    if not report.is_open:
        return
    runs = _compared_runs(report)
    for law, left in residuals_of(report).items():
        for item, value in zip(cell_titles(report.cells), left, strict=True):
            yield from rows_of("residual", item, runs, {law: value})
    for end in extrapolations_of(report):
        numbers = {"n_params": end.n_params, "value": end.value, "low": end.low, "high": end.high}
        yield from rows_of("beyond", end.law, runs, numbers)


def _calibration(report: Report) -> Iterator[Row]:
    names = ("forecast", "frequency", "n", "low", "high")
    for name, bins in report.calibration.groupby("name", sort=False):
        runs, n_samples = str(bins["run_id"].iloc[0]), n_samples_of(report, bins)
        yield from rows_of("calibration", str(name), runs, {"n_samples": n_samples})
        for place, row in enumerate(bins.to_dict("records"), start=1):
            numbers = {key: row[key] for key in names}
            yield from rows_of("calibration", f"{name}: {place}", runs, numbers)


def _control(report: Report) -> Iterator[Row]:
    control = report.control
    if control is None:
        return
    runs = _compared_runs(report)
    yield from rows_of(
        "control", "models", runs, {"delta": control.delta, "learnt": control.learnt}
    )
    tried = {
        "as trained": control.as_trained,
        "levelled": control.levelled,
        "planted": control.planted,
    }
    for item, one in tried.items():
        counts = {"n": one.n, "n_wrong": one.n_wrong, "n_found": one.n_found}
        numbers = {"slope": one.slope, **counts, "n_covered": one.n_covered}
        yield from rows_of("control", item, runs, numbers)


def _of_frame(
    report: Report,
    section: str,
    frame: pd.DataFrame,
    columns: tuple[list[str], list[str]],
    items: Sequence[str],
) -> Iterator[Row]:
    texts = {"architecture", "run_ids", "run_id", "name", "budget"}
    shown = [name for names in columns for name in names if name not in texts]
    shown = [name for name in shown if report.is_open or not _is_of_the_test(name)]
    reference = report.baseline_loss(REFERENCE, "val_loss")
    for item, row in zip(items, frame.to_dict("records"), strict=True):
        numbers = {name: row[name] for name in shown}
        if section != "final" and reference is not None and item != REFERENCE:
            numbers["val_difference"] = row["val_loss"] - reference
        runs = row["run_ids"] if section == "cell" else [row["run_id"]]
        yield from rows_of(section, str(item), " ".join(map(str, runs)), numbers)


def _is_of_the_test(name: str) -> bool:
    return name.startswith("test_") or name in OF_THE_TEST


def _compared_runs(report: Report) -> str:
    """Return the run ids of the finals and the reference, from which differences are computed."""
    reference = report.baselines.loc[report.baselines["name"] == REFERENCE, "run_id"]
    return " ".join(map(str, [*report.finals["run_id"], *reference]))
