"""Files as people have them: read with the very bars, or refused with what is wrong and where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finscale.config import DataError
from tests import layouts
from tests.layouts import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=[f"{case.suffix} {case.name}" for case in CASES])
def test_a_file_is_read_or_refused_with_what_is_wrong(case: Case, tmp_path: Path) -> None:
    if case.says:
        with pytest.raises(DataError) as caught:
            layouts.read(case, tmp_path)
        assert case.says in caught.value.line
        assert caught.value.line.startswith(f"{tmp_path / 'ABC'}{case.suffix}: expected ")
        assert "\n" not in caught.value.line and len(caught.value.line) < 500
        return
    bars = layouts.read(case, tmp_path)
    planted = layouts.market()
    assert bars.index.to_list() == planted.index.to_list()
    without = "no Volume" in case.name
    volume = np.zeros(len(planted)) if without else planted["Volume"].to_numpy()
    np.testing.assert_array_equal(bars["volume"].to_numpy(), volume)
    for name in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(bars[name].to_numpy(), planted[name.title()].to_numpy())


def test_there_are_fifty_and_the_page_is_of_today() -> None:
    assert len(CASES) >= 50 and len({(case.suffix, case.name) for case in CASES}) == len(CASES)
    assert layouts.PAGE.read_text(encoding="utf-8") == layouts.page(), "python -m tests.layouts"


def test_polars_itself_writes_what_is_read(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    put = lambda path, frame: polars.from_pandas(frame.reset_index()).write_parquet(path)  # noqa: E731
    case = Case("polars", put, ".parquet")
    pd.testing.assert_index_equal(
        layouts.read(case, tmp_path).index, layouts.market().index, exact=False, check_names=False
    )
