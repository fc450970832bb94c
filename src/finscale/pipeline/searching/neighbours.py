"""Other searches of a cell, and the options in which they differ from this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from finscale.config import SearchConfig, options
from finscale.pipeline.problem import rows
from finscale.tracking import searches

NO_CHOICES = (
    *("n_trials", "device", "data_root", "floors", "workers", "timeout", "terminator"),
    *("artifacts", "max_artifact_gib", "storage", "dry_run"),
)
"""Options that do not change the identity of a search."""
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
    wanted = {name: text for name, text in options(config).items() if name not in NO_CHOICES}
    return [
        f"{name}={row[name]} instead of {text}"
        for name, text in wanted.items()
        if name in row and not pd.isna(row[name]) and str(row[name]).lower() != text.lower()
    ]
