"""What a report is made of, and the sentences it opens with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from finscale.config import counted
from finscale.evaluation import REFERENCE
from finscale.laws import Control, PowerLaw, Rival, Verdict
from finscale.report.problem.frames import (
    ATTEMPTS,
    BASELINES,
    CALIBRATION,
    CELLS,
    FINALS,
    LEFT_OUT,
    SHOWN_OPEN,
    TRIALS,
    complete,
    ordered_baselines,
    side_by_side,
)

# Below this share of chance a p-value is only said to be small.
SMALLEST_P = 0.001


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
        ``test_loss test_loss_ref test_skill``; optional ``val_loss_ref val_skill``, the 95 %
        of the skill ``skill_low skill_high``, ``n_effective`` (days that the paired
        differences are worth), ``mcs_p`` (model confidence set) and, prefixed ``val_`` and
        ``test_``, ``auc brier ece mae rmse coverage``. Losses and scores are means over seeds;
        `run_ids` holds a sequence of ids.
    baselines : DataFrame
        One row a baseline (``reference``, ``prior``, ``logistic`` or ``linear``, ``boosting``,
        ``mlp``): ``name run_id val_loss``; optional the losses, scores and intervals that cells
        have, ``budget`` (of the cell whose size it matches, else NaN), ``n_params n_seeds``.
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
    power_law : PowerLaw or None
        Fitted to the cells' differences.
    is_binary : bool
        Labels are classes; else returns scored by a Gaussian's negative log density, which may
        be negative: skill is then 1 - exp(loss - reference loss).
    base_rates : mapping of str to float
        Share of ones by part: ``training``, ``validation`` and, once it is open, ``test``.
    partial : str
        Why the test was opened all the same; empty where it is.
    superior_p : float or None
        Hansen's consistent p-value of the hypothesis that no PatchTST beats the reference.
    n_days : int or None
        Evaluated test days.
    rivals : tuple of Rival
        Rival laws of the cells' differences; the verdict is not drawn from them.
    problem : str
        Name of the problem: what tells the reports of a study apart.
    trials : DataFrame
        One row a trial of the searches behind the cells: ``run_id budget number status d_model
        n_layers n_heads d_ff learning_rate weight_decay warmup_steps dropout batch_size revin``;
        optional ``name n_params val_loss reason start_time``.
    attempts : DataFrame
        One row a final of the cells, of whatever configuration and end: ``run_id budget
        status``; optional ``reason seed n_params val_loss``.
    importances : mapping of str to mapping of str to float
        Share of the validation loss's variance by hyperparameter, of each budget's trials; a
        budget of too few trials is not there.
    calibration : DataFrame
        One row a bin of a forecast's calibration: ``name run_id forecast frequency n low high``;
        of the test where it is open, else of validation. For returns, a row is the nominal level
        of an interval and the share of days inside it.
    control : Control or None
        The procedure on trial, where the true odds are known.
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
    power_law: PowerLaw | None = None
    is_binary: bool = True
    base_rates: Mapping[str, float] = field(default_factory=dict)
    partial: str = ""
    superior_p: float | None = None
    n_days: int | None = None
    rivals: tuple[Rival, ...] = ()
    problem: str = ""
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    attempts: pd.DataFrame = field(default_factory=pd.DataFrame)
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    control: Control | None = None

    def __post_init__(self) -> None:
        """Fill and order the frames."""
        for name, columns in (
            ("cells", CELLS),
            ("baselines", BASELINES),
            ("finals", FINALS),
            ("left_out", LEFT_OUT),
            ("trials", TRIALS),
            ("attempts", ATTEMPTS),
            ("calibration", CALIBRATION),
        ):
            object.__setattr__(self, name, complete(getattr(self, name), columns))
        object.__setattr__(self, "cells", self.cells.sort_values("n_params"))
        object.__setattr__(self, "baselines", ordered_baselines(self.baselines))
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
        partial = (
            f"Partial: the test was opened all the same ({self.partial}). " if self.partial else ""
        )
        if self.exploratory:
            return (
                f"{partial}Exploratory: this is opening {self.opening} of this test, and other "
                "finals have seen it before; a confirmatory claim needs new data."
            )
        return f"{partial}This is opening {self.opening} of this test, with these finals only."

    @property
    def base_rate_sentence(self) -> str:
        """How common ones are in each part; empty where no share is known."""
        if not self.base_rates:
            return ""
        shares = (
            f"{part} {f'{share:.3f}'.removeprefix('0')}" for part, share in self.base_rates.items()
        )
        return (
            f"Share of ones: {', '.join(shares)}; a constant forecast is only as good as the "
            "base rate stands still."
        )

    @property
    def superior_sentence(self) -> str:
        """Whether the best PatchTST is more than the luckiest of many; empty where not tested."""
        if self.superior_p is None:
            return ""
        is_small = self.superior_p < SMALLEST_P
        p_value = f"p < {SMALLEST_P}" if is_small else f"p = {self.superior_p:.3f}"
        return (
            "Hansen's test that no PatchTST beats the reference, with the choice among them "
            f"counted: {p_value}."
        )

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
        sizes = counted(n_cells, "size")
        beat = "beats" if n_cells == 1 else "beat"
        said = f"{n_better} of {sizes} {beat} the reference forecast on average ({part} days)"
        if not self.is_open:
            return f"{said}."
        n_sure = int((self.cells["ci_high"] < 0.0).sum())
        return f"{said}, {n_sure} of them with a 95 % interval below it."

    @property
    def against_logistic(self) -> str:
        """How the models compare with the simplest one on the same features; may be empty."""
        name, said = (
            ("logistic", "logistic regression") if self.is_binary else ("linear", "linear model")
        )
        column = "test_loss" if self.is_open else "val_loss"
        loss = self.baseline_loss(name, column)
        if loss is None or self.cells.empty:
            return ""
        n_better, n_cells = int((self.cells[column] < loss).sum()), len(self.cells)
        if n_better == 0:
            return f"A {said} on the same features scores better than all of them."
        score = "scores" if n_cells == 1 else "score"
        return (
            f"{n_better} of {counted(n_cells, 'size')} {score} better than a {said} on the same "
            "features."
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
        were = "was" if len(self.finals) == 1 else "were"
        return (
            f"{n_cut_off} of {counted(len(self.finals), 'final')} {were} still improving when "
            "their epochs ran out: the slope may show how far each size was trained, not what it "
            "can forecast."
        )

    @property
    def unlike_epochs(self) -> str:
        """How the cells differ in the epochs they were given; empty where they do not.

        Cells of several searches may come together; within a study they are alike.
        """
        epochs = self.finals["epochs"].dropna()
        if epochs.nunique() < 2:
            return ""
        return (
            f"The finals were given {epochs.min():.0f} to {epochs.max():.0f} epochs: a slope over "
            "them mixes size with how long each was trained. Compare cells of equal epochs."
        )

    def forecasts(self) -> pd.DataFrame:
        """Every forecast side by side, PatchTST cells by size and then the baselines."""
        return side_by_side(self.cells, self.baselines)

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
