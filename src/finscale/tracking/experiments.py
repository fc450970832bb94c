"""The experiment in which the user works: MLflow's default or the one of the variables."""

from __future__ import annotations

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
    name, client = MLFLOW_EXPERIMENT_NAME.get(), open_client()
    if not name:
        return _living(_experiment(str(MLFLOW_EXPERIMENT_ID.get() or DEFAULT_EXPERIMENT_ID)))
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name))
        except TakenError:  # another process was faster
            experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    return _living(experiment)


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


def _living(experiment: Experiment) -> str:
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise StoreError(
            f"experiment {experiment.name}",
            expected="one that is there",
            got="one that was deleted",
            todo=f"Give `mlflow experiments restore --experiment-id {experiment.experiment_id}`, "
            "or set MLFLOW_EXPERIMENT_NAME to another.",
        )
    return str(experiment.experiment_id)
