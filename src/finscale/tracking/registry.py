"""Model registry: one model per problem and one alias per budget, which moves for a better mean.

Legend: `B` batch, `L` context length, `C` channels, `K` outputs.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.pytorch
import numpy as np
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import Model, ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME, ModelInfo
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.types import Schema, TensorSpec

from finscale.config import counted
from finscale.model import ServedModel
from finscale.tracking.candidate import Candidate, Promotion
from finscale.tracking.names import alias_name, alias_uri, registered_model_name
from finscale.tracking.runs import Run
from finscale.tracking.store import GoneError, TakenError, ask, open_client


def promote(
    run: Run,
    model: ServedModel,
    example_BLC: np.ndarray,
    *,
    problem_name: str,
    budget: str,
    candidate: Candidate,
) -> Promotion:
    """Log `model` as an MLflow Model and move the budget's alias to it if it is better.

    No model may train in this process at the same time: ``torch.export`` is not thread-safe and
    would change the weights of such a model.

    Raises
    ------
    StoreError
        If the registry does not accept the model.
    """
    name, alias = registered_model_name(problem_name), alias_name(budget)
    uri = alias_uri(problem_name, budget)
    holder = _holder(name, alias)
    is_lost = holder is not None and not _has_files(holder)
    obstacle = obstacle_to(holder, candidate) if holder and not is_lost else None
    if obstacle:
        return Promotion(False, uri, obstacle)
    info = ask(lambda: _log_model(run, model, example_BLC))
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
    why = _why_moved(holder, candidate, is_lost)
    return Promotion(True, uri, f"version {created.version}: {why}")


def _ensure_registered(client: MlflowClient, name: str) -> None:
    with suppress(TakenError):
        client.create_registered_model(name)


def _log_model(run: Run, model: ServedModel, example_BLC: np.ndarray) -> ModelInfo:
    """Export a model with a dynamic batch axis and explicit requirements."""
    _, context_length, n_channels = example_BLC.shape
    shape = (-1, context_length, n_channels)
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float32"), shape)]),
        outputs=Schema([TensorSpec(np.dtype("float64"), (-1, model.model.arch.n_outputs))]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from torch.export and pickle checks inside MLflow
        info: ModelInfo = Model.log(
            None,
            flavor=_OnAnyDevice,
            name="model",
            run_id=run.run_id,
            pytorch_model=model.eval(),
            signature=signature,
            input_example=example_BLC.astype(np.float32),
            pip_requirements=[f"{part}=={_release(part)}" for part in ("mlflow", "torch", "numpy")],
            serialization_format="pt2",
        )
    return info


class _OnAnyDevice:
    """MLflow's PyTorch flavour, loaded on the CPU: an exported graph stays on its device.

    MLflow would choose CUDA if it is available, and fail. Another device can be requested with
    ``load_model(uri, model_config={"device": ...})``.
    """

    @staticmethod
    def save_model(*, path: str, mlflow_model: Model, **arguments: Any) -> None:
        """Save as MLflow does, and record the device."""
        mlflow.pytorch.save_model(path=path, mlflow_model=mlflow_model, **arguments)
        mlflow_model.flavors["python_function"]["config"]["device"] = "cpu"
        mlflow_model.save(str(Path(path) / MLMODEL_FILE_NAME))


def _release(package: str) -> str:
    return version(package).partition("+")[0]  # "2.13.0+cpu" can be installed nowhere else


def _holder(name: str, alias: str) -> ModelVersion | None:
    try:
        return open_client().get_model_version_by_alias(name, alias)
    except GoneError:
        return None


def _has_files(holder: ModelVersion) -> bool:
    """Return True if the files of a version are still stored."""
    uri = open_client().get_model_version_download_uri(holder.name, holder.version)

    def listed() -> bool:
        files = get_artifact_repository(uri).list_artifacts()
        return any(file.path.endswith(MLMODEL_FILE_NAME) for file in files)

    try:
        return ask(listed)
    except GoneError:
        return False


def obstacle_to(holder: ModelVersion, candidate: Candidate) -> str | None:
    """Return why the alias stays where it is, or None if it moves."""
    tags, there = holder.tags, f"version {holder.version}"
    ours = (candidate.data_sha256, candidate.split, candidate.problem_sha256)
    # Older versions have no digest of the problem.
    problem = tags.get("problem_sha256", candidate.problem_sha256)
    if (tags.get("data_sha256"), tags.get("split"), problem) != ours:
        return f"{there} was chosen on other data, days or labels: delete the alias to replace it"
    is_same = tags.get("configuration") == candidate.configuration
    # Older versions have no number of seeds.
    n_seeds = int(tags.get("n_seeds", "0"))
    if is_same and float(tags["val_loss_mean"]) == candidate.val_loss_mean:
        return f"{there} has this configuration already"
    if is_same and n_seeds > candidate.n_seeds:
        return f"{there} is this configuration, with its mean over {counted(n_seeds, 'seed')}"
    if is_same and n_seeds < candidate.n_seeds:
        return None  # the mean over more seeds is more precise, even if it is higher
    if candidate.collapsed and tags.get("collapsed") == "False":
        return f"{there} did not collapse, this one did"
    if not candidate.val_loss_mean < float(tags["val_loss_mean"]):
        return f"{there} has a mean of {float(tags['val_loss_mean']):.4f} nats, not higher"
    return None


def _why_moved(holder: ModelVersion | None, candidate: Candidate, is_lost: bool) -> str:
    if holder and is_lost:
        return f"the files of version {holder.version} are gone"
    if holder and holder.tags.get("configuration") == candidate.configuration:
        return f"the configuration of version {holder.version}, its mean now over more seeds"
    if holder is None:
        return "the first of this budget"
    return "it has the lowest mean so far"
