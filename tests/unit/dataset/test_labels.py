"""Labels, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finscale.config import ConfigError, load_task
from finscale.dataset import make_labels

NAN = np.nan
HIGH = [100.0, 101.0, 100.5, 103.0, 100.99, 107.0, 99.0]
CLOSE = [100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 98.0]


def bars() -> pd.DataFrame:
    index = pd.bdate_range("2024-01-01", periods=7, name="date")
    table = pd.DataFrame({"high": HIGH, "close": CLOSE}, index=index)
    return table.assign(open=98.0, low=97.0, volume=1.0)


@pytest.mark.parametrize(
    ("task", "horizon", "expected"),
    [
        ("threshold_0p5pct", 1, [1, 1, 1, 1, 1, 0, NAN]),
        # 101.0 reaches 100 * 1.01; 100.99 does not.
        ("threshold_1pct", 1, [1, 0, 1, 0, 1, 0, NAN]),
        ("threshold_2pct", 1, [0, 0, 1, 0, 1, 0, NAN]),
        ("threshold_3pct", 1, [0, 0, 1, 0, 1, 0, NAN]),
        ("threshold_5pct", 1, [0, 0, 0, 0, 1, 0, NAN]),
        ("threshold_1pct", 3, [1, 1, 1, 1, NAN, NAN, NAN]),
        ("threshold_5pct", 3, [0, 0, 1, 1, NAN, NAN, NAN]),
        ("threshold_5pct", 6, [1, NAN, NAN, NAN, NAN, NAN, NAN]),
        ("threshold_5pct", 7, [NAN] * 7),
        ("threshold_5pct", 11, [NAN] * 7),
    ],
)
def test_label_is_whether_a_later_high_reaches_the_threshold(
    task: str, horizon: int, expected: list[float]
) -> None:
    labels = make_labels(bars(), task, horizon)
    np.testing.assert_array_equal(labels.to_numpy(), expected)
    assert labels.dtype == np.float64
    assert labels.index.equals(bars().index)


def test_the_highs_decide_and_not_the_closes() -> None:
    falling = bars().assign(close=np.linspace(100.0, 90.0, 7))
    assert make_labels(falling, "threshold_1pct", 1).iat[0] == 1.0


@pytest.mark.parametrize(
    ("horizon", "expected"),
    [
        (1, [0, 1, 0, 0, 1, 1, NAN]),
        (3, [1, 1, 0, 1, NAN, NAN, NAN]),
        (6, [1] + [NAN] * 6),
        (7, [NAN] * 7),
    ],
)
def test_a_threshold_may_be_for_closes(horizon: int, expected: list[float]) -> None:
    # 101 reaches 100 * 1.01 and 102.1 does not reach 101.5 * 1.01.
    closes = bars().assign(close=[100.0, 100.5, 102.0, 101.0, 100.0, 101.0, 103.0])
    labels = make_labels(closes, "threshold_1pct", horizon, "close")
    np.testing.assert_array_equal(labels.to_numpy(), expected)


@pytest.mark.parametrize(
    ("horizon", "expected"),
    [(1, [1, 0, 0, 1, 0, 1, NAN]), (3, [0, 1, 0, 1, NAN, NAN, NAN]), (7, [NAN] * 7)],
)
def test_direction_is_whether_the_last_close_is_above(horizon: int, expected: list[float]) -> None:
    # An equal close is not above.
    closes = bars().assign(close=[100.0, 101.0, 101.0, 99.0, 102.0, 101.0, 103.0])
    labels = make_labels(closes, "direction", horizon)
    np.testing.assert_array_equal(labels.to_numpy(), expected)
    assert make_labels(closes, "direction", horizon, "close").equals(labels)


def test_regression_is_the_log_return_over_the_horizon() -> None:
    closes = bars().assign(close=[100.0, 110.0, 99.0, 120.0, 100.0, 100.0, 50.0])
    labels = make_labels(closes, "regression", 2)
    expected = np.log([0.99, 120 / 110, 100 / 99, 100 / 120, 0.5])
    np.testing.assert_allclose(labels.to_numpy()[:5], expected, rtol=1e-14)
    assert labels.isna().tolist() == [False] * 5 + [True] * 2
    assert make_labels(closes, "regression", 2, "close").equals(labels)


def test_a_label_price_is_high_or_close() -> None:
    with pytest.raises(AssertionError):
        make_labels(bars(), "threshold_1pct", 1, "low")  # type: ignore[arg-type]


def test_a_loaded_task_serves_like_its_name() -> None:
    by_name = make_labels(bars(), "threshold_1pct", 1)
    assert make_labels(bars(), load_task("threshold_1pct"), 1).equals(by_name)


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"task: expected one of .* Did you mean threshold_1pct"):
        make_labels(bars(), "threshold_1pc", 1)


def test_a_horizon_below_one_is_a_programmers_mistake() -> None:
    with pytest.raises(AssertionError):
        make_labels(bars(), "threshold_1pct", 0)


# A control: the same labels, in another order.


def long_bars(n: int = 613) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    close = 100.0 * np.exp(np.cumsum(0.01 * rng.normal(size=n)))
    index = pd.bdate_range("2020-01-01", periods=n, name="date")
    return pd.DataFrame({"high": close * 1.006, "close": close}, index=index)


def test_a_control_keeps_blocks_whole_and_moves_them() -> None:
    plain = make_labels(long_bars(), "threshold_1pct", 2).to_numpy()
    moved = make_labels(long_bars(), "control_null", 2).to_numpy()
    assert np.isnan(moved[-2:]).all() and np.isfinite(moved[:-2]).all()
    blocks = [tuple(plain[k : k + 21]) for k in range(0, 29 * 21, 21)]
    again = [tuple(moved[k : k + 21]) for k in range(0, 29 * 21, 21)]
    assert sorted(blocks) == sorted(again) and blocks != again
    np.testing.assert_array_equal(moved[29 * 21 : 611], plain[29 * 21 : 611])


def test_a_control_is_the_same_every_time_and_says_nothing_of_its_day() -> None:
    first, second = (make_labels(long_bars(), "control_null", 1) for _ in range(2))
    pd.testing.assert_series_equal(first, second)
    plain = make_labels(long_bars(), "threshold_1pct", 1)
    assert abs(np.corrcoef(plain[:-1], first[:-1])[0, 1]) < 0.15


def test_a_control_shuffles_nothing_where_there_is_less_than_a_block() -> None:
    short = long_bars(13)
    pd.testing.assert_series_equal(
        make_labels(short, "control_null", 1), make_labels(short, "threshold_1pct", 1)
    )
