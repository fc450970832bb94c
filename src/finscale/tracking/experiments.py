"""The experiment in which the user works: MLflow's default or the one of the variables."""

from __future__ import annotations

from contextlib import suppress

from mlflow.entities import Experiment, LifecycleStage
from mlflow.environment_variables import MLFLOW_EXPERIMENT_ID, MLFLOW_EXPERIMENT_NAME

from finscale.config import StoreError
from finscale.tracking.store import GoneError, TakenError, open_client

DEFAULT_EXPERIMENT_ID = "0"


def current_experiment_id() -> str:
    """Return the experiment the user works in; a new name is made one.

    Raises
    ------
    StoreError
        If it was deleted, or the store does not hold it.
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
    """Return the experiment the user works in, or None where its name is a new one.

    Raises
    ------
    StoreError
        If it was deleted, or the store does not hold it.
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
            todo="Unset the variable, or give a name that is made where it is not there: "
            "MLFLOW_EXPERIMENT_NAME.",
        ) from None


def _living(experiment: Experiment) -> Experiment:
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise StoreError(
            f"experiment {experiment.name}",
            expected="one that is there",
            got="one that was deleted",
            todo=f"Give `mlflow experiments restore --experiment-id {experiment.experiment_id}`, "
            "or set MLFLOW_EXPERIMENT_NAME to another.",
        )
    return experiment
