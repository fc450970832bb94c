"""Context that every process of a search works with, set up by `hpo` and by its workers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from finscale.config import HpoConfig, options
from finscale.evaluation import REFERENCE
from finscale.model import Architecture
from finscale.pipeline.problem import ProblemData, ensure_baselines
from finscale.pipeline.running import Listen, guard_of
from finscale.pipeline.searching.setup import search_methods, search_space
from finscale.search import OptunaAddress, SearchSpace, turn
from finscale.tracking import Run
from finscale.training import Pace, ThermalGuard, pick_device

if TYPE_CHECKING:
    import torch

    from finscale.search import Search

PICTURES_EVERY_S = 60.0


@dataclass(frozen=True, eq=False)
class SearchContext:
    """Objects and settings that every trial of a search needs.

    Attributes
    ----------
    parent : Run
        The parent run of the trials.
    own : Run or None
        The run of this command, whose lease is renewed; None in a worker.
    device_name : str
        Name of the device as the user gave it, or "auto".
    deadline : float
        Time, by `time.monotonic`, after which no epoch begins.
    n_workers : int
        Number of processes in which this command trains trials.
    pace : Pace
        Limits how often the pictures on the parent's page are drawn.
    """

    config: HpoConfig
    data: ProblemData
    parent: Run
    own: Run | None
    search: Search
    space: SearchSpace
    device_name: str
    reference_loss: float
    listen: Listen
    study: str | None
    deadline: float
    n_workers: int = 1
    pace: Pace = field(default_factory=lambda: Pace(PICTURES_EVERY_S))

    @cached_property
    def device(self) -> torch.device:
        """Device for training, looked up on first use: a complete search needs none."""
        return pick_device(self.device_name)

    @cached_property
    def guard(self) -> ThermalGuard:
        """Guard that watches the temperature of the machine while trials train."""
        return guard_of("hpo", self.config, self.device, self.listen)

    @property
    def template(self) -> Architecture:
        """An architecture with the channels, context and patches that all candidates share."""
        return self.space.architectures[0]

    @property
    def is_over_time(self) -> bool:
        """True if the user's time limit has passed."""
        return time.monotonic() >= self.deadline


def options_key(command: Run) -> str:
    """Return the key of a command's options; commands that share a search may differ in them."""
    return f"options of {command.run_id}"


def facts_of(
    config: HpoConfig, parent: Run, own: Run, identity: str, study: str | None
) -> dict[str, Any]:
    """Return the attributes stored on an Optuna study, by which a worker can join the search."""
    return {
        options_key(own): options(config) | {"data_root": str(config.data_root.resolve())},
        "identity": identity,
        "run_id": parent.run_id,
        "experiment_id": parent.experiment_id,
        "study": study,
    }


def open_context(
    config: HpoConfig,
    data: ProblemData,
    address: OptunaAddress,
    facts: Mapping[str, Any],
    *,
    own: Run | None,
    device_name: str,
    listen: Listen,
    deadline: float,
    n_workers: int = 1,
) -> SearchContext:
    """Join a search at the address of its Optuna study. Missing baselines are computed first."""
    from finscale.search import Search  # imports Optuna: not before a refusal by a floor

    space = search_space(config, data)
    with turn(address):
        reference = ensure_baselines(data, facts["study"])[REFERENCE]
        search = Search(space, search_methods(config), address, facts)
    return SearchContext(
        config=config,
        data=data,
        parent=Run(facts["run_id"], facts["experiment_id"]),
        own=own,
        search=search,
        space=space,
        device_name=device_name,
        reference_loss=reference.val_loss,
        listen=listen,
        study=facts["study"],
        deadline=deadline,
        n_workers=n_workers,
    )
