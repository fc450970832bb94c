"""A worker of a search: it joins a study at its address, on this machine or another."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from finscale.config import HpoConfig, StoreError, options
from finscale.pipeline.baselines import REFERENCE, ensure_baselines
from finscale.pipeline.plan import search_identity, search_methods, search_space
from finscale.pipeline.problem import load_problem
from finscale.pipeline.progress import Listen
from finscale.pipeline.trial import Bench
from finscale.pipeline.turns import stand, work
from finscale.search import Search, StudyAddress, read_facts, turn
from finscale.tracking import Run
from finscale.training import pick_device


@dataclass(frozen=True)
class Order:
    """All that a worker is given, besides the tracking store and threads of its environment.

    Attributes
    ----------
    seconds : float
        Left to work; no epoch begins after them.
    """

    address: StudyAddress
    device: str
    seconds: float


def facts_of(config: HpoConfig, parent: Run, identity: str, study: str | None) -> dict[str, Any]:
    """Return what is written on a study, so that its address is enough to join it."""
    return {
        "options": options(config) | {"data_root": str(config.data_root.resolve())},
        "identity": identity,
        "run_id": parent.run_id,
        "experiment_id": parent.experiment_id,
        "study": study,
    }


def join(order: Order, listen: Listen) -> None:
    """Train trials of a search until it has all, or the time is up.

    Raises
    ------
    StoreError
        If there is no such study, or its options mean another search here.
    """
    deadline = time.monotonic() + order.seconds
    facts = read_facts(order.address)
    config = HpoConfig.model_validate(facts["options"])
    data = load_problem(config, config.floors, listen)
    if search_identity(config, data) != facts["identity"]:
        raise StoreError(
            f"study {order.address.name}",
            expected="the data and files in configs that the search was started with",
            got="others",
            todo="Give the worker the same checkout and data_root.",
        )
    space = search_space(config, data)
    with turn(order.address):
        reference = ensure_baselines(data, facts["study"])[REFERENCE]
        search = Search(space, search_methods(config), order.address, facts)
    bench = Bench(
        config=config,
        data=data,
        parent=Run(facts["run_id"], facts["experiment_id"]),
        own=None,
        search=search,
        space=space,
        device=pick_device(order.device),
        reference_loss=reference.val_loss,
        listen=listen,
        study=facts["study"],
        deadline=deadline,
    )
    stand(bench)
    work(bench)
