"""Where the tracking store is: MLflow's own default or the user's variable, never set in code."""

from __future__ import annotations

import re

from finscale.config.errors import ConfigError


def check_tracking_uri(uri: str | None) -> None:
    """Refuse a relative store: `mlflow run` and its child would open two different ones.

    Raises
    ------
    ConfigError
        If `uri` names a relative path.
    """
    if not uri:
        return
    scheme, separator, rest = uri.partition("://")
    if not separator:
        relative = not uri.startswith("/") and uri != "databricks"
    elif scheme.startswith("sqlite"):
        relative = not re.match(r"/(/|[A-Za-z]:|:memory:)", rest)
    else:
        relative = scheme == "file" and not rest.startswith("/")
    if relative:
        raise ConfigError(
            "MLFLOW_TRACKING_URI",
            expected="an absolute address such as sqlite:////home/me/mlflow.db or http://host:5000",
            got=repr(uri),
            todo="A relative path would mean another store inside the project: write it in full.",
        )
