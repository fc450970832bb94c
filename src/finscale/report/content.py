"""What a report is made of, and the sentences it opens with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from finscale.laws import PowerLaw, Verdict

REFERENCE = "reference"

# Columns by frame: the first group must be there, the second is NaN until the test is open.
CELLS = (
    [
        *("budget", "n_params", "n_seeds", "val_loss", "train_loss"),
        *("architecture", "collapsed", "run_ids"),
    ],
    [
        *("difference", "ci_low", "ci_high", "test_loss", "test_loss_ref", "test_skill"),
        *("val_loss_ref", "val_skill"),
    ],
)
BASELINES = (
    ["name", "run_id", "val_loss"],
    [
        *("val_skill", "val_auc", "val_brier", "val_ece"),
        *("test_loss", "test_skill", "test_auc", "test_brier", "test_ece"),
    ],
)
FINALS = (
    ["run_id", "budget", "n_params", "seed", "val_loss"],
    ["test_loss", "difference", "best_epoch", "epochs"],
)
LEFT_OUT: tuple[list[str], list[str]] = (["run_id", "status", "reason"], [])
SHOWN_OPEN = ["difference", "ci_low", "ci_high", "test_loss", "test_loss_ref"]


@dataclass(frozen=True)
class Report:
    """Everything a report shows; it neither fits nor queries.

    Attributes
    ----------
    title, question : str
        Of the study.
    verdict : Verdict
        Answer, reason and the numbers that decided, with the fitted line.
    cells : DataFrame
        One row a cell: ``budget n_params n_seeds val_loss train_loss architecture collapsed
        run_ids``, and once the test is open ``difference ci_low ci_high`` (nats a day, 95 %),
        ``test_loss test_loss_ref test_skill``; optional ``val_loss_ref val_skill``. Losses are
        means over seeds in nats; `run_ids` holds a sequence of ids.
    baselines : DataFrame
        One row a baseline (``reference``, ``prior``, ``logistic``): ``name run_id val_loss``,
        optional ``skill auc brier ece`` with prefix ``val_``, and the ``test_`` twins of all.
    finals : DataFrame
        One row a run: ``run_id budget n_params seed val_loss``, then ``test_loss difference``;
        optional ``best_epoch epochs``.
    left_out : DataFrame
        One row a run that is in no number: ``run_id status reason``.
    opening : int or None
        How many times this test has been opened, this time included; None: it stays closed.
    exploratory : bool
        Whether other finals have seen this test before.
    query : str
        The exact query behind the frames.
    links : mapping of str to str
        Name to address of what to open next.
    power_law : PowerLaw or None
        Fitted to the cells' differences.
    """

    title: str
    question: str
    verdict: Verdict
    cells: pd.DataFrame
    baselines: pd.DataFrame
    finals: pd.DataFrame
    left_out: pd.DataFrame
    opening: int | None
    exploratory: bool
    query: str
    links: Mapping[str, str] = field(default_factory=dict)
    power_law: PowerLaw | None = None

    def __post_init__(self) -> None:
        """Fill the columns that are not there yet; every later reader finds them all."""
        for name, columns in (
            ("cells", CELLS),
            ("baselines", BASELINES),
            ("finals", FINALS),
            ("left_out", LEFT_OUT),
        ):
            object.__setattr__(self, name, _complete(getattr(self, name), columns))
        object.__setattr__(self, "cells", self.cells.sort_values("n_params"))
        if self.is_open:
            shown = self.cells[SHOWN_OPEN]
            assert bool(shown.notna().all(axis=None)), "an open test has a loss for every cell"

    @property
    def is_open(self) -> bool:
        """Whether test losses are shown."""
        return self.opening is not None

    @property
    def opening_sentence(self) -> str:
        """What was done with the test, for people."""
        if self.opening is None:
            gate = self.verdict.gate
            why = f": {gate.sentence}" if gate else ""
            return f"The test stays closed{why}. All losses below are validation losses."
        if self.exploratory:
            return (
                f"Exploratory: this is opening {self.opening} of this test, and other finals "
                "have seen it before; a confirmatory claim needs new data."
            )
        return f"This is opening {self.opening} of this test, with these finals only."

    @property
    def against_reference(self) -> str:
        """Whether any model beats the reference forecast, for people."""
        part = "test" if self.is_open else "validation"
        n_cells = len(self.cells)
        n_better = int(self.cells["n_params"][self.gains() < 0.0].count())
        if not n_cells:
            return "There is no trained cell to compare with the reference forecast."
        if self.gains().isna().all():
            return "There is no reference forecast to compare with."
        if n_better == 0:
            return f"No PatchTST beats the reference forecast ({part} days)."
        said = f"{n_better} of {n_cells} sizes beat the reference forecast on average ({part} days)"
        if not self.is_open:
            return f"{said}."
        n_sure = int((self.cells["ci_high"] < 0.0).sum())
        return f"{said}, {n_sure} of them with a 95 % interval below it."

    @property
    def against_logistic(self) -> str:
        """How the models compare with the logistic regression; empty where there is none."""
        column = "test_loss" if self.is_open else "val_loss"
        loss = self.baseline_loss("logistic", column)
        if loss is None or self.cells.empty:
            return ""
        n_better = int((self.cells[column] < loss).sum())
        if n_better == 0:
            return "A logistic regression on the same features scores better than all of them."
        return (
            f"{n_better} of {len(self.cells)} sizes score better than a logistic regression "
            "on the same features."
        )

    @property
    def still_improving(self) -> str:
        """How many finals ran out of epochs; empty where none did.

        A slope over models that were cut off tells how far each size was trained, and perhaps
        nothing of what it can forecast.
        """
        n_cut_off = int((self.finals["best_epoch"] >= self.finals["epochs"]).sum())
        if n_cut_off == 0:
            return ""
        return (
            f"{n_cut_off} of {len(self.finals)} finals were still improving when their epochs ran "
            "out: the slope may show how far each size was trained, not what it can forecast."
        )

    def gains(self) -> pd.Series:
        """Each cell's loss above the reference's on the open part, in nats a day."""
        if self.is_open:
            return self.cells["difference"]
        reference = self.baseline_loss(REFERENCE, "val_loss")
        return self.cells["val_loss"] - (float("nan") if reference is None else reference)

    def baseline_loss(self, name: str, column: str) -> float | None:
        """Loss of a baseline by name, or None where it was not computed."""
        losses = self.baselines.loc[self.baselines["name"] == name, column].dropna()
        return None if losses.empty else float(losses.iloc[0])


def _complete(frame: pd.DataFrame, columns: tuple[list[str], list[str]]) -> pd.DataFrame:
    required, optional = columns
    missing = [name for name in required if name not in frame.columns]
    assert not missing, f"columns missing from the report's frame: {missing}"
    added = {name: float("nan") for name in optional if name not in frame.columns}
    return frame.assign(**added)
