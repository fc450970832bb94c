"""A study that is analyzed is found in the precision in which it was trained, on any machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from finscale.config import AnalyzeConfig, TrainConfig, load_study
from finscale.pipeline.cells import Prospect, State, look_back, prospects
from finscale.pipeline.cells.finished import Finished


@pytest.mark.parametrize(
    ("n_float32", "n_bfloat16", "found"),
    [
        (4, 4, "float32"),
        (4, 0, "float32"),
        (0, 4, "bfloat16"),
        (1, 2, "bfloat16"),
        (0, 0, "float32"),
    ],
)
def test_the_precision_with_more_finished_cells_is_taken(
    monkeypatch: pytest.MonkeyPatch, n_float32: int, n_bfloat16: int, found: str
) -> None:
    n_finished = {"float32": n_float32, "bfloat16": n_bfloat16}

    def look(cells: Sequence[TrainConfig], _listen: Callable[..., Any]) -> list[Prospect]:
        return [
            Prospect(cell, State.DONE, finished=cast(Finished, object()))
            if number < n_finished[cell.precision]
            else Prospect(cell, State.TO_DO)
            for number, cell in enumerate(cells)
        ]

    monkeypatch.setattr(prospects, "look_ahead", look)
    demo = load_study("demo")
    seen = look_back(demo, AnalyzeConfig(study="demo"), print)
    assert {each.cell.precision for each in seen} == {found} and len(seen) == 4
    asked = AnalyzeConfig(study="demo", precision="bfloat16")
    assert {each.cell.precision for each in look_back(demo, asked, print)} == {"bfloat16"}
