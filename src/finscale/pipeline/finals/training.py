"""Training of a cell's finals: which are missing, which are trained together, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from finscale.config import StoreError, TrainConfig, spell
from finscale.model import count_params
from finscale.pipeline.finals.context import CellContext
from finscale.pipeline.finals.group import Group, epochs_of_each, finals_key, progress, train_group
from finscale.pipeline.problem import Recipe, load_problem
from finscale.pipeline.running import (
    Listen,
    Progress,
    renewing,
    run_side_by_side,
    unfinished,
    workers_here,
    workers_that_pay,
)
from finscale.tracking import Kind, Run, Status, final_seeds, finals, find_result
from finscale.training import LARGE, Gain, fit_memory_bytes, measure_gain

HOUR = 3_600.0


def train_finals(context: CellContext, recipes: Sequence[Recipe]) -> pd.DataFrame:
    """Train the missing finals; return all, one row per configuration and seed.

    Raises
    ------
    StoreError
        If a worker failed, or if no final has a result.
    """
    config = context.config
    seeds = final_seeds(config.seed, config.n_seeds)
    identities = {
        (recipe, seed): recipe.fingerprint(Kind.FINAL, context.data, seed)
        for recipe in recipes
        for seed in seeds
    }
    missing = {
        recipe: [s for s in seeds if find_result(Kind.FINAL, identities[recipe, s]) is None]
        for recipe in recipes
    }
    _train_missing(context, missing, len(identities))
    # A final may belong to the cell of a neighbouring budget; it is not trained twice.
    stored = finals(problem=config.problem_name)
    mine = stored["fingerprint"].isin([*identities.values()])
    rows = stored[mine & (stored["status"] == Status.OK)]
    if rows.empty:
        raise StoreError(
            f"finals of {config.cell_name}",
            expected="at least one that did not diverge or fail",
            got="none",
            todo="Look at their runs: their tags say why.",
        )
    return rows.reset_index(drop=True)


def _train_missing(context: CellContext, missing: dict[Recipe, list[int]], n_finals: int) -> None:
    """Train the missing seeds of each recipe in groups, here or side by side in workers."""
    n_left = sum(map(len, missing.values()))
    if not n_left:
        total = n_finals * epochs_of_each(context)
        context.listen(Progress(finals_key(context), total, total, "done"))
        return
    gains = {recipe: _gain(context, recipe, len(seeds)) for recipe, seeds in missing.items()}
    n_workers = _n_workers(context, missing, gains)
    groups = [
        Group(recipe, part, n_finals - n_left, n_finals)
        for recipe, seeds in missing.items()
        for part in _parts(seeds, n_workers, gains[recipe])
    ]
    context.listen(progress(context, groups[0], 0, f"{n_left} to train"))
    if n_workers == 1:
        for group in groups:
            train_group(context, group)
    else:
        _side_by_side(context, groups, n_workers)


def _gain(context: CellContext, recipe: Recipe, n_seeds: int) -> Gain | None:
    """Measure the gain of training the seeds of a recipe in one program.

    A large model has nothing to gain, and a few steps of it would take long: it gives None. So does
    one that has several devices.
    """
    if not n_seeds or context.config.nproc > 1 or count_params(recipe.arch).total >= LARGE:
        return None
    settings = recipe.settings(context.config.seed)
    return measure_gain(recipe.arch, settings, n_seeds, context.device)


def _n_workers(
    context: CellContext, missing: dict[Recipe, list[int]], gains: dict[Recipe, Gain | None]
) -> int:
    """Return the number of processes that train finals.

    The cells of a study are worked on side by side already, so each has one process.
    """
    config = context.config
    n_left = sum(map(len, missing.values()))
    if context.study is not None or config.nproc > 1:
        return 1
    if config.workers:
        return min(config.workers, n_left)
    seconds = sum(
        len(seeds) * _seconds(context, recipe, gains[recipe]) for recipe, seeds in missing.items()
    )
    largest = max(count_params(recipe.arch).total for recipe in missing)
    memory = max(
        fit_memory_bytes(recipe.arch, recipe.batch_size, precision=recipe.precision)
        for recipe in missing
    )
    fitting = workers_here(largest, context.device, memory)
    return min(fitting, workers_that_pay(seconds, n_left))


def _seconds(context: CellContext, recipe: Recipe, gain: Gain | None) -> float:
    """Return the seconds of a final; those of a large model need not be known."""
    if gain is None:
        return HOUR
    settings = recipe.settings(context.config.seed)
    n_steps = sum(settings.total_steps(len(fold.at.train)) for fold in context.data.folds)
    return gain.alone_s * n_steps


def _parts(seeds: Sequence[int], n_workers: int, gain: Gain | None) -> Iterator[tuple[int, ...]]:
    """Yield the seeds that are trained in one program: so many that every worker has a part."""
    together = gain is not None and gain.pays
    size = max(1, -(-len(seeds) // n_workers)) if together else 1
    for first in range(0, len(seeds), size):
        yield tuple(seeds[first : first + size])


@dataclass(frozen=True, eq=False)
class _Order:
    """Work order of a worker: a group of finals, and what it needs to know of their cell."""

    config: TrainConfig
    parent: Run
    device: str
    reference_loss: float
    group: Group


def _side_by_side(context: CellContext, groups: Sequence[Group], n_workers: int) -> None:
    orders = {
        f"group {number}": _Order(
            context.config, context.parent, str(context.device), context.reference_loss, group
        )
        for number, group in enumerate(groups, start=1)
    }
    listen = renewing(context.listen, context.parent)
    if failures := run_side_by_side(train_order, orders, min(n_workers, len(orders)), listen):
        cell = f"finals of {context.config.cell_name}"
        resume = spell("train", context.config)
        raise unfinished(cell, "all groups of seeds to finish", failures, resume)


def train_order(order: _Order, listen: Listen) -> None:
    """Train a group of finals; workers call this function."""
    config = order.config
    data = load_problem(config, config.floors, listen)
    device = torch.device(order.device)
    context = CellContext(
        config, data, order.parent, None, device, order.reference_loss, listen, study=None
    )
    train_group(context, order.group)
