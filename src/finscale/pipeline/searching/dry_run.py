"""`hpo` with `dry_run`: shows what a search would try and cost, without training."""

from __future__ import annotations

from collections.abc import Sequence

from finscale.config import HpoConfig, counted, format_budget
from finscale.model import Architecture, forward_flops
from finscale.pipeline.problem import architecture_name, load_problem, search_identity
from finscale.pipeline.running import Line, Listen, check_devices, duration, on_terminal, shown
from finscale.pipeline.searching.cost import Cost, measured_cost, most_windows
from finscale.pipeline.searching.setup import (
    GIB,
    expected,
    memory_refusal,
    most_memory_bytes,
    search_space,
)
from finscale.pipeline.searching.trials import n_stored
from finscale.search import SearchSpace, extremes
from finscale.tracking import Kind, tell_invocation
from finscale.training import check_precision, pick_device

MOST_ROWS = 16


@shown
def dry_run(config: HpoConfig, run_id: str | None = None, *, listen: Listen = on_terminal) -> None:
    """Show the architectures that a search draws from, their cost, and the expected time.

    Parameters
    ----------
    run_id : str, optional
        Id of the run that `mlflow run` created; it is closed as an invocation.
    listen : callable, optional
        Receives each line; by default lines are shown on the terminal.

    Raises
    ------
    ConfigError
        If no architecture fits into this machine's memory. The table is shown first.
    """
    data = load_problem(config, config.floors, listen)
    space = search_space(config, data)
    device = pick_device(config.device)
    check_precision(config.precision, device)
    check_devices(config.nproc, device)
    refusal = memory_refusal(config, space, device)
    n_train = len(data.search.at.train)
    # A model that does not fit into memory cannot be timed.
    cost = None if refusal else measured_cost(config, space, device)
    lines = _table(config, space, n_train, cost)
    if cost:
        n_done = n_stored(config.cell_name, search_identity(config, data))
        found = expected(config, space, device, n_done=n_done, n_train=n_train, cost=cost)
        n_trials = counted(config.n_trials, "trial")
        lines.append(f"{n_trials}, {n_done} of them done: {found.time}.")
        lines.append("Nothing was trained: leave dry_run out to begin.")
    for line in lines:
        listen(Line(line))
    if refusal:
        raise refusal
    if run_id:
        tell_invocation(run_id, Kind.HPO, "\n\n".join(lines))


def _table(config: HpoConfig, space: SearchSpace, n_train: int, cost: Cost | None) -> list[str]:
    batch_size = config.batch_size or max(config.space.batch_size)
    forced = extremes(space.architectures, config.n_trials)
    shown = _shown(space.architectures, forced)
    n_all = len(space.architectures)
    some = (
        f", {len(shown)} of them below, from the cheapest to the dearest"
        if n_all > len(shown)
        else ""
    )
    head = (
        f"{config.cell_name}: {counted(n_all, 'architecture')} within 25 % of "
        f"{format_budget(config.budget)}{some}; those with * are tried first."
    )
    columns = f"{'architecture':<26}{'FLOPs a window':>16}{f'memory, batch {batch_size}':>20}"
    rows = [
        f"{architecture_name(arch) + (' *' if arch in forced else ''):<26}"
        f"{forward_flops(arch):>16.2e}"
        f"{most_memory_bytes(config, arch) / GIB:>16.2f} GiB"
        f"{_time(arch, most_windows(config, n_train), cost)}"
        for arch in shown
    ]
    timed = f"{counted(config.epochs, 'epoch') + ' at most':>20}" if cost else ""
    return [head, f"{columns}{timed}", *rows]


def _time(arch: Architecture, n_windows: int, cost: Cost | None) -> str:
    return f"{duration(cost.seconds(arch, n_windows)):>20}" if cost else ""


def _shown(
    architectures: Sequence[Architecture], forced: Sequence[Architecture]
) -> list[Architecture]:
    """Return the forced architectures and an even choice of the others, the cheapest first."""
    others = sorted(set(architectures) - set(forced), key=forward_flops)
    room = max(1, MOST_ROWS - len(forced))
    step = max(1, -(-len(others) // room))
    return sorted((*forced, *others[::step]), key=forward_flops)
