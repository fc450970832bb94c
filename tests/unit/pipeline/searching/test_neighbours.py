"""Other searches of a cell are told by the options in which they differ, also by newer options."""

from __future__ import annotations

import pandas as pd
import pytest

from finscale.config import HpoConfig, options
from finscale.pipeline.searching import neighbours


def test_an_option_that_an_old_search_did_not_have_was_at_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    had = {name: text for name, text in options(HpoConfig()).items() if name != "max_steps"}
    stored = pd.DataFrame([{**had, "run_id": "r1", "fingerprint": "old"}])
    monkeypatch.setattr(neighbours, "searches", lambda _cell: stored)
    short = HpoConfig(max_steps=7, seed=43)
    told = ["max_steps=0 instead of 7, seed=42 instead of 43 (run r1)"]
    assert neighbours.other_searches(short, "new") == told
