"""Other searches of a cell are told by the options in which they differ, also by newer options."""

from __future__ import annotations

import pandas as pd
import pytest

from finscale.config import HpoConfig, options
from finscale.pipeline.searching import neighbours


def remember(patch: pytest.MonkeyPatch, had: dict[str, str], without: tuple[str, ...] = ()) -> None:
    """Let the store hold one search with these options."""
    kept = {name: text for name, text in had.items() if name not in without}
    stored = pd.DataFrame([{**kept, "run_id": "r1", "fingerprint": "old"}])
    patch.setattr(neighbours, "searches", lambda _cell: stored)


def test_an_option_that_an_old_search_did_not_have_was_at_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remember(monkeypatch, options(HpoConfig()), without=("max_steps", "precision"))
    short = HpoConfig(max_steps=7, seed=43, device="cpu")
    told = ["max_steps=0 instead of 7, seed=42 instead of 43 (run r1)"]
    assert neighbours.other_searches(short, "new") == told


@pytest.mark.parametrize(
    ("had", "wanted", "told"),
    [
        # An old search has no tag: it was float32. Of `auto`, what it resolved to counts.
        ({"precision": "auto"}, "bfloat16", "precision=float32 instead of bfloat16"),
        ({"resolved_precision": "bfloat16"}, "auto", "precision=bfloat16 instead of float32"),
    ],
)
def test_the_precision_that_was_used_is_told(
    monkeypatch: pytest.MonkeyPatch, had: dict[str, str], wanted: str, told: str
) -> None:
    remember(monkeypatch, options(HpoConfig()) | had)
    config = HpoConfig.model_validate({"precision": wanted, "device": "cpu"})
    assert neighbours.other_searches(config, "new") == [f"{told} (run r1)"]
