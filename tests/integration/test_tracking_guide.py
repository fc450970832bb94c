"""The guide's lines on reading the store do what it says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from finscale.evaluation import Comparison
from finscale.tracking import finals, trials
from tests.lab import CELL, PROBLEM, ROOT


def blocks(heading: str) -> list[str]:
    """Return the Python of a section of the guide, about the problem of these tests."""
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## )", guide, re.DOTALL | re.MULTILINE)
    python = re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    return [
        re.sub(r"sp500\.threshold_1pct\.[\w.-]+?(?=\"|\.2M)", PROBLEM, block).replace("2M", "9K")
        for block in python
    ]


@pytest.mark.usefixtures("trained")
def test_our_functions_and_mlflow_alone_find_the_same_trials() -> None:
    names: dict[str, Any] = {}
    ours, paged, framed = blocks("Reading the store")
    for block in (ours, paged, framed):
        exec(block, names)
    expected = trials(cell=CELL)
    assert len(expected) == 2
    assert [run.info.run_id for run in names["found"]] == list(expected["run_id"])
    assert set(names["frame"]["run_id"]) == set(expected["run_id"])
    assert list(names["losses"]) == list(finals(cell=CELL)["run_id"])


@pytest.mark.usefixtures("trained")
def test_two_runs_are_compared_on_the_same_days() -> None:
    names: dict[str, Any] = {}
    (block,) = blocks("Comparing forecasts")
    exec(block.replace("print(", "found = ("), names)
    found = names["found"]
    assert isinstance(found, Comparison)
    ours, other = names["ours"]["val_loss"].iloc[0], names["other"]["val_loss"].iloc[0]
    np.testing.assert_allclose(found.difference, ours - other)
