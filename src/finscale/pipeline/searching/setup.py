"""Setup of a search: its space, methods and Optuna address, the memory and time it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from finscale.config import (
    ARCHITECTURE_AXES,
    ConfigError,
    HpoConfig,
    SearchConfig,
    counted,
    format_budget,
)
from finscale.model import (
    Architecture,
    architectures,
    count_params,
)
from finscale.pipeline.problem import ProblemData, patch_stride, precision_of
from finscale.pipeline.running import duration, workers_here, workers_that_pay
from finscale.pipeline.searching.cost import Cost, measured_cost, search_seconds
from finscale.search import Methods, OptunaAddress, SearchSpace, file_address, middle
from finscale.tracking import fingerprint, is_database, store_address
from finscale.training import (
    available_memory_bytes,
    fit_memory_bytes,
    least_memory_bytes,
    spared_bytes,
)

if TYPE_CHECKING:
    import torch

GIB = 2**30


def search_space(config: SearchConfig, data: ProblemData) -> SearchSpace:
    """Return the search space: architectures of the budget, and training parameters.

    Raises
    ------
    ConfigError
        If no architecture fits the budget and the pinned values.
    """
    pins = {name: value for name, value in config.pins.items() if name in ARCHITECTURE_AXES}
    windows = _windows(config)
    fitting: list[Architecture] = []
    for number, (context_length, patch_length) in enumerate(windows, start=1):
        try:
            fitting += architectures(
                config.budget,
                n_channels=data.n_channels,
                space=config.space,
                pins=pins,
                context_length=context_length,
                patch_length=patch_length,
                patch_stride=patch_stride(config, patch_length),
                n_outputs=config.task.n_outputs,
            )
        except ConfigError:
            if number == len(windows) and not fitting:
                raise
    if config.space.one_architecture:
        fitting = [middle(fitting)]
    return SearchSpace(tuple(fitting), config.space, config.pins)


def _windows(config: SearchConfig) -> list[tuple[int, int]]:
    """Return the pairs of context length and patch length that may be tried.

    Raises
    ------
    ConfigError
        If a context is longer than the problem's, which determines the days that are forecast.
    """
    contexts = config.space.context_length or (config.context_length,)
    patches = config.space.patch_length or (config.patch_length,)
    if max(contexts) > config.context_length:
        raise ConfigError(
            f"space {config.space.name}, context_length",
            expected=f"at most {config.context_length} bars, the problem's",
            got=str(max(contexts)),
            todo=f"Give -P context_length={max(contexts)}: all then forecast the same days.",
        )
    pairs = [(context, patch) for context in contexts for patch in patches if patch <= context]
    if not pairs:
        raise ConfigError(
            f"space {config.space.name}, patch_length",
            expected=f"a patch that fits into {max(contexts)} bars",
            got=str(min(patches)),
            todo="Take shorter patches.",
        )
    return pairs


def optuna_address(config: HpoConfig, identity: str) -> OptunaAddress:
    """Return the address of a search's Optuna study. Each tracking store has its own study."""
    name = fingerprint("study", search=identity, store=store_address())
    if config.storage != "auto":
        _check_apart(config.storage, store_address())
        return OptunaAddress(config.storage, name)
    if "?" in str(config.data_root.resolve()):
        raise ConfigError(
            "data_root",
            expected="a path without a question mark, which would end Optuna's address",
            got=repr(str(config.data_root)),
            todo="Give another folder, or an address with -P storage.",
        )
    return file_address(config.data_root / "searches", name)


def _check_apart(storage: str, store: str) -> None:
    """Refuse MLflow's database for Optuna, because some tables have the same names."""
    if not is_database(store):
        return
    ours, theirs = make_url(storage), make_url(store)
    parts = ("host", "port", "database")
    if all(getattr(ours, part) == getattr(theirs, part) for part in parts):
        raise ConfigError(
            "storage",
            expected="a database of Optuna's own",
            got=f"{storage}, which is MLflow's",
            todo="Leave storage out, or give another database.",
        )


def search_methods(config: SearchConfig) -> Methods:
    """Return the methods by which a search proposes and prunes trials."""
    n_objectives = 1 if config.objectives == "val_loss" else 2
    return Methods(config.seed, config.sampler, config.pruner, config.epochs, n_objectives)


def check_memory(config: SearchConfig, space: SearchSpace, device: torch.device) -> None:
    """Refuse a budget if not even its smallest architecture fits into memory.

    Raises
    ------
    ConfigError
        With the memory that is needed and the memory that is free.
    """
    if refusal := memory_refusal(config, space, device):
        raise refusal


def memory_refusal(
    config: SearchConfig, space: SearchSpace, device: torch.device
) -> ConfigError | None:
    """Return the error if no architecture of a budget fits into memory here, else None."""
    precision = precision_of(config)
    need = min(
        least_memory_bytes(arch, precision, device.type) - spared_bytes(arch, config.nproc)
        for arch in space.architectures
    )
    # Processes on the CPU share its memory; of several GPUs, each has its own.
    there = available_memory_bytes(device) // (config.nproc if device.type == "cpu" else 1)
    if need <= there:
        return None
    return ConfigError(
        "budget",
        expected=f"a model that trains in the {there / GIB:.1f} GiB free on {device.type}",
        got=f"{format_budget(config.budget)}, which takes {need / GIB:.1f} GiB or more, "
        "with one window at a time",
        todo="Take a smaller budget, or a machine with more memory.",
    )


def search_memory_bytes(config: SearchConfig, space: SearchSpace) -> int:
    """Return the memory of the largest training of a search, where there is enough."""
    return max(most_memory_bytes(config, arch) for arch in space.architectures)


def most_memory_bytes(config: SearchConfig, arch: Architecture) -> int:
    """Return the memory of training `arch` with the largest batch, whole, and with dropout."""
    dropout = max(config.space.dropout) if config.dropout is None else config.dropout
    batch_size = config.batch_size or max(config.space.batch_size)
    trained = replace(arch, dropout=dropout)
    return fit_memory_bytes(trained, batch_size, precision=precision_of(config))


@dataclass(frozen=True)
class Expected:
    """How the remaining trials of a search will be trained.

    Attributes
    ----------
    n_workers : int
        Number of processes: the user's, or as many as pay.
    time : str
        The time that all trials take at most, with its basis, such as "about 3 min at most on cpu
        with 2 workers (measured 21.0 GFLOP/s)".
    """

    n_workers: int
    time: str


def expected(
    config: HpoConfig,
    space: SearchSpace,
    device: torch.device,
    *,
    n_done: int,
    n_train: int,
    cost: Cost | None = None,
) -> Expected:
    """Return how the remaining trials will be trained, by measured steps.

    Parameters
    ----------
    cost : Cost, optional
        What was measured already; by default it is measured now.
    """
    cost = cost or measured_cost(config, space, device)
    seconds = search_seconds(config, space, cost, n_train, n_done)
    n_workers, n_left = config.workers, max(1, config.n_trials - n_done)
    if config.nproc > 1:
        n_workers = 1
    if not n_workers:
        largest = max(count_params(arch).total for arch in space.architectures)
        paying = workers_that_pay(seconds, n_left)
        fitting = workers_here(largest, device, search_memory_bytes(config, space))
        n_workers = min(fitting, paying)
    return Expected(
        n_workers,
        f"about {duration(seconds / min(n_workers, n_left))} at most on {device.type} with "
        f"{counted(n_workers, 'worker')} (measured "
        f"{cost.gigaflops(space.architectures):.1f} GFLOP/s)",
    )
