"""Which tracking stores mean the same from every directory."""

from __future__ import annotations

import pytest

from finscale.config import ConfigError, check_tracking_uri


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///mlflow.db",
        "sqlite:///./mlflow.db",
        "sqlite:///a/b.db",
        "sqlite+pysqlite:///mlflow.db",
        "file:mlruns",
        "file://./mlruns",
        "./mlruns",
        "../mlruns",
        "mlruns",
        "mlflow.db",
        "~/mlruns",
    ],
)
def test_relative_stores_are_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI: expected an absolute") as caught:
        check_tracking_uri(uri)
    assert f"got '{uri}'" in caught.value.line


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "sqlite:////home/me/mlflow.db",
        "sqlite:///C:/me/mlflow.db",
        "sqlite:///:memory:",
        "file:///home/me/mlruns",
        "/home/me/mlruns",
        "http://localhost:5000",
        "https://tracking.example.org/mlflow",
        "postgresql://me:secret@host:5432/mlflow",
        "postgresql+psycopg2://host/mlflow",
        "mysql://host/mlflow",
        "databricks",
        "databricks://profile",
    ],
)
def test_absolute_stores_are_taken(uri: str | None) -> None:
    assert check_tracking_uri(uri) is None  # type: ignore[func-returns-value]
