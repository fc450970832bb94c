"""Weights are stored with their size and removed with a reason, on real stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from finscale.config import StoreError
from finscale.tracking import (
    Kind,
    Run,
    Tag,
    create_run,
    handle,
    load_trial,
    log_weights,
    read_predictions,
    remove_weights,
    trials,
)
from finscale.tracking.names import Artifact
from tests.lab import Lab, forget_artifacts
from tests.servers import mlflow_server

WHY = "removed: beyond max_artifact_gib"


def files(run: Run) -> set[str]:
    return {file.path for file in MlflowClient().list_artifacts(run.run_id)}


def test_a_trial_says_how_large_its_weights_are(searched: Lab) -> None:
    sizes = trials()["weights_bytes"].astype(int)
    for run, size in zip(trials()["run_id"], sizes, strict=True):
        (stored,) = (f for f in MlflowClient().list_artifacts(run) if f.path == Artifact.WEIGHTS)
        assert size == stored.file_size > 30_000
    assert len(sizes) == len(searched.runs("trial")) == 2


def test_weights_go_and_the_rest_of_the_run_stays(searched: Lab) -> None:
    first, second = map(handle, searched.runs("trial"))
    before, predictions = searched.run(first.run_id), read_predictions(first.run_id)
    remove_weights(first, WHY)
    with pytest.raises(StoreError) as caught:
        load_trial(first.run_id)
    assert caught.value.line.startswith(
        f"run {first.run_id}: expected the artifact weights.safetensors; got none ({WHY})"
    )
    assert "\n" not in caught.value.line
    after = searched.run(first.run_id)
    changed = {Tag.WEIGHTS_BYTES: "0", Tag.WEIGHTS: WHY}
    assert after.data.tags == before.data.tags | changed
    assert (after.data.metrics, after.data.params) == (before.data.metrics, before.data.params)
    assert (after.info.status, after.info.end_time) == (before.info.status, before.info.end_time)
    assert files(first) == {Artifact.CONFIG, Artifact.PREDICTIONS}
    assert read_predictions(first.run_id).equals(predictions)
    # The other trial has kept its own, and a search goes on from both.
    assert Artifact.WEIGHTS in files(second) and load_trial(second.run_id).arch.d_model == 16
    frame = trials().set_index("run_id")
    assert frame.loc[first.run_id, ["weights", "weights_bytes"]].tolist() == [WHY, "0"]
    searched.hpo(n_trials=3)
    assert len(searched.runs("trial")) == 3


def test_weights_that_are_gone_already_are_removed_again(searched: Lab) -> None:
    run = handle(searched.runs("trial")[0])
    remove_weights(run, WHY)
    run.tag({Tag.WEIGHTS_BYTES: 34_567})  # killed between the file and the tags
    remove_weights(run, WHY)
    assert searched.run(run.run_id).data.tags[Tag.WEIGHTS_BYTES] == "0"


def test_a_store_that_does_not_delete_is_one_line(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = handle(searched.runs("trial")[0])

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.remove", refuse)
    with pytest.raises(StoreError, match=r"expected an artifact store that deletes weights"):
        remove_weights(run, WHY)
    assert Tag.WEIGHTS not in searched.run(run.run_id).data.tags
    assert load_trial(run.run_id).arch.d_model == 16


@pytest.mark.slow
def test_weights_go_behind_a_server_too(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / Artifact.WEIGHTS
    weights.write_bytes(b"x" * 1009)
    forget_artifacts()
    database = tmp_path / "mlflow.db"
    database.write_bytes((empty_store / "mlflow.db").read_bytes())
    with mlflow_server(f"sqlite:///{database}", tmp_path / "mlruns") as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the server")  # its files are its own
        run, other = (create_run(Kind.TRIAL, name) for name in ("a", "b"))
        for each in (run, other):
            log_weights(each, weights)
            each.json(Artifact.CONFIG.value, {"architecture": {}})
        assert MlflowClient().get_run(run.run_id).info.artifact_uri.startswith("mlflow-artifacts:")
        for _ in range(2):  # the second time there is nothing left to delete
            remove_weights(run, WHY)
            assert files(run) == {Artifact.CONFIG}
        with pytest.raises(StoreError, match=r"got none \(removed: beyond"):
            load_trial(run.run_id)
        assert files(other) == {Artifact.CONFIG, Artifact.WEIGHTS}
        sizes = trials().set_index("run_id")["weights_bytes"].astype(int)
        assert (sizes[run.run_id], sizes[other.run_id]) == (0, 1009)
