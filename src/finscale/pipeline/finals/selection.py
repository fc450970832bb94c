"""Choice of a cell's configuration: the best mean over seeds, on validation data only."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import pandas as pd

from finscale.tracking import N_PARAMS, VAL_LOSS, Run, Selected, Tag


@dataclass(frozen=True)
class Chosen:
    """The chosen configuration of a cell.

    Attributes
    ----------
    served : Run
        The run of its best seed, whose model the alias points to.
    val_loss_mean, val_skill_mean : float
        Validation loss in nats and validation skill, means over its seeds.
    n_params : int
        Number of parameters.
    n_seeds : int
        Number of seeds behind the means.
    others : tuple of Run
        The runs of its other seeds.
    """

    configuration: str
    name: str
    val_loss_mean: float
    val_skill_mean: float
    n_params: int
    n_seeds: int
    collapsed: bool
    served: Run
    others: tuple[Run, ...]


def choose(finals: pd.DataFrame) -> Chosen:
    """Choose the lowest mean validation loss among the configurations with the most seeds.

    A configuration with a diverged seed has fewer, and its mean would leave out the worst seed.

    Parameters
    ----------
    finals : DataFrame
        Finished finals, one row each.
    """
    groups = finals.groupby("configuration")[VAL_LOSS].agg(["mean", "size"])
    complete = groups[groups["size"] == groups["size"].max()]
    configuration = str(complete["mean"].idxmin())
    mine = finals[finals["configuration"] == configuration].sort_values(VAL_LOSS)
    best = mine.iloc[0]
    return Chosen(
        configuration=configuration,
        name=str(best["name"]),
        val_loss_mean=float(mine[VAL_LOSS].mean()),
        val_skill_mean=float(mine["val_skill"].mean()),
        n_params=int(best[N_PARAMS]),
        n_seeds=len(mine),
        collapsed=best["collapsed"] == "True",
        served=_runs(mine.head(1))[0],
        others=_runs(mine.iloc[1:]),
    )


def mark(chosen: Chosen, trained: pd.DataFrame, kept: Set[str]) -> None:
    """Tag the runs of the finals with the choice.

    Parameters
    ----------
    trained : DataFrame
        All finals of the cell so far. The tag of an earlier choice among them is withdrawn.
    kept : set of str
        Configurations that any cell of the problem keeps; cells may share a configuration.
    """
    chosen.served.tag({Tag.SELECTED: Selected.SERVED.value})
    for run in chosen.others:
        run.tag({Tag.SELECTED: Selected.CONFIGURATION.value})
    for run in _runs(trained[~trained["configuration"].isin(kept)]):
        run.tag({Tag.SELECTED: Selected.NO.value})


def _runs(frame: pd.DataFrame) -> tuple[Run, ...]:
    return tuple(Run(row["run_id"], row["experiment_id"]) for _, row in frame.iterrows())
