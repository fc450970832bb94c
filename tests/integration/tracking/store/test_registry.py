"""A registry that cannot take a model, or has lost one: the finals count all the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient

from finscale.tracking import Kind, Tag
from tests.lab import PROBLEM, Lab, open_lab, readdress
from tests.old_server import without_logged_models
from tests.servers import mlflow_server

NAME = f"patchtst-{PROBLEM.replace('.', '-')}"
ALIAS = f"models:/{NAME}@best-9K"


def windows(lab: Lab, n: int) -> np.ndarray:
    """Return windows of unscaled features, as a user cuts them from the processed file."""
    frame = lab.problem().inputs.frame
    return np.stack([frame.iloc[-60 - k : len(frame) - k].to_numpy("float32") for k in range(n)])


def test_a_model_of_the_cpu_predicts_where_cuda_is_visible(
    trained: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    x_BLC = windows(trained, 3)
    expected = mlflow.pyfunc.load_model(ALIAS).predict(x_BLC)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    again = mlflow.pyfunc.load_model(ALIAS).predict(x_BLC)
    assert np.isfinite(again).all() and (again == expected).all()


def test_an_alias_whose_files_are_gone_is_registered_anew(trained: Lab) -> None:
    before = MlflowClient().get_model_version_by_alias(NAME, "best-9K")
    shutil.rmtree(trained.folder / "mlruns" / "0" / "models")
    trained.train()
    after = MlflowClient().get_model_version_by_alias(NAME, "best-9K")
    assert int(after.version) == int(before.version) + 1
    assert f"the files of version {before.version} are gone" in trained.lines[-1]
    assert np.isfinite(mlflow.pyfunc.load_model(ALIAS).predict(windows(trained, 2))).all()


def test_a_deleted_version_is_registered_anew(trained: Lab) -> None:
    version = MlflowClient().get_model_version_by_alias(NAME, "best-9K").version
    MlflowClient().delete_model_version(NAME, version)
    trained.train()
    assert np.isfinite(mlflow.pyfunc.load_model(ALIAS).predict(windows(trained, 2))).all()


def test_an_intact_version_stays(trained: Lab) -> None:
    before = MlflowClient().get_model_version_by_alias(NAME, "best-9K").version
    trained.train()
    assert MlflowClient().get_model_version_by_alias(NAME, "best-9K").version == before
    assert "this very configuration" in trained.lines[-1]


def test_a_mean_over_more_seeds_is_kept_with_the_version(lab: Lab) -> None:
    lab.train(top_k=1, n_seeds=1)
    lab.train(top_k=1, n_seeds=2)
    version = MlflowClient().get_model_version_by_alias(NAME, "best-9K")
    (parent,) = lab.runs(Kind.TRAIN)
    assert int(version.version) == 2 and version.tags["n_seeds"] == "2"
    assert "mean over 2 seeds" in parent.data.tags[Tag.NOTE]


def test_finals_count_though_the_model_cannot_be_registered(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("the graph cannot be exported")

    with monkeypatch.context() as patch:
        patch.setattr("mlflow.pytorch.save_model", fails)
        lab.train(n_seeds=3)
    (parent,) = lab.runs(Kind.TRAIN)
    assert parent.info.status == "FINISHED" and parent.data.tags[Tag.STATUS] == "ok"
    assert "the graph cannot be exported" in parent.data.tags[Tag.PROMOTION]
    assert any("promotion waits" in line for line in lab.lines)
    lab.analyze()
    lab.train(n_seeds=3)  # the next occasion
    (parent,) = lab.runs(Kind.TRAIN)
    assert parent.data.tags[Tag.PROMOTION] == "done"
    assert int(MlflowClient().get_model_version_by_alias(NAME, "best-9K").version) == 1


@pytest.mark.slow
def test_a_server_without_logged_models_is_known_before_training(
    searched_store: Path, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINSCALE_STORE_WAIT_S", "5")
    folder = tmp_path / "served"
    shutil.copytree(searched_store, folder)
    readdress(folder, f"{searched_store}/mlruns", "mlflow-artifacts:", ["runs", "experiments"])
    database = f"sqlite:///{folder}/mlflow.db"
    with (
        mlflow_server(database, folder / "mlruns") as real,
        without_logged_models(real) as old,
        open_lab(folder, data_root) as lab,
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", old)
        lab.train(n_seeds=3)
        said = [at for at, line in enumerate(lab.lines) if "MLflow 2.9.2, which keeps" in line]
        assert said and said[0] < len(lab.lines) - 1, lab.lines
        (parent,) = lab.runs(Kind.TRAIN)
        assert parent.data.tags[Tag.STATUS] == "ok"
        assert parent.data.tags[Tag.PROMOTION] != "done"
        assert lab.analyze().run_id
        monkeypatch.setenv("MLFLOW_TRACKING_URI", real)  # it was upgraded
        lab.train(n_seeds=3)
        (parent,) = lab.runs(Kind.TRAIN)
        assert parent.data.tags[Tag.PROMOTION] == "done"
