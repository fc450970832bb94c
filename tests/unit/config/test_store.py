"""Which tracking stores mean the same from every directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from finscale.config import (
    ConfigError,
    check_tracking_uri,
    store_patience_s,
    without_passwords,
)


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


@pytest.mark.parametrize(
    ("uri", "expected", "todo"),
    [
        ("postgres://me:s3cret@host/db", "one of sqlite", "Write postgresql:// in front."),
        ("Postgres://me:s3c@ret@host/db", "one of sqlite", "Write postgresql:// in front."),
        ("HTTP://host:5000", "one of sqlite", "Write http:// in front."),
        ("redis://host", "one of sqlite, postgresql", "Correct it, or unset the variable."),
        ("s3://bucket/mlflow.db", "one of sqlite", "Correct it"),
        ("/home/me/mlruns", "a database or a server", "Give sqlite:////home/me/mlruns/mlflow.db"),
        ("file:///home/me/mlruns", "a database or a server", "mlflow migrate-filestore"),
        ("sqlite:///:memory:", "a store that lasts", "Name a file"),
        ("http://:5000", "the name of a host", "Write http://host:5000."),
        ("https://", "the name of a host", "Write http://host:5000."),
    ],
)
def test_what_mlflow_cannot_open_is_refused(uri: str, expected: str, todo: str) -> None:
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI: expected") as caught:
        check_tracking_uri(uri)
    line = caught.value.line
    assert expected in line and todo in line and "s3c" not in line


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="That is a folder") as caught:
        check_tracking_uri(f"sqlite:///{tmp_path}")
    assert f"sqlite:///{tmp_path}/mlflow.db" in caught.value.line


def test_folders_are_taken_by_who_has_told_mlflow_so() -> None:
    assert check_tracking_uri("/home/me/mlruns", allow_folders=True) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("https://me:se@cr:et@host", "https://me:***@host"),
        (
            "no answer from mysql://a:b@h/x?password=c&x=1",
            "no answer from mysql://a:***@h/x?password=***&x=1",
        ),
        ("sqlite:////home/me/mlflow.db", "sqlite:////home/me/mlflow.db"),
        ("http://host:5000/x?token=abc", "http://host:5000/x?token=***"),
    ],
)
def test_passwords_are_not_shown(text: str, shown: str) -> None:
    assert without_passwords(text) == shown


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "1e9", "5 min"])
def test_a_patience_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="FINSCALE_STORE_WAIT_S: expected seconds"):
        store_patience_s({"FINSCALE_STORE_WAIT_S": text})


def test_patience_is_minutes_unless_it_is_given() -> None:
    assert store_patience_s({}) == 300.0
    assert store_patience_s({"FINSCALE_STORE_WAIT_S": "2.5"}) == 2.5
