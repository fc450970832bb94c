"""The drift report: what moved between training and validation, by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from finscale.dataset import drift_report
from finscale.dataset.drift import stability_index

TRAIN_END, VALIDATION_END = date(2015, 6, 30), date(2016, 6, 30)


def table(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    index = pd.bdate_range("2012-01-02", "2017-06-30", name="date")
    later = index > pd.Timestamp(TRAIN_END)
    noise = rng.normal(size=(len(index), 4))
    columns = {
        "same": noise[:, 0],
        "moved": noise[:, 1] + 2.0 * later,
        "wider": noise[:, 2] * np.where(later, 3.0, 1.0),
        "constant": 1.0,
        "spiky": np.where(later & (noise[:, 3] > 1), 1000.0, noise[:, 3]),
    }
    frame = pd.DataFrame(columns, index=index)
    frame.iloc[:37] = np.nan
    return frame


def test_each_kind_of_drift_is_seen() -> None:
    report = drift_report(table(), TRAIN_END, VALIDATION_END)
    assert set(report.index[:2]) == {"moved", "wider"}
    assert report.at["moved", "median_shift"] == pytest.approx(2.0, abs=0.2)
    assert report.at["moved", "spread_ratio"] == pytest.approx(1.0, abs=0.15)
    assert report.at["wider", "spread_ratio"] == pytest.approx(3.0, rel=0.15)
    assert report["has_shifted"].to_dict() == {
        "moved": True, "wider": True, "same": False, "spiky": False, "constant": False,
    }  # fmt: skip
    assert report.at["same", "ks"] < 0.1 and report.at["moved", "ks"] > 0.6
    assert report.at["spiky", "clipped"] == pytest.approx(0.16, abs=0.04)
    assert report.at["same", "clipped"] == 0.0 and np.isnan(report.at["constant", "spread_ratio"])


def test_the_test_part_is_not_looked_at() -> None:
    frame = table()
    altered = frame.copy()
    altered.loc[pd.Timestamp("2016-07-01") :] = 99.0
    before, after = (drift_report(each, TRAIN_END, VALIDATION_END) for each in (frame, altered))
    pd.testing.assert_frame_equal(before, after)


def test_the_stability_index_by_hand() -> None:
    old = np.arange(20.0)  # two in each of ten bins
    new = np.r_[np.repeat(0.5, 10), np.repeat(18.5, 10)]  # ten in the first, ten in the last
    p = 2.5 / 25
    q = np.array([10.5, *[0.5] * 8, 10.5]) / 25
    expected = float(np.sum((q - p) * np.log(q / p)))
    assert stability_index(old, new) == pytest.approx(expected, rel=1e-12)
    assert stability_index(old, old) == 0.0


def test_without_a_part_there_is_nothing_to_compare() -> None:
    assert drift_report(table(), date(2011, 1, 3), VALIDATION_END).empty
