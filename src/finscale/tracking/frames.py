"""Reading of many runs as one tidy frame, directly from MLflow's tables if the store is a database.

MLflow's own search builds an object for every param, metric and tag of every run, which takes most
of its time. Here, a database answers a few plain queries. Other stores, such as servers, are read
through MLflow's client. Both ways give the same frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import LifecycleStage
from mlflow.entities import Run as StoredRun
from mlflow.store.tracking.dbmodels.models import (
    SqlExperiment,
    SqlLatestMetric,
    SqlParam,
    SqlRun,
    SqlTag,
)
from sqlalchemy import Connection, Select, and_, select

from finscale.tracking.names import IN_STUDY, Tag, study_tag
from finscale.tracking.runs import in_study, search, where
from finscale.tracking.store import ask, check_store_once, is_database, open_engine

Row = dict[str, Any]
Columns = dict[str, list[Any]]

HEAD = ("run_id", "experiment_id", "name", "run_status", "start_time")
NAMES = (
    *("universe", "ticker", "task", "task_kind", "timescale", "feature_tier", "label_price"),
    *("split", "samples_per_chunk", "budget", "baseline", "study", "space", "floors", "health"),
    *("sampler", "pruner", "objectives", "device", "artifacts", "storage", "data_root"),
    *("precision", "compile"),
)
"""Params that are text even if they look like numbers: a ticker 000001, a universe `nan`."""
COORDINATES = (
    *("universe", "ticker", "task", "task_kind", "horizon", "timescale", "feature_tier", "vix"),
    *("label_price", "split", "context_length", "patch_length", "patch_stride", "n_features"),
    *("budget", "seed"),
)
"""Coordinates of a result: params of every trial, final and baseline."""
_AT_ONCE = 10_000

_TAGS = {tag.value: tag.name.lower() for tag in Tag}
_BOOLEANS = {"True": True, "False": False}


def read_runs(study: str | None = None, **tags: str | None) -> pd.DataFrame:
    """Return the runs with these tags, given by their names in `Tag`; None leaves a tag out.

    Parameters
    ----------
    study : str, optional
        Name of a study that the runs belong to, even if another study created them.

    Returns
    -------
    DataFrame
        One row per run, the oldest first, with its ids, typed params, latest metrics, and this
        project's tags under short names.

    Raises
    ------
    StoreError
        If the store does not answer.
    """
    wanted = {Tag[name].value: value for name, value in tags.items() if value is not None}
    wanted |= {} if study is None else {study_tag(study): IN_STUDY}
    uri = mlflow.get_tracking_uri()
    if is_database(uri):
        check_store_once()
        return _frame(ask(lambda: _connected(uri, wanted)))
    filters = [where(**tags), *([in_study(study)] if study is not None else [])]
    return runs_frame(search(" AND ".join(filters), order_by=["attributes.start_time ASC"]))


def runs_frame(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Return a frame of runs that a search has found, one row per run."""
    return _frame(
        {
            **dict(zip(HEAD, _head(run), strict=True)),
            **{_TAGS[key]: value for key, value in run.data.tags.items() if key in _TAGS},
            **{key: typed(key, value) for key, value in run.data.params.items()},
            **run.data.metrics,
        }
        for run in runs
    )


def typed(name: str, text: str) -> Any:
    """Restore the type of a param, which MLflow stores as text.

    >>> typed("d_model", "128"), typed("dropout", "0.1"), typed("revin", "True")
    (128, 0.1, True)
    >>> typed("ticker", "000001")
    '000001'
    """
    return text if name in NAMES else number_in(text)


@cache
def number_in(text: str) -> Any:
    """Return the number or boolean that a text represents, or else the text itself."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _head(run: StoredRun) -> tuple[Any, ...]:
    info = run.info
    return info.run_id, info.experiment_id, info.run_name, info.status, info.start_time


def _connected(uri: str, tags: Mapping[str, str]) -> Columns:
    engine = open_engine(uri)
    try:
        with engine.connect() as connection:
            return _columns(connection.execution_options(yield_per=_AT_ONCE), tags)
    finally:
        engine.dispose()


def _columns(connection: Connection, tags: Mapping[str, str]) -> Columns:
    """Query the runs, then all their tags, params and metrics, in this order.

    Values are put directly into columns. A dictionary per run would take several times the memory.
    """
    chosen = _chosen(tags)
    columns = _heads(connection, chosen)
    position = {run_id: at for at, run_id in enumerate(columns["run_id"])}
    for run_id, name, value in _values(connection, chosen):
        at = position.get(run_id)
        if at is None:
            continue  # created after the query of the runs
        if name not in columns:
            columns[name] = [math.nan] * len(position)
        columns[name][at] = value
    return columns


def _heads(connection: Connection, chosen: Select[tuple[str]]) -> Columns:
    asked = (SqlRun.run_uuid, SqlRun.experiment_id, SqlRun.name, SqlRun.status, SqlRun.start_time)
    query: Any = select(*asked).where(SqlRun.run_uuid.in_(chosen))
    # Ordered as in MLflow's own search: among equal start times, the smaller id comes first.
    found = connection.execute(query.order_by(SqlRun.start_time, SqlRun.run_uuid))
    rows = [(run_id, str(where_), *others) for run_id, where_, *others in found]
    return {name: [row[k] for row in rows] for k, name in enumerate(HEAD)}


def _values(connection: Connection, chosen: Select[tuple[str]]) -> Iterator[tuple[str, str, Any]]:
    """Yield (run id, name, value) of every tag, param and latest metric."""
    tag, param, metric = SqlTag, SqlParam, SqlLatestMetric
    tags: Any = select(tag.run_uuid, tag.key, tag.value).where(tag.run_uuid.in_(chosen))
    for run_id, key, value in connection.execute(tags.where(tag.key.in_(_TAGS))):
        yield run_id, _TAGS[key], value
    params = select(param.run_uuid, param.key, param.value).where(param.run_uuid.in_(chosen))
    for run_id, key, value in connection.execute(params):
        yield run_id, key, typed(key, value)
    parts = (metric.run_uuid, metric.key, metric.value, metric.is_nan)
    for run_id, key, value, is_nan in connection.execute(
        select(*parts).where(metric.run_uuid.in_(chosen))
    ):
        yield run_id, key, math.nan if is_nan else value


def _chosen(tags: Mapping[str, str]) -> Select[tuple[str]]:
    """Select the ids of the active runs in active experiments that have all these tags."""
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


def _frame(content: Iterable[Row] | Columns) -> pd.DataFrame:
    """Return a frame from rows or columns: common columns first, the others sorted by name."""
    frame = pd.DataFrame(content if isinstance(content, dict) else list(content))
    if frame.empty:
        return pd.DataFrame()
    others = sorted(str(name) for name in frame if name not in HEAD)
    times = pd.to_datetime(frame["start_time"], unit="ms")
    return frame[[*HEAD, *others]].assign(start_time=times)
