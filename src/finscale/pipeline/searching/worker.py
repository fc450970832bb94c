"""Worker of a search: joins an Optuna study at its address, on this machine or another."""

from __future__ import annotations

import time
from dataclasses import dataclass

from finscale.config import HpoConfig, StoreError
from finscale.pipeline.problem import load_problem, search_identity
from finscale.pipeline.running import Listen
from finscale.pipeline.searching.alignment import standing_of
from finscale.pipeline.searching.context import open_context, options_key
from finscale.pipeline.searching.turns import run_trials
from finscale.search import OptunaAddress, read_facts
from finscale.tracking import Run


@dataclass(frozen=True)
class Order:
    """Work order of a worker. The environment sets its tracking store and number of threads.

    Attributes
    ----------
    command : Run
        The run of the command that started the worker; its options are stored on the study.
    seconds : float
        Time limit in seconds, after which no epoch begins.
    n_workers : int
        Number of workers that the command has started.
    """

    address: OptunaAddress
    command: Run
    device: str
    seconds: float
    n_workers: int


def join(order: Order, listen: Listen) -> None:
    """Train trials of a search until it is complete or the time is up.

    Raises
    ------
    StoreError
        If the study does not exist, or its options give another search on this machine.
    """
    deadline = time.monotonic() + order.seconds
    facts = read_facts(order.address)
    config = HpoConfig.model_validate(facts[options_key(order.command)])
    data = load_problem(config, config.floors, listen)
    if search_identity(config, data) != facts["identity"]:
        raise StoreError(
            f"study {order.address.name}",
            expected="the data and files in configs that the search was started with",
            got="other data or files",
            todo="Give the worker the same checkout and data_root.",
        )
    context = open_context(
        config,
        data,
        order.address,
        facts,
        own=None,
        device_name=order.device,
        listen=listen,
        deadline=deadline,
        n_workers=order.n_workers,
    )
    standing_of(context)
    run_trials(context)
