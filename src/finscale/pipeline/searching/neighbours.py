"""Other searches of a cell, and the options in which they differ from this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from finscale.config import HpoConfig, SearchConfig, options
from finscale.pipeline.problem import precision_of, rows
from finscale.tracking import Tag, searches

NO_CHOICES = (
    *(
        "n_trials",
        "device",
        "precision",
        "compile",
        "nproc",
        "data_root",
        "floors",
        "health",
        "workers",
        "timeout",
        "terminator",
    ),
    *("artifacts", "max_artifact_gib", "storage", "dry_run"),
)
"""Options that do not change the identity of a search; of a precision, what it resolves to does."""
_ELSEWHERE = "the same options on other data, or with other contents of a file they name"


def other_searches(config: SearchConfig, identity: str) -> list[str]:
    """Describe other searches of this cell by their differing options, the most similar first."""
    stored = searches(config.cell_name)
    if stored.empty:
        return []
    others = stored[stored["fingerprint"] != identity]
    differences = [(row["run_id"], _differences(config, row)) for row in rows(others)]
    nearest = sorted(differences, key=lambda each: len(each[1]))
    return [f"{', '.join(differing) or _ELSEWHERE} (run {run_id})" for run_id, differing in nearest]


def _differences(config: SearchConfig, row: Mapping[str, Any]) -> list[str]:
    of_searches = HpoConfig.model_fields.keys() - {*NO_CHOICES}  # `train` has others beside them
    wanted = {name: text for name, text in options(config).items() if name in of_searches}
    had = {name: _had(row, name) for name in wanted}
    resolved = row.get(Tag.RESOLVED_PRECISION.name.lower())
    had["precision"] = "float32" if pd.isna(resolved) else str(resolved)
    wanted["precision"] = precision_of(config)
    return [
        f"{name}={had[name]} instead of {text}"
        for name, text in wanted.items()
        if had[name].lower() != text.lower()
    ]


def _had(row: Mapping[str, Any], name: str) -> str:
    """Return an option of a stored search: its default if the search is older than the option."""
    is_there = name in row and not pd.isna(row[name])
    return str(row[name] if is_there else HpoConfig.model_fields[name].default)
