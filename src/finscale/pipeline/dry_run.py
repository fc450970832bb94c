"""`hpo` with `dry_run`: what a search would try and what it would cost, and nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from finscale.config import HpoConfig, TrainConfig, format_budget
from finscale.model import Architecture, forward_flops, training_memory_bytes
from finscale.pipeline.plan import (
    GIB,
    measured_rate,
    memory_refusal,
    search_identity,
    search_space,
    training_seconds,
)
from finscale.pipeline.problem import load_problem
from finscale.pipeline.progress import Line, Listen, Screen, duration
from finscale.pipeline.prospects import (
    check_possible,
    cost_sentence,
    expected_seconds,
    look_ahead,
    table,
    with_room,
)
from finscale.pipeline.trials import architecture_name, n_stored
from finscale.search import SearchSpace, extremes
from finscale.tracking import Kind, tell_invocation
from finscale.training import pick_device

if TYPE_CHECKING:
    import torch

MOST_ROWS = 16


def dry_run(config: HpoConfig, run_id: str | None = None, *, listen: Listen | None = None) -> None:
    """Say which architectures a search draws from, their cost, and the time to expect.

    Parameters
    ----------
    run_id : str, optional
        The run that `mlflow run` made: it is closed as an invocation.
    listen : callable, optional
        Told each line; by default they are shown on the terminal.
    """
    if listen is None:
        with Screen() as screen:
            return dry_run(config, run_id, listen=screen)
    data = load_problem(config, config.floors, listen)
    space = search_space(config, data)
    device = pick_device(config.device)
    refusal = memory_refusal(config, space, device)
    rate = measured_rate(space, device)
    n_train = len(data.search.at.train)
    n_done = n_stored(config.cell_name, search_identity(config, data))
    lines = [
        *_table(config, space, n_train, rate),
        _expected(config, space, device, n_train, rate, n_done),
        refusal.line if refusal else "Nothing was trained: leave dry_run out to begin.",
    ]
    for line in lines:
        listen(Line(line))
    if run_id:
        tell_invocation(run_id, Kind.HPO, "\n\n".join(lines))
    return None


def dry_run_train(
    config: TrainConfig, run_id: str | None = None, *, listen: Listen | None = None
) -> None:
    """Say what of a cell is there, what is left to train, and what it would cost.

    Raises
    ------
    ConfigError
        If the cell can never be finished here.
    """
    if listen is None:
        with Screen() as screen:
            return dry_run_train(config, run_id, listen=screen)
    load_problem(config, config.floors, listen)  # what is wrong with the data is said alone
    device = pick_device(config.device)
    prospects = with_room(look_ahead([config], listen), device)
    listen(Line(table(prospects)))
    check_possible(f"cell {config.cell_name}", prospects, "Nothing was begun.")
    text = cost_sentence(expected_seconds(prospects, device), 1, device)
    listen(Line(text))
    if run_id:
        tell_invocation(run_id, Kind.TRAIN, f"```\n{table(prospects)}\n```\n\n{text}")
    return None


def _table(config: HpoConfig, space: SearchSpace, n_train: int, rate: float) -> list[str]:
    batch_size = config.batch_size or max(config.space.batch_size)
    forced = extremes(space.architectures, config.n_trials)
    head = (
        f"{config.cell_name}: {len(space.architectures)} architectures within 25 % of "
        f"{format_budget(config.budget)}; those with * are tried first."
    )
    columns = f"{'architecture':<26}{'FLOPs a window':>16}{f'memory, batch {batch_size}':>20}"
    rows = [
        f"{architecture_name(arch) + (' *' if arch in forced else ''):<26}"
        f"{forward_flops(arch):>16.2e}"
        f"{training_memory_bytes(arch, batch_size) / GIB:>16.2f} GiB"
        f"{duration(training_seconds(arch, n_train, config.epochs, rate)):>20}"
        for arch in _shown(space.architectures, forced)
    ]
    return [head, f"{columns}{f'{config.epochs} epochs at most':>20}", *rows]


def _shown(
    architectures: Sequence[Architecture], forced: Sequence[Architecture]
) -> list[Architecture]:
    """Return the forced ones and others evenly from cheap to dear, the cheapest first."""
    others = sorted(set(architectures) - set(forced), key=forward_flops)
    room = max(1, MOST_ROWS - len(forced))
    step = max(1, -(-len(others) // room))
    return sorted((*forced, *others[::step]), key=forward_flops)


def _expected(
    config: HpoConfig,
    space: SearchSpace,
    device: torch.device,
    n_train: int,
    rate: float,
    n_done: int,
) -> str:
    left = max(0, config.n_trials - n_done)
    each = [training_seconds(a, n_train, config.epochs, rate) for a in space.architectures]
    seconds = sum(each) / len(each) * left / config.workers
    return (
        f"{config.n_trials} trials, {n_done} of them done: about {duration(seconds)} at most on "
        f"{device.type} with {config.workers} workers (measured {rate / 1e9:.1f} GFLOP/s)."
    )
