"""Provenance of a run: its user, source and git commit."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from mlflow.tracking.context.registry import resolve_tags

from finscale.tracking.names import Tag


@cache
def provenance() -> dict[str, str]:
    """Return tags of user, source, commit and uncommitted changes, as for MLflow's fluent runs."""
    tags: dict[str, str] = resolve_tags()
    try:
        changed = _git("status", "--porcelain")
        tags |= {Tag.COMMIT.value: _git("rev-parse", "HEAD"), Tag.DIRTY.value: str(bool(changed))}
    except (OSError, subprocess.SubprocessError):
        pass  # no git, or no repository: there is nothing to record
    return tags


def _git(*arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()
