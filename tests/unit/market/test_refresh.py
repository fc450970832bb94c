"""A universe whose end moves later: the tail is appended, or the restated whole fetched anew."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import ConfigError, DataError, Synthetic, Universe
from finscale.market import is_prepared, load_bars, prepare_raw, raw_name, read_manifest
from finscale.market.refresh import extend_by_tail

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LATER = datetime(2025, 7, 1, tzinfo=UTC)
ROWS = [f"2024-01-{day:02d},10,13,9,{close},7\n" for day, close in ((2, 10), (3, 11), (4, 12))]
HEADER = "Date,Open,High,Low,Close,Volume\n"


def bars(n_sessions: int, factor: float = 1.0) -> pd.DataFrame:
    """Bars that rise by one a day, from 100 on."""
    index = pd.bdate_range("2024-01-01", periods=n_sessions, name="date")
    close = pd.Series(range(100, 100 + n_sessions), index, dtype=float) * factor
    return pd.DataFrame(
        {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 5.0}
    )


class Source:
    """Gives the bars that were asked for, and remembers the dates."""

    def __init__(self, whole: pd.DataFrame) -> None:
        self.whole = whole
        self.asked: list[tuple[str, str]] = []

    def __call__(self, start: date, end: date) -> pd.DataFrame:
        self.asked.append((str(start), str(end)))
        return self.whole.loc[pd.Timestamp(start) : pd.Timestamp(end)]


START, END = date(2024, 1, 1), date(2024, 1, 31)


def test_only_the_tail_is_asked_for() -> None:
    source = Source(bars(23, factor=1 + 5e-7))
    extended, state = extend_by_tail(bars(17), START, END, source)
    # The 17th session is Tuesday the 23rd; seven sessions from the 15th on are compared.
    assert (state, source.asked) == ("extended", [("2024-01-15", "2024-01-31")])
    pd.testing.assert_frame_equal(extended.iloc[:17], bars(17), check_freq=False)
    assert extended["close"].to_list()[17:] == source.whole["close"].to_list()[17:]
    assert len(extended) == 23


def test_a_dividend_since_then_restates_the_whole() -> None:
    source = Source(bars(23, factor=1 - 2e-6))
    anew, state = extend_by_tail(bars(17), START, END, source)
    assert state == "restated"
    assert source.asked == [("2024-01-15", "2024-01-31"), ("2024-01-01", "2024-01-31")]
    pd.testing.assert_frame_equal(anew, source.whole)


@settings(max_examples=30, deadline=None)
@given(n_stored=st.integers(2, 23), n_whole=st.integers(0, 17))
def test_what_is_extended_is_what_would_have_been_fetched_at_once(
    n_stored: int, n_whole: int
) -> None:
    whole = bars(n_stored + n_whole)
    source = Source(whole)
    extended, state = extend_by_tail(whole.iloc[:n_stored], START, date(2024, 12, 31), source)
    pd.testing.assert_frame_equal(extended, whole, check_freq=False)
    assert state == "extended" and len(source.asked) == 1
    assert source.asked[0][0] == str(whole.index[max(n_stored - 7, 0)].date())


@pytest.mark.parametrize("lost", [11, 13, 16])
def test_a_session_that_is_gone_restates_the_whole(lost: int) -> None:
    source = Source(bars(23).drop(bars(23).index[lost]))
    anew, state = extend_by_tail(bars(17), START, END, source)
    assert (state, len(anew)) == ("restated", 22)


def test_a_session_that_came_to_light_restates_the_whole() -> None:
    stored = bars(17).drop(bars(17).index[14])
    anew, state = extend_by_tail(stored, START, END, Source(bars(23)))
    assert (state, len(anew)) == ("restated", 23)


def test_a_history_shorter_than_the_overlap_is_compared_whole() -> None:
    source = Source(bars(5))
    extended, state = extend_by_tail(bars(2), START, END, source)
    assert (state, len(extended), source.asked) == ("extended", 5, [("2024-01-01", "2024-01-31")])


def test_no_session_since_then_appends_nothing() -> None:
    extended, state = extend_by_tail(bars(17), START, END, Source(bars(17)))
    assert (state, len(extended)) == ("extended", 17)


# In the store, with a file of the user's own.


def universe(folder: Path, **changes: object) -> Universe:
    fields = {
        "name": "two",
        "source": "csv",
        "path": str(folder),
        "target": "AAA",
        "tickers": ("AAA", "BBB"),
        "start": date(2023, 12, 29),
        "train_end": date(2023, 12, 30),
        "validation_end": date(2024, 1, 2),
        "end": date(2024, 1, 3),
    }
    return Universe.model_validate(fields | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for ticker in ("AAA", "BBB"):
        (tmp_path / f"{ticker}.csv").write_text(HEADER + "".join(ROWS))
    return tmp_path


def test_a_later_end_extends_what_is_stored(folder: Path) -> None:
    root = folder / "data"
    prepare_raw(universe(folder), root, now=NOW)
    longer = universe(folder, end=date(2024, 1, 4))
    assert not is_prepared(longer, root)
    with pytest.raises(DataError, match=r"to 2024-01-04; got a file .* to 2024-01-03\. Run: "):
        load_bars(longer, root)
    (folder / "BBB.csv").write_text(HEADER + "".join(ROWS).replace(",11,", ",11.5,"))
    first, second = prepare_raw(longer, root, now=LATER)
    assert (first.state, second.state) == ("extended", "restated")
    assert first.fresh and second.fresh and (first.rows, str(first.last)) == (3, "2024-01-04")
    assert load_bars(longer, root)["close"].to_list() == [10.0, 11.0, 12.0]
    assert load_bars(longer, root, "BBB")["close"].to_list() == [10.0, 11.5, 12.0]
    entry = read_manifest(root)["raw/two/AAA.parquet"]
    assert (entry.end, entry.retrieved) == ("2024-01-04", "2025-07-01T00:00:00+00:00")
    assert [one.state for one in prepare_raw(longer, root, now=LATER)] == ["stored", "stored"]


def test_an_end_that_moved_back_is_refused_and_nothing_is_lost(folder: Path) -> None:
    root, longer = folder / "data", universe(folder, end=date(2024, 1, 4))
    prepare_raw(longer, root, now=NOW)
    with pytest.raises(DataError, match="Raw files are never changed: Delete"):
        prepare_raw(universe(folder), root, now=LATER)
    assert len(load_bars(longer, root)) == 3


def test_a_file_that_was_tampered_with_is_not_gone_on_with(folder: Path) -> None:
    root = folder / "data"
    prepare_raw(universe(folder), root, now=NOW)
    path = root / "raw/two/AAA.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataError, match=f"another file .* Delete {path}"):
        prepare_raw(universe(folder, end=date(2024, 1, 4)), root, now=LATER)


def test_a_source_that_fails_leaves_the_old_file(folder: Path) -> None:
    root = folder / "data"
    prepare_raw(universe(folder), root, now=NOW)
    (folder / "AAA.csv").unlink()
    with pytest.raises(DataError, match=r"AAA\.csv.*no such file"):
        prepare_raw(universe(folder, end=date(2024, 1, 4)), root, now=LATER)
    assert load_bars(universe(folder), root)["close"].to_list() == [10.0, 11.0]
    # The other ticker has gone on; its shorter universe is refused now.
    assert load_bars(universe(folder, end=date(2024, 1, 4)), root, "BBB").shape == (3, 5)


def test_each_question_is_told_before_it_is_asked(folder: Path) -> None:
    root, lines = folder / "data", list[str]()
    prepare_raw(universe(folder), root, now=NOW, tell=lines.append)
    prepare_raw(universe(folder), root, now=NOW, tell=lines.append)
    assert lines == [
        "AAA: asking csv for 2023-12-29 to 2024-01-03 (1 of 2)",
        "BBB: asking csv for 2023-12-29 to 2024-01-03 (2 of 2)",
    ]


def test_all_that_failed_are_named(folder: Path) -> None:
    for ticker in ("AAA", "BBB"):
        (folder / f"{ticker}.csv").unlink()
    three = universe(folder, tickers=("AAA", "BBB", "CCC"))
    (folder / "CCC.csv").write_text(HEADER + "".join(ROWS))
    with pytest.raises(DataError, match=r"universe two: .* every ticker; got 2 failures") as caught:
        prepare_raw(three, folder / "data", now=NOW)
    assert re.search(r"\(1\) \S+/AAA\.csv: .*\. \(2\) \S+/BBB\.csv: ", caught.value.line)
    assert "run the same line again" in caught.value.line and "\n" not in caught.value.line
    assert len(load_bars(three, folder / "data", "CCC")) == 2


# What is asked for only when wanted.


def test_the_vix_is_fetched_only_when_it_is_wanted(tmp_path: Path) -> None:
    small = Universe(
        name="small",
        source="bundled",
        target="^GSPC",
        tickers=("^GSPC",),
        vix="^VIX",
        start=date(2014, 1, 2),
        train_end=date(2014, 1, 3),
        validation_end=date(2014, 1, 6),
        end=date(2014, 1, 9),
    )
    lines: list[str] = []
    assert [bars.ticker for bars in prepare_raw(small, tmp_path, now=NOW, tell=lines.append)] == [
        "^GSPC"
    ]
    assert is_prepared(small, tmp_path) and not is_prepared(small, tmp_path, vix=True)
    with pytest.raises(DataError, match="no such file"):
        load_bars(small, tmp_path, "^VIX")
    stored = prepare_raw(small, tmp_path, now=NOW, vix=True, tell=lines.append)
    assert [(bars.ticker, bars.state) for bars in stored] == [
        ("^GSPC", "stored"),
        ("^VIX", "fetched"),
    ]
    assert lines[1] == "^VIX: asking bundled for 2014-01-02 to 2014-01-09 (2 of 2)"
    assert load_bars(small, tmp_path, "^VIX")["close"].iloc[:2].to_list() == [13.76, 13.55]
    assert is_prepared(small, tmp_path, vix=True)
    assert (tmp_path / "raw/small/VIX.parquet").exists()
    bare = small.model_copy(update={"vix": None})
    assert is_prepared(bare, tmp_path)
    with pytest.raises(ConfigError, match="a volatility index under vix; got none"):
        prepare_raw(bare, tmp_path, now=NOW, vix=True)
    with pytest.raises(ConfigError, match="ticker: expected one of"):
        load_bars(bare, tmp_path, "^VIX")


def test_a_drawn_market_has_the_vix_of_its_target(tmp_path: Path) -> None:
    drawn = Universe(
        name="drawn",
        source="synthetic",
        synthetic=Synthetic(alpha=0.0, beta=0.0, volatility=0.25),
        target="A",
        tickers=("A", "B"),
        vix="^VIX",
        start=date(2014, 1, 2),
        train_end=date(2014, 1, 3),
        validation_end=date(2014, 1, 6),
        end=date(2014, 1, 9),
    )
    prepare_raw(drawn, tmp_path, now=NOW, vix=True)
    assert load_bars(drawn, tmp_path, "^VIX")["close"].to_numpy() == pytest.approx(25.0)
    assert not load_bars(drawn, tmp_path, "A").equals(load_bars(drawn, tmp_path, "B"))
    longer = drawn.model_copy(update={"end": date(2014, 1, 10)})
    assert {one.state for one in prepare_raw(longer, tmp_path, now=NOW, vix=True)} == {"extended"}


@pytest.mark.parametrize("ticker", ["../x", "/etc/passwd", "NUL", "A" * 300])
def test_names_that_are_paths_are_refused_everywhere(folder: Path, ticker: str) -> None:
    for call in (
        lambda: load_bars(universe(folder), folder / "data", ticker),
        lambda: raw_name(universe(folder), ticker),
        # What was copied has not been checked.
        lambda: prepare_raw(
            universe(folder).model_copy(update={"tickers": (ticker,)}), folder / "data", now=NOW
        ),
    ):
        with pytest.raises(ConfigError, match="tickers of letters") as caught:
            call()
        assert "\n" not in caught.value.line and len(caught.value.line) < 300
