"""Finals of a problem that a verdict uses, with their test days, baselines and reference."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from finscale.config import StoreError, parse_budget
from finscale.dataset import DIAGNOSTIC_SPLITS, effective_size
from finscale.evaluation import PERCEPTRON, REFERENCE
from finscale.laws import Conditions
from finscale.pipeline.problem import of_segment
from finscale.tracking import (
    TEST,
    Choice,
    Question,
    Status,
    baselines,
    finals,
    finals_of,
    finals_sha256,
    latest_choices,
    read_predictions,
)


@dataclass(frozen=True, eq=False)
class ProblemFinals:
    """The finals of a problem that a verdict uses, before the test set is opened.

    Attributes
    ----------
    finals : DataFrame
        Finished finals of each cell's chosen configuration, one row per run, by size and seed.
    attempts : DataFrame
        All finals of these cells, with any configuration and status.
    choices : tuple of Choice
        The choice of each cell.
    baselines : DataFrame
        Baselines, one row per run.
    test_dates : DatetimeIndex
        Test days of the reference.
    """

    problem: str
    horizon: int
    finals: pd.DataFrame
    attempts: pd.DataFrame
    choices: tuple[Choice, ...]
    baselines: pd.DataFrame
    test_dates: pd.DatetimeIndex

    @property
    def cell_names(self) -> list[str]:
        """Names of the cells, by size."""
        return list(dict.fromkeys(self.finals["cell"]))

    @property
    def left_out(self) -> pd.DataFrame:
        """Finals of these cells that no result uses, with columns ``run_id status reason``."""
        lost = self.attempts[self.attempts["status"] != Status.OK]
        return lost[["run_id", "status", "reason"]].reset_index(drop=True)

    @property
    def borrowed(self) -> list[str]:
        """Finals that count for a cell other than the one that trained them, as sorted text."""
        labels = zip(self.finals["run_id"], self.finals["cell"], self.finals["budget"], strict=True)
        own = self.finals["trained_by"]
        return sorted(
            f"{run_id} {cell} {budget}"
            for (run_id, cell, budget), trainer in zip(labels, own, strict=True)
            if trainer != cell or not trainer.endswith(f".{budget}")
        )

    @property
    def is_binary(self) -> bool:
        """True if labels are classes, False if they are returns."""
        return "val_mae" not in self.finals

    def conditions(self) -> Conditions:
        """Return the conditions that the gates check. None of them needs a loss."""
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
            precisions=_precisions(self.finals),
        )

    def question(self) -> Question:
        """Return the question under which an opening of this test set is recorded."""
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
        """Return a digest of the finals. The same finals again do not count as a new opening."""
        return finals_sha256(self.finals["fingerprint"])


def collect(
    problem: str, choices: Sequence[Choice] | None = None, *, line: str = ""
) -> ProblemFinals:
    """Find the finals of a problem.

    Parameters
    ----------
    choices : sequence of Choice, optional
        Choices of the cells that count, such as those of a study. By default, the best choice of
        every budget by mean validation loss, even if its last command was not finished.
    line : str
        Command to show if there are no finals.

    Raises
    ------
    StoreError
        If there are no finals or no reference.
    """
    counted = latest_choices(problem) if choices is None else choices
    stored = finals(problem=problem)
    if not counted or stored.empty:
        raise _no_finals(problem, line)
    attempts = pd.concat([finals_of(choice, stored) for choice in counted])
    ok = attempts[attempts["is_chosen"] & (attempts["status"] == Status.OK)]
    if ok.empty:
        raise _no_finals(problem, line)
    if choices is None:
        ok = _best_of_each_cell(ok)
    ok = _counted_once(ok)
    known = _of_configurations(_on_same_days(baselines(problem), ok), ok)
    kept = set(ok["configuration"])
    reference = reference_of(known, problem)
    return ProblemFinals(
        problem=problem,
        horizon=int(stored["horizon"].iloc[0]),
        finals=ok.sort_values(["n_params", "seed"]).reset_index(drop=True),
        attempts=attempts.drop_duplicates("run_id").reset_index(drop=True),
        choices=tuple(c for c in counted if c.configuration in kept),
        baselines=known,
        test_dates=pd.DatetimeIndex(of_segment(read_predictions(reference), TEST)["date"].unique()),
    )


def _data_digests(finals: pd.DataFrame) -> tuple[str, ...]:
    """Return digests of the finals' data: of the target's bars or, if these agree, of all inputs.

    A pooled ticker, the VIX or a macro series may change while the target's bars stay the same.
    """
    bars = tuple(finals["data_sha256"])
    if len(set(bars)) > 1 or "dataset_sha256" not in finals:
        return bars
    return tuple(finals["dataset_sha256"].fillna(""))


def _precisions(finals: pd.DataFrame) -> tuple[str, ...]:
    """Return the precisions in which finals were trained: float32 if it is not recorded."""
    if "precision" not in finals:
        return ("float32",)
    return tuple(finals["precision"].fillna("float32"))


def _definition(row: pd.Series) -> str:
    """Return the definition of a task, independent of its file's name; empty for old runs."""
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
    best = means.loc[means.groupby("cell")["val_loss"].idxmin(), ["cell", "configuration"]]
    return ok.merge(best)


def _counted_once(ok: pd.DataFrame) -> pd.DataFrame:
    """Join cells with the same configuration, as ``9K+11K``, so that no result counts twice."""
    by_size = ok.sort_values("budget", key=lambda names: names.map(parse_budget), kind="stable")
    groups = by_size.groupby("configuration")
    return by_size.assign(
        cell=groups["cell"].transform("first"),
        budget=groups["budget"].transform(lambda names: "+".join(dict.fromkeys(names))),
    ).drop_duplicates("fingerprint")


def _on_same_days(known: pd.DataFrame, ok: pd.DataFrame) -> pd.DataFrame:
    """Keep the baselines with the same data and split as the finals; others may be stored."""
    if known.empty or ok.empty:
        return known
    wanted = {_samples(row) for row in ok.to_dict("records")}
    return known[[_samples(row) in wanted for row in known.to_dict("records")]]


def _samples(row: Mapping[Hashable, Any]) -> tuple[object, ...]:
    """Return values that identify samples and labels, also for runs of older versions."""
    keys = ("dataset_sha256", "label_version", "split", "n_train", "n_val", "n_val_positive")
    return tuple(None if pd.isna(row.get(key)) else row[key] for key in keys)


def _split_in_words(row: Mapping[Hashable, Any]) -> str:
    """Describe a split with its numbers of samples, because equal names may mean other dates."""
    ones = row.get("n_val_positive", float("nan"))
    positive = "" if pd.isna(ones) else f", {ones:.0f} of them positive"
    return f"{row['split']} ({row['n_train']:.0f} + {row['n_val']:.0f} samples{positive})"


def _of_configurations(known: pd.DataFrame, ok: pd.DataFrame) -> pd.DataFrame:
    """Keep only the perceptrons that match the cells' configurations, under the cells' budgets.

    Other baselines are all kept.
    """
    if known.empty or "configuration" not in known:
        return known
    budgets = dict(zip(ok["configuration"], ok["budget"], strict=True))
    mine = known.assign(budget=known["configuration"].map(budgets))
    return mine[(mine["baseline"] != PERCEPTRON) | mine["budget"].notna()]


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
