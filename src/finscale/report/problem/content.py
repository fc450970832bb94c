"""Content of a report, and the sentences at its beginning."""

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

# Smaller p-values are shown as "p < 0.001".
SMALLEST_P = 0.001


@dataclass(frozen=True)
class Report:
    """Everything that a report shows. It neither fits models nor queries the store.

    Attributes
    ----------
    title, question : str
        Title and question of the study.
    verdict : Verdict
        Answer, reason and the numbers that decided, with the fitted line.
    cells : DataFrame
        One row per cell: ``budget n_params n_seeds val_loss train_loss architecture collapsed
        run_ids``. If the test is open, also ``difference ci_low ci_high`` (nats a day, 95 %) and
        ``test_loss test_loss_ref test_skill``. Optional: ``val_loss_ref val_skill``, the 95 %
        interval of the skill ``skill_low skill_high``, ``n_effective`` (number of independent days
        that the paired differences are worth), ``mcs_p`` (model confidence set) and, prefixed
        ``val_`` and ``test_``, ``auc brier ece mae rmse coverage``. Losses and scores are means
        over seeds; `run_ids` holds a sequence of ids.
    baselines : DataFrame
        One row per baseline (``reference``, ``prior``, ``logistic`` or ``linear``, ``boosting``,
        ``mlp``): ``name run_id val_loss``. Optional: the losses, scores and intervals as for
        cells, ``budget`` (of the cell whose size it matches, else NaN), ``n_params n_seeds``.
    finals : DataFrame
        One row per run: ``run_id budget n_params seed val_loss``, then ``test_loss difference``;
        optional ``best_epoch epochs``.
    left_out : DataFrame
        One row per run that no number includes: ``run_id status reason``.
    opening : int or None
        Number of times that this test was opened, including this one; None if it stays closed.
    exploratory : bool
        True if other finals were scored on this test before.
    query : str
        The exact query behind the frames.
    power_law : PowerLaw or None
        Power law fitted to the cells' differences.
    is_binary : bool
        True if labels are classes. Otherwise they are returns, scored by a Gaussian's negative log
        density, which may be negative: the skill is then 1 - exp(loss - reference loss).
    base_rates : mapping of str to float
        Share of ones by part: ``training``, ``validation`` and, if it is open, ``test``.
    partial : str
        Reason why the opening is partial; empty if it is not.
    superior_p : float or None
        Hansen's consistent p-value of the hypothesis that no PatchTST beats the reference.
    n_days : int or None
        Number of test days evaluated.
    rivals : tuple of Rival
        Rival laws of the cells' differences; the verdict does not use them.
    problem : str
        Name of the problem, which identifies the report within a study.
    trials : DataFrame
        One row per trial of the cells' searches: ``run_id budget number status d_model
        n_layers n_heads d_ff learning_rate weight_decay warmup_steps dropout batch_size revin``;
        optional ``name n_params val_loss reason start_time``.
    attempts : DataFrame
        One row per final of the cells, with any configuration and status: ``run_id budget
        status``; optional ``reason seed n_params val_loss``.
    importances : mapping of str to mapping of str to float
        Share of the validation loss's variance by hyperparameter, for each budget's trials;
        budgets with too few trials are missing.
    calibration : DataFrame
        One row per bin of a forecast's calibration: ``name run_id forecast frequency n low high``,
        on the test if it is open, else on validation. For returns, a row is the nominal level
        of an interval and the share of days inside it.
    control : Control or None
        Error rates of the procedure, if the true odds are known.
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
        """Complete and sort the frames."""
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
        """True if test losses are shown."""
        return self.opening is not None

    @property
    def opening_sentence(self) -> str:
        """Sentence on the opening of the test."""
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
                "finals were scored on it before; a confirmatory claim needs new data."
            )
        return f"{partial}This is opening {self.opening} of this test, with these finals only."

    @property
    def base_rate_sentence(self) -> str:
        """Sentence on the share of ones in each part; empty if no share is known."""
        if not self.base_rates:
            return ""
        shares = (
            f"{part} {f'{share:.3f}'.removeprefix('0')}" for part, share in self.base_rates.items()
        )
        return (
            f"Share of ones: {', '.join(shares)}; a constant forecast is only good if the base "
            "rate is stable."
        )

    @property
    def superior_sentence(self) -> str:
        """Sentence on Hansen's test of superior predictive ability; empty if not tested."""
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
        """Sentence on the number of models that beat the reference forecast."""
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
        """Sentence that compares the models with a linear one on the same features, or empty."""
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
        """Sentence on finals that still improved at their last epoch; empty if there are none.

        A slope over such models shows how far each size was trained, and perhaps nothing about
        what it can forecast.
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
        """Sentence on cells with different numbers of epochs; empty if all are equal.

        Cells from several searches may differ. Within a study they are equal.
        """
        epochs = self.finals["epochs"].dropna()
        if epochs.nunique() < 2:
            return ""
        return (
            f"The finals were given {epochs.min():.0f} to {epochs.max():.0f} epochs: a slope over "
            "them mixes size with how long each was trained. Compare cells of equal epochs."
        )

    def forecasts(self) -> pd.DataFrame:
        """Return all forecasts in one frame: PatchTST cells by size, then the baselines."""
        return side_by_side(self.cells, self.baselines)

    def gains(self) -> pd.Series:
        """Return each cell's loss minus the reference's on test or validation, in nats a day."""
        if self.is_open:
            return self.cells["difference"]
        reference = self.baseline_loss(REFERENCE, "val_loss")
        return self.cells["val_loss"] - (float("nan") if reference is None else reference)

    def baseline_loss(self, name: str, column: str) -> float | None:
        """Return the loss of a baseline by name, or None if it was not computed."""
        losses = self.baselines.loc[self.baselines["name"] == name, column].dropna()
        return None if losses.empty else float(losses.iloc[0])
