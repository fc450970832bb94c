"""The registry: one model per problem, one alias per budget, moved only for a better mean.

Legend: `B` batch, `L` context length, `C` channels, `K` outputs.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import version

import mlflow.pytorch
import numpy as np
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.types import Schema, TensorSpec

from finscale.model import ServedModel
from finscale.tracking.client import open_client, unbroken
from finscale.tracking.names import alias_name, registered_model_name
from finscale.tracking.runs import Run


@dataclass(frozen=True)
class Candidate:
    """What decides whether an alias moves: kept as tags of the model version.

    Attributes
    ----------
    val_loss_mean : float
        Mean validation loss of the configuration over its seeds, nats.
    configuration : str
        Digest of the configuration.
    problem_sha256 : str
        Digest of samples and labels: a task of the same name may have become another one.
    """

    val_loss_mean: float
    configuration: str
    data_sha256: str
    problem_sha256: str
    split: str
    collapsed: bool


@dataclass(frozen=True)
class Promotion:
    """What became of a candidate."""

    moved: bool
    uri: str
    reason: str


def promote(
    run: Run,
    model: ServedModel,
    example_BLC: np.ndarray,
    *,
    problem_name: str,
    budget: str,
    candidate: Candidate,
) -> Promotion:
    """Log `model` as an MLflow Model and point the budget's alias at it, if it is better.

    Nothing else may train in this process meanwhile: ``torch.export`` is not thread-safe and
    changes weights of a model that trains beside it.
    """
    name, alias = registered_model_name(problem_name), alias_name(budget)
    uri = f"models:/{name}@{alias}"
    holder = _holder(name, alias)
    obstacle = _obstacle(holder, candidate) if holder else None
    if obstacle:
        return Promotion(False, uri, obstacle)
    with unbroken():
        info = _log_model(run, model, example_BLC)
    client = open_client()
    _ensure_registered(client, name)
    created = client.create_model_version(
        name,
        source=info.model_uri,
        run_id=run.run_id,
        model_id=info.model_id,
        tags={key: str(value) for key, value in asdict(candidate).items()},
    )
    client.set_registered_model_alias(name, alias, created.version)
    return Promotion(True, uri, f"version {created.version} has the lowest mean so far")


def _ensure_registered(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _log_model(run: Run, model: ServedModel, example_BLC: np.ndarray) -> ModelInfo:
    """Export with a free batch axis and explicit requirements."""
    _, context_length, n_channels = example_BLC.shape
    shape = (-1, context_length, n_channels)
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float32"), shape)]),
        outputs=Schema([TensorSpec(np.dtype("float64"), (-1, model.model.arch.n_outputs))]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.export and pickle checks inside MLflow
        info: ModelInfo = mlflow.pytorch.log_model(
            model.eval(),
            name="model",
            run_id=run.run_id,
            signature=signature,
            input_example=example_BLC.astype(np.float32),
            pip_requirements=[f"{part}=={_release(part)}" for part in ("mlflow", "torch", "numpy")],
            serialization_format="pt2",
        )
    return info


def _release(package: str) -> str:
    return version(package).partition("+")[0]  # "2.13.0+cpu" can be installed nowhere else


def _holder(name: str, alias: str) -> ModelVersion | None:
    try:
        return open_client().get_model_version_by_alias(name, alias)
    except MlflowException:
        return None


def _obstacle(holder: ModelVersion, candidate: Candidate) -> str | None:
    """Say why the alias stays where it is, or None if it moves."""
    tags, there = holder.tags, f"version {holder.version}"
    ours = (candidate.data_sha256, candidate.split, candidate.problem_sha256)
    # Versions of before it was kept have no digest of the problem.
    problem = tags.get("problem_sha256", candidate.problem_sha256)
    if (tags.get("data_sha256"), tags.get("split"), problem) != ours:
        return f"{there} was chosen on other data, days or labels: delete the alias to replace it"
    if (
        tags.get("configuration") == candidate.configuration
        and float(tags["val_loss_mean"]) == candidate.val_loss_mean
    ):
        return f"{there} is this very configuration"
    if candidate.collapsed and tags.get("collapsed") == "False":
        return f"{there} did not collapse, this one did"
    if not candidate.val_loss_mean < float(tags["val_loss_mean"]):
        return f"{there} has a mean of {float(tags['val_loss_mean']):.4f} nats, not higher"
    return None
