"""`data` on a real store: prepared once, then up to date; a mistake leaves nothing half-written."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from finscale.config import DataConfig, DataError, Universe
from finscale.market.sources.bundled import bundled_bars
from finscale.pipeline.data import data
from finscale.tracking import Tag, handle
from tests.lab import TINY, Lab


def prepare(lab: Lab, root: Path, **changes: object) -> None:
    universe = TINY.model_copy(update=changes)
    data(DataConfig(universe=universe, data_root=root), listen=lab.listen)


def test_data_are_prepared_once_and_recorded(lab: Lab, tmp_path: Path) -> None:
    for _ in range(2):
        prepare(lab, tmp_path / "data")
    assert [line.splitlines()[0] for line in lab.lines] == [
        "^GSPC: asking bundled for 2010-01-04 to 2016-12-30 (1 of 1)",
        "tiny is prepared.",
        "tiny is up to date.",
    ]
    first, second = lab.runs("data")
    for run in (first, second):
        assert run.info.status == "FINISHED" and run.data.metrics["n_features"] == 25
        assert run.data.metrics["n_rows"] == 1762 and len(run.inputs.dataset_inputs) == 2
        assert "- **Again** (finds everything up to date)" in run.data.tags[Tag.NOTE]
    for tag in (Tag.DATA_SHA256, Tag.DATASET_SHA256):
        assert first.data.tags[tag] == second.data.tags[tag]
    assert files_of(first) == ["drift.json", "figures", "manifest.json", "quality.html"]
    assert files_of(second) == ["manifest.json"]
    assert f"Its page: [first run]({handle(first).link})" in second.data.tags[Tag.NOTE]


def files_of(run: StoredRun) -> list[str]:
    return [file.path for file in MlflowClient().list_artifacts(run.info.run_id)]


def is_drawn(run: StoredRun) -> bool:
    return "quality.html" in files_of(run) and "Its page" not in run.data.tags[Tag.NOTE]


def test_a_page_that_is_gone_is_drawn_anew(lab: Lab, tmp_path: Path) -> None:
    prepare(lab, tmp_path / "data")
    MlflowClient().delete_run(lab.runs("data")[0].info.run_id)
    prepare(lab, tmp_path / "data")
    (second,) = lab.runs("data")
    assert is_drawn(second)
    page = handle(second).artifact_path("quality.html")
    assert page
    page.unlink()
    prepare(lab, tmp_path / "data")
    assert is_drawn(lab.runs("data")[-1])


def test_a_run_that_failed_before_its_end_is_no_page_to_link_to(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.report.render_data_html", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(lab, tmp_path / "data")
    monkeypatch.undo()
    prepare(lab, tmp_path / "data")
    assert is_drawn(lab.runs("data")[-1])


def test_the_same_bars_in_other_parts_have_a_page_of_their_own(lab: Lab, tmp_path: Path) -> None:
    prepare(lab, tmp_path / "data")
    prepare(lab, tmp_path / "data", train_end=date(2013, 12, 31))
    prepare(lab, tmp_path / "data", name="namesake")
    assert [is_drawn(run) for run in lab.runs("data")] == [True, True, True]
    assert len({run.data.tags[Tag.DATASET_SHA256] for run in lab.runs("data")}) == 1


HEADER = "Date,Open,High,Low,Close,Volume\n"
ROWS = "2010-01-04,10,11,9,10,100\n2010-01-05,20,21,19,20,200\n2010-01-06,30,31,29,30,300\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a CSV file for each ticker; got no such file"),
        (HEADER.replace("Low", "Lowest") + ROWS, "got no low"),
        (HEADER + ROWS.replace(",20,200", ",,200"), "a number in close; got nothing in line 3"),
        (HEADER + ROWS.replace("01-05", "01-07"), "rows in order of date; got 2010-01-06"),
        (HEADER + ROWS.replace("01-05", "01-06"), "one row per date; got 2010-01-06 twice"),
        (HEADER + ROWS[:26], "at least 2 bars; got 1"),
        (HEADER + ROWS, "more than 199 daily bars, its warm-up; got 3, 2010-01-04 to 2010-01-06"),
        (
            HEADER + ROWS.replace("30,31,29,30", "3000,3100,2900,3000"),
            "write true_jumps: [2010-01-06] into the universe's file",
        ),
    ],
    ids=["no file", "no column", "no number", "unsorted", "twice", "one", "too few", "unit"],
)
def test_a_csv_that_is_no_market_is_one_line_and_nothing_is_written(
    lab: Lab, tmp_path: Path, text: str, said: str
) -> None:
    prices = tmp_path / "prices"
    prices.mkdir()
    if text:
        (prices / "^GSPC.csv").write_text(text)
    with pytest.raises(DataError) as mistake:
        prepare(lab, tmp_path / "data", source="csv", path=str(prices))
    assert said in mistake.value.line
    (run,) = lab.runs("data")
    assert run.info.status == "FAILED" and mistake.value.line in run.data.tags[Tag.NOTE]
    assert not (tmp_path / "data").exists()


def gspc(folder: Path, factor: float = 1.0, since: str = "2013-05-15") -> Universe:
    """Write the bundled index as a user's own file, on another level from a date on."""
    folder.mkdir(exist_ok=True)
    bars = bundled_bars("^GSPC")
    bars.loc[since:, ["open", "high", "low", "close"]] *= factor
    bars.rename_axis("Date").to_csv(folder / "^GSPC.csv")
    return TINY.model_copy(update={"source": "csv", "path": str(folder)})


def test_a_split_is_said_with_its_date_by_data_by_searches_and_on_the_page(
    lab: Lab, tmp_path: Path
) -> None:
    split = gspc(tmp_path / "prices", 0.25)
    data(DataConfig(universe=split, data_root=tmp_path / "data"), listen=lab.listen)
    lab.problem(universe=split, data_root=tmp_path / "data")  # what a search begins with
    said = [line for line in lab.lines if line.startswith("^GSPC looks wrong: close 1650.34 on")]
    assert len(said) == 2 and "2013-05-15: 1/3.98 of it, and it stays (a split" in said[0]
    page = handle(lab.runs("data")[0]).artifact_path("quality.html")
    assert page
    html = page.read_text()
    assert "then 414.695 on 2013-05-15" in html and "to be checked" in html
    true = split.model_copy(update={"true_jumps": (date(2013, 5, 15),)})
    lab.lines.clear()
    lab.problem(universe=true, data_root=tmp_path / "data")
    assert lab.lines == []


def test_a_file_that_was_too_short_is_lengthened_and_the_same_line_goes_on(
    lab: Lab, tmp_path: Path
) -> None:
    own = gspc(tmp_path / "prices")
    path = tmp_path / "prices/^GSPC.csv"
    whole = path.read_text()
    lines = whole.splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if line.startswith("2010-01-04"))
    path.write_text("".join(lines[: first + 50]))
    with pytest.raises(
        DataError, match=r"GSPC\.csv .* got 50, .*Give more sessions \(more rows in"
    ):
        lab.problem(universe=own, data_root=tmp_path / "data")
    assert not (tmp_path / "data").exists()
    for text in (whole, whole.replace("2016-12-30,", "2016-12-31,")):
        path.write_text(text)
        lab.lines.clear()
        lab.problem(universe=own, data_root=tmp_path / "data")
    assert lab.lines[0].endswith("or its files have changed: preparing it first.")
    assert "^GSPC: its file has changed since" in lab.lines[2] and "was read again" in lab.lines[2]


def test_bars_that_are_stored_and_called_true_no_more_are_not_trained_on(
    lab: Lab, tmp_path: Path
) -> None:
    own, day = gspc(tmp_path / "prices", 0.01), date(2013, 5, 15)
    true, root = own.model_copy(update={"true_jumps": (day,)}), tmp_path / "data"
    lab.problem(universe=true, data_root=root)
    said = (
        rf"\^GSPC of universe tiny: expected prices within 15 .* \(another unit\?\)\. .*\[{day}\]"
    )
    with pytest.raises(DataError, match=said):
        lab.problem(universe=own, data_root=root)
    lab.problem(universe=true, data_root=root)
