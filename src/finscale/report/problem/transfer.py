"""Transfer of hyperparameters: changes of the best trials between sizes or horizons."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from finscale.config import TRAINING_AXES, parse_budget
from finscale.report.pages import MINUS, Table, show

CATEGORICAL = ("revin",)
# Relative change above which a change is mentioned in a sentence.
NOTABLE = 0.2
ARROW = "\N{RIGHTWARDS ARROW}"

Row = Mapping[Hashable, Any]


@dataclass(frozen=True)
class Change:
    """Change of a hyperparameter between the best trials of two neighbouring places.

    Attributes
    ----------
    name : str
        Name of the hyperparameter.
    start, end : str
        The two places: budgets or horizons.
    before, after : float
        Its values; a categorical one is 0 or 1.
    run_ids : tuple of str
        Run ids of the two trials.
    """

    name: str
    start: str
    end: str
    before: float
    after: float
    run_ids: tuple[str, str]

    @property
    def share(self) -> float:
        """Change relative to the value before; NaN if it is categorical or both values are 0."""
        if self.name in CATEGORICAL or self.before == self.after == 0.0:
            return math.nan
        return math.inf if self.before == 0.0 else self.after / self.before - 1.0

    @property
    def is_notable(self) -> bool:
        """True if it changes by more than 20 %, or to another category."""
        if self.name in CATEGORICAL:
            return self.before != self.after
        return abs(self.share) > NOTABLE

    @property
    def words(self) -> str:
        """The change in words: ``learning_rate 1.2e−4 → 3.1e−4 (+158 %)``."""
        before, after = (show_value(self.name, value) for value in (self.before, self.after))
        size = f" ({show_share(self.share)})" if math.isfinite(self.share) else ""
        return f"{self.name} {before} {ARROW} {after}{size}"


def best_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Return each budget's finished trial with the lowest validation loss, by size."""
    finished = finished_of(trials)
    if finished.empty:
        return finished
    best = finished.loc[finished.groupby("budget")["val_loss"].idxmin()]
    return best.sort_values("budget", key=lambda column: column.map(parse_budget))


def finished_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that have a loss, the best first."""
    finished = runs[(runs["status"] == "ok") & runs["val_loss"].notna()]
    return finished.sort_values("val_loss", kind="stable", ignore_index=True)


def changes(best: pd.DataFrame, places: Sequence[str]) -> list[Change]:
    """Compare every best trial with the one before it.

    Parameters
    ----------
    best : DataFrame
        Best trials, in order.
    places : sequence of str
        Place of each trial (its budget or horizon), for display.
    """
    rows = list(zip(places, best.to_dict("records"), strict=True))
    return [
        Change(
            name, start, end, float(before[name]), float(after[name]),
            (str(before["run_id"]), str(after["run_id"])),
        )
        for (start, before), (end, after) in pairwise(rows)
        for name in TRAINING_AXES
    ]  # fmt: skip


def budget_changes(trials: pd.DataFrame) -> list[Change]:
    """Compare every budget's best trial with that of the next smaller budget."""
    best = best_trials(trials)
    return changes(best, best["budget"].astype(str).tolist())


def transfer_table(best: pd.DataFrame, places: Sequence[str], what: str) -> Table:
    """Return a table of the best trials' hyperparameters with their changes, one row per place."""
    found = {(change.end, change.name): change for change in changes(best, places)}
    rows = tuple(
        (
            place,
            *(_value(row, name, found.get((place, name))) for name in TRAINING_AXES),
            str(row["run_id"]),
        )
        for place, row in zip(places, best.to_dict("records"), strict=True)
    )
    header = (what, *(name.replace("_", " ") for name in TRAINING_AXES), "run")
    return Table(header, rows, code=("run",), below=("run",))


def notable_sentences(found: Sequence[Change]) -> tuple[str, ...]:
    """Return a sentence per step with its notable changes, or one that says there are none."""
    named: dict[tuple[str, str], list[str]] = {}
    for change in found:
        if change.is_notable:
            named.setdefault((change.start, change.end), []).append(change.words)
    if found and not named:
        return ("No hyperparameter of the best trials changes by more than 20 %.",)
    return tuple(f"{', '.join(words)} from {a} to {b}." for (a, b), words in named.items())


def show_value(name: str, value: float) -> str:
    """Format the value of a hyperparameter; small rates as powers of ten."""
    if name in CATEGORICAL:
        return "yes" if value else "no"
    if value == 0.0 or abs(value) >= 0.01:
        return show(value, ".3g")
    mantissa, exponent = f"{value:.1e}".split("e")
    return show(float(mantissa), ".1f") + f"e{int(exponent)}".replace("-", MINUS)


def show_share(share: float) -> str:
    """Format a relative change as a percentage with its sign."""
    return f"{100.0 * share:+.0f} %".replace("-", MINUS)


def _value(row: Row, name: str, change: Change | None) -> str:
    shown = show_value(name, float(row[name]))
    if change is None:
        return shown
    if change.before == change.after:
        return f"{shown}\nsame"
    if not math.isfinite(change.share):
        return f"{shown}\nchanged"
    return f"{shown}\n{show_share(change.share)}"
