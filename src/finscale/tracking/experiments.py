"""The user's current experiment: MLflow's default, or the one set by environment variables."""

from __future__ import annotations

from contextlib import suppress

from mlflow.entities import Experiment, LifecycleStage
from mlflow.environment_variables import MLFLOW_EXPERIMENT_ID, MLFLOW_EXPERIMENT_NAME

from finscale.config import StoreError
from finscale.tracking.store import GoneError, TakenError, open_client

DEFAULT_EXPERIMENT_ID = "0"


def current_experiment_id() -> str:
    """Return the id of the current experiment. It is created if its name is new.

    Raises
    ------
    StoreError
        If the experiment was deleted or the store does not contain it.
    """
    found = find_experiment()
    if found:
        return str(found.experiment_id)
    client, name = open_client(), MLFLOW_EXPERIMENT_NAME.get()
    with suppress(TakenError):  # another process was faster
        return str(client.create_experiment(name))
    made = find_experiment()
    assert made is not None
    return str(made.experiment_id)


def find_experiment() -> Experiment | None:
    """Return the current experiment, or None if its name is new.

    Raises
    ------
    StoreError
        If the experiment was deleted or the store does not contain it.
    """
    name = MLFLOW_EXPERIMENT_NAME.get()
    if name:
        found = open_client().get_experiment_by_name(name)
        return _living(found) if found else None
    return _living(_experiment(str(MLFLOW_EXPERIMENT_ID.get() or DEFAULT_EXPERIMENT_ID)))


def _experiment(experiment_id: str) -> Experiment:
    try:
        return open_client().get_experiment(experiment_id)
    except GoneError:
        raise StoreError(
            "MLFLOW_EXPERIMENT_ID",
            expected="an experiment of the tracking store",
            got=repr(experiment_id),
            todo="Unset the variable, or set MLFLOW_EXPERIMENT_NAME: a new name creates an "
            "experiment.",
        ) from None


def _living(experiment: Experiment) -> Experiment:
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise StoreError(
            f"experiment {experiment.name}",
            expected="one that exists",
            got="a deleted one",
            todo=f"Give `mlflow experiments restore --experiment-id {experiment.experiment_id}`, "
            "or set MLFLOW_EXPERIMENT_NAME to another.",
        )
    return experiment
