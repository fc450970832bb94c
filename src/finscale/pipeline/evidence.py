"""Which finals a verdict rests on, on which days, against which reference."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from finscale.config import StoreError
from finscale.dataset import DIAGNOSTIC_SPLITS, effective_size
from finscale.laws import Conditions
from finscale.pipeline.baselines import MLP_NAME, REFERENCE
from finscale.pipeline.predictions import TEST, part
from finscale.tracking import (
    Kind,
    Question,
    Status,
    baselines,
    finals,
    finals_sha256,
    read_predictions,
    runs_frame,
    search,
    where,
)


@dataclass(frozen=True, eq=False)
class ProblemFinals:
    """The finals of a problem that a verdict rests on, before the test is opened.

    Attributes
    ----------
    finals : DataFrame
        Finished finals of each cell's chosen configuration, one row a run, by size and seed.
    left_out : DataFrame
        Finals of these cells that count nowhere: ``run_id status reason``.
    baselines : DataFrame
        One row a baseline.
    test_dates : DatetimeIndex
        Test days of the reference.
    """

    problem: str
    horizon: int
    finals: pd.DataFrame
    left_out: pd.DataFrame
    baselines: pd.DataFrame
    test_dates: pd.DatetimeIndex

    @property
    def cell_names(self) -> list[str]:
        """Cells by size."""
        return list(dict.fromkeys(self.finals["cell"]))

    @property
    def is_binary(self) -> bool:
        """Whether labels are classes; else they are returns."""
        return "val_mae" not in self.finals

    def conditions(self) -> Conditions:
        """Return what the gates ask for: none of it needs a loss."""
        groups = [self.finals[self.finals["cell"] == cell] for cell in self.cell_names]
        n_days = len(self.test_dates)
        return Conditions(
            n_params=tuple(int(group["n_params"].iloc[0]) for group in groups),
            n_seeds=tuple(len(group) for group in groups),
            n_days=n_days,
            n_effective=effective_size(n_days, self.horizon),
            data_digests=_data_digests(self.finals),
            label_versions=tuple(self.finals["label_version"]),
            splits=tuple(_split_in_words(row) for row in self.finals.to_dict("records")),
            carries_verdict=not self.finals["split"].isin(DIAGNOSTIC_SPLITS).any(),
        )

    def question(self) -> Question:
        """Return what an opening of this test set is about."""
        first = self.finals.iloc[0]
        return Question(
            target=str(first["ticker"]),
            task=str(first["task"]),
            definition=_definition(first),
            horizon=self.horizon,
            test_start=self.test_dates[0].date(),
            test_end=self.test_dates[-1].date(),
        )

    def finals_sha256(self) -> str:
        """Digest the finals: the same ones again are no new opening."""
        return finals_sha256(self.finals["fingerprint"])


def collect(
    problem: str, train_parents: Sequence[str] | None = None, *, line: str = ""
) -> ProblemFinals:
    """Find the finals of a problem.

    Parameters
    ----------
    train_parents : sequence of str, optional
        Run ids of the `train` parents that count: those of a study. By default every budget's
        best one that has chosen a configuration, by mean validation loss, however its last
        command ended.
    line : str
        What trains finals where there are none.

    Raises
    ------
    StoreError
        If there are no finals or no reference.
    """
    parents = runs_frame(search(where(KIND=Kind.TRAIN, PROBLEM=problem)))
    parents = parents.dropna(subset="configuration") if "configuration" in parents else parents[:0]
    if train_parents is not None and len(parents):
        parents = parents[parents["run_id"].isin(train_parents)]
    stored = finals(problem=problem)
    if parents.empty or stored.empty:
        raise _no_finals(problem, line)
    chosen = stored[stored["configuration"].isin(set(parents["configuration"]))]
    ok = chosen[chosen["status"] == Status.OK]
    if ok.empty:
        raise _no_finals(problem, line)
    if train_parents is None:
        ok = _best_of_each_cell(ok)
    left_out = stored[stored["cell"].isin(set(parents["cell"])) & (stored["status"] != Status.OK)]
    known = _of_configurations(_on_same_days(baselines(problem), ok), ok)
    reference = reference_of(known, problem)
    return ProblemFinals(
        problem=problem,
        horizon=int(stored["horizon"].iloc[0]),
        finals=ok.sort_values(["n_params", "seed"]).reset_index(drop=True),
        left_out=left_out[["run_id", "status", "reason"]].reset_index(drop=True),
        baselines=known,
        test_dates=pd.DatetimeIndex(part(read_predictions(reference), TEST)["date"].unique()),
    )


def _data_digests(finals: pd.DataFrame) -> tuple[str, ...]:
    """Return what the cells were made from: the target's bars or, where these agree, all inputs.

    A pooled ticker, the VIX or a macro series may change under the same target.
    """
    bars = tuple(finals["data_sha256"])
    if len(set(bars)) > 1 or "dataset_sha256" not in finals:
        return bars
    return tuple(finals["dataset_sha256"].fillna(""))


def _definition(row: pd.Series) -> str:
    """Write what a task asks, whatever its file is called; empty for runs of before they said."""
    asked = [row.get(name) for name in ("task_kind", "rise", "shuffle")]
    if pd.isna(asked[0]):
        return ""
    return " ".join("-" if pd.isna(value) else str(value) for value in asked)


def _no_finals(problem: str, line: str) -> StoreError:
    return StoreError(
        f"finals of {problem}",
        expected="finished finals in the tracking store",
        got="none",
        todo=f"Train some first: {line or 'train, with the options of this problem'}",
    )


def _best_of_each_cell(ok: pd.DataFrame) -> pd.DataFrame:
    means = ok.groupby(["cell", "configuration"], as_index=False)["val_loss"].mean()
    best = means.loc[means.groupby("cell")["val_loss"].idxmin(), "configuration"]
    return ok[ok["configuration"].isin(set(best))]


def _on_same_days(known: pd.DataFrame, ok: pd.DataFrame) -> pd.DataFrame:
    """Keep the baselines of the finals' own data and split: a problem may have had others."""
    if known.empty or ok.empty:
        return known
    wanted = {_samples(row) for row in ok.to_dict("records")}
    return known[[_samples(row) in wanted for row in known.to_dict("records")]]


def _samples(row: Mapping[Hashable, Any]) -> tuple[object, ...]:
    """Return what tells samples and labels apart, also of runs that were made long ago."""
    keys = ("dataset_sha256", "label_version", "split", "n_train", "n_val", "n_val_positive")
    return tuple(None if pd.isna(row.get(key)) else row[key] for key in keys)


def _split_in_words(row: Mapping[Hashable, Any]) -> str:
    """Write split and samples: a word may stand for other dates, a task for other labels."""
    ones = row.get("n_val_positive", float("nan"))
    positive = "" if pd.isna(ones) else f", {ones:.0f} of them positive"
    return f"{row['split']} ({row['n_train']:.0f} + {row['n_val']:.0f} samples{positive})"


def _of_configurations(known: pd.DataFrame, ok: pd.DataFrame) -> pd.DataFrame:
    """Keep the perceptrons beside the cells' configurations; the others measure against nothing."""
    if known.empty or "configuration" not in known:
        return known
    beside = known["configuration"].isin(set(ok["configuration"]))
    return known[(known["baseline"] != MLP_NAME) | beside]


def reference_of(known: pd.DataFrame, problem: str) -> str:
    mine = known[known["baseline"] == REFERENCE] if len(known) else known
    if mine.empty:
        raise StoreError(
            f"baselines of {problem}",
            expected="the run of the reference forecast",
            got="none",
            todo="Give the train command again: it computes what is missing.",
        )
    return str(mine.iloc[0]["run_id"])
