"""Many runs as one tidy frame: straight from MLflow's tables where the store is a database.

MLflow's own search builds an object for every param, metric and tag of every run, and takes most
of its time for it. Here a database answers three plain questions, and everything else (a server,
say) is asked through MLflow's client; both give the same frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import LifecycleStage
from mlflow.entities import Run as StoredRun
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.store.tracking.dbmodels.models import (
    SqlExperiment,
    SqlLatestMetric,
    SqlParam,
    SqlRun,
    SqlTag,
)
from sqlalchemy import Connection, Select, and_, create_engine, select

from finscale.tracking.client import unbroken
from finscale.tracking.names import Tag
from finscale.tracking.runs import search, where

Row = dict[str, Any]

_TAGS = {tag.value: tag.name.lower() for tag in Tag}
_BOOLEANS = {"True": True, "False": False}


def read_runs(**tags: str | None) -> pd.DataFrame:
    """Return the runs with these tags, by their names in `Tag`; None leaves a tag out.

    Returns
    -------
    DataFrame
        One row a run, the oldest first: its ids, params (typed), latest metrics, and our tags by
        short names.
    """
    wanted = {Tag[name].value: value for name, value in tags.items() if value is not None}
    uri = mlflow.get_tracking_uri()
    if uri.split(":")[0].split("+")[0] in DATABASE_ENGINES:
        with unbroken():
            return _frame(_read_tables(uri, wanted))
    return runs_frame(search(where(**tags), order_by=["attributes.start_time ASC"]))


def runs_frame(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Return one row a run, of runs that a search has found."""
    return _frame(
        {
            **_head(
                run.info.run_id,
                run.info.experiment_id,
                run.info.run_name,
                run.info.status,
                run.info.start_time,
            ),
            **{_TAGS[key]: value for key, value in run.data.tags.items() if key in _TAGS},
            **{key: typed(value) for key, value in run.data.params.items()},
            **run.data.metrics,
        }
        for run in runs
    )


@cache
def typed(text: str) -> Any:
    """Give a param back its type: MLflow stores text.

    >>> typed("128"), typed("0.1"), typed("True"), typed("2M")
    (128, 0.1, True, '2M')
    """
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _read_tables(uri: str, tags: Mapping[str, str]) -> Iterable[Row]:
    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            return _rows(connection, tags)
    finally:
        engine.dispose()


def _rows(connection: Connection, tags: Mapping[str, str]) -> Iterable[Row]:
    """Ask for the runs, then for all their tags, params and metrics, in this order."""
    chosen = _chosen(tags)
    columns = (SqlRun.run_uuid, SqlRun.experiment_id, SqlRun.name, SqlRun.status, SqlRun.start_time)
    found: Iterable[Any] = connection.execute(
        select(*columns).where(SqlRun.run_uuid.in_(chosen)).order_by(SqlRun.start_time)
    )
    rows: dict[str, Row] = {
        run_id: _head(run_id, str(experiment_id), name, status, start)
        for run_id, experiment_id, name, status, start in found
    }
    ours = and_(SqlTag.run_uuid.in_(chosen), SqlTag.key.in_(_TAGS))
    for run_id, key, value in connection.execute(
        select(SqlTag.run_uuid, SqlTag.key, SqlTag.value).where(ours)
    ):
        rows[run_id][_TAGS[key]] = value
    for run_id, key, value in connection.execute(
        select(SqlParam.run_uuid, SqlParam.key, SqlParam.value).where(SqlParam.run_uuid.in_(chosen))
    ):
        rows[run_id][key] = typed(value)
    latest = SqlLatestMetric
    for run_id, key, value, is_nan in connection.execute(
        select(latest.run_uuid, latest.key, latest.value, latest.is_nan).where(
            latest.run_uuid.in_(chosen)
        )
    ):
        rows[run_id][key] = math.nan if is_nan else value
    return rows.values()


def _chosen(tags: Mapping[str, str]) -> Select[tuple[str]]:
    """Select the ids of living runs of living experiments that carry every tag."""
    alive = LifecycleStage.ACTIVE
    query: Select[tuple[str]] = (
        select(SqlRun.run_uuid)
        .join(SqlExperiment, SqlExperiment.experiment_id == SqlRun.experiment_id)
        .where(SqlRun.lifecycle_stage == alive, SqlExperiment.lifecycle_stage == alive)
    )
    for key, value in tags.items():
        is_mine = and_(SqlTag.key == key, SqlTag.value == value)
        query = query.where(SqlRun.run_uuid.in_(select(SqlTag.run_uuid).where(is_mine)))
    return query


def _head(run_id: str, experiment_id: str, name: str, status: str, start: int) -> Row:
    return {
        "run_id": run_id,
        "experiment_id": experiment_id,
        "name": name,
        "run_status": status,
        "start_time": start,
    }


def _frame(rows: Iterable[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows))
    if frame.empty:
        return frame
    return frame.assign(start_time=pd.to_datetime(frame["start_time"], unit="ms"))
