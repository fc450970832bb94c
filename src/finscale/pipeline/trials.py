"""The trials of a search, read back from the tracking store: finished, failed, interrupted."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from finscale.config import SearchConfig, format_size
from finscale.model import Architecture, count_params
from finscale.pipeline.recipe import Recipe, from_params
from finscale.search import PastTrial
from finscale.tracking import VAL_LOSS, Run, Status, trials, val_curve

FINISHED = (Status.OK, Status.PRUNED, Status.DIVERGED)


@dataclass(frozen=True)
class OpenTrial:
    """A trial whose process stopped: it starts again under its run and number.

    Attributes
    ----------
    attempts : int
        Starts so far that no user stopped: a trial that kills its process twice is given up.
    epochs_logged : int
        Epochs its curves hold already.
    """

    number: int
    run: Run
    recipe: Recipe
    attempts: int
    epochs_logged: int


@dataclass(frozen=True)
class Best:
    """The best trial so far."""

    run: Run
    name: str
    val_loss: float


@dataclass(frozen=True)
class SearchState:
    """All that the tracking store knows of a search.

    Attributes
    ----------
    stillborn : tuple of Run
        Trials whose process died before they had their params: nobody knows what they were.
    """

    past: tuple[PastTrial, ...]
    unfinished: tuple[OpenTrial, ...]
    stillborn: tuple[Run, ...]
    n_finished: int
    n_failed: int
    next_number: int
    best: Best | None


def read_state(parent: Run, template: Architecture, config: SearchConfig) -> SearchState:
    """Rebuild a search from its runs: the store is the only truth."""
    frame = trials(parent=parent.run_id)
    if frame.empty:
        return SearchState((), (), (), 0, 0, 0, None)
    numbers = frame["trial_number"].astype(int)
    frame = frame.assign(number=numbers).sort_values("number")
    status = frame["status"] if "status" in frame else pd.Series(pd.NA, index=frame.index)
    known = frame["epochs"].notna() if "epochs" in frame else pd.Series(False, frame.index)
    ended = frame[status.notna() & known]
    recipes = {row["run_id"]: from_params(row, template, config) for row in rows(frame[known])}
    return SearchState(
        past=tuple(_past(row, recipes[row["run_id"]]) for row in rows(ended)),
        unfinished=tuple(
            _unfinished(row, recipes[row["run_id"]]) for row in rows(frame[status.isna() & known])
        ),
        stillborn=tuple(
            Run(str(row["run_id"]), str(row["experiment_id"]))
            for row in rows(frame[status.isna() & ~known])
        ),
        n_finished=int(status.isin(FINISHED).sum()),
        n_failed=int((status == Status.FAILED).sum()),
        next_number=int(numbers.max()) + 1,
        best=_best(ended),
    )


def trial_name(number: int, arch: Architecture) -> str:
    """Name a trial so that the list of runs reads: ``t007 19.6M d320×16 h8``."""
    return f"t{number:03d} {architecture_name(arch)}"


def architecture_name(arch: Architecture) -> str:
    """Write size, width × depth, and heads."""
    return shape_name(count_params(arch).total, arch.d_model, arch.n_layers, arch.n_heads)


def shape_name(n_params: int, d_model: int, n_layers: int, n_heads: int) -> str:
    """Write an architecture of which a run's numbers are at hand."""
    return f"{format_size(n_params)} d{d_model}×{n_layers} h{n_heads}"


def rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Return a frame's rows as dicts."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _past(row: dict[str, object], recipe: Recipe) -> PastTrial:
    ok = row["status"] == Status.OK
    return PastTrial(
        params=recipe.search_params(),
        status=str(row["status"]),
        loss=float(str(row[VAL_LOSS])) if ok else None,
        curve=val_curve(str(row["run_id"])),
    )


def _unfinished(row: dict[str, object], recipe: Recipe) -> OpenTrial:
    run = Run(str(row["run_id"]), str(row["experiment_id"]))
    return OpenTrial(
        number=int(str(row["number"])),
        run=run,
        recipe=recipe,
        attempts=int(str(row["attempts"])),
        epochs_logged=len(val_curve(run.run_id)),
    )


def _best(ended: pd.DataFrame) -> Best | None:
    ok = ended[ended["status"] == Status.OK] if len(ended) else ended
    if ok.empty:
        return None
    row = ok.sort_values(VAL_LOSS).iloc[0]
    return Best(Run(row["run_id"], row["experiment_id"]), row["name"], float(row[VAL_LOSS]))
