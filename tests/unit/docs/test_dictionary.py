"""The data dictionary is what code and bundled data give, and every column is in it once."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from docs.generate.dictionary import dictionary_text
from finscale.config import TIMESCALES, universe_names
from finscale.dataset import MACRO, MULTI, TERM_SPREAD, TIERS, VIX, Feature
from tests.lab import ROOT

PAGE = (ROOT / "docs/data_dictionary.md").read_text(encoding="utf-8")
STALE = "docs/data_dictionary.md is stale: run `make dictionary` and commit what it writes"
MACRO_FEATURES = [feature for features in MACRO.values() for feature in features]


def rows(title: str) -> dict[str, dict[str, str]]:
    """Return the rows of a chapter's last table by their first value, without its quotes."""
    (chapter,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    lines = [line for line in chapter.rpartition("\n\n|")[2].splitlines() if line]
    header, _, *body = (
        re.split(r"(?<!\\)\|", line.removeprefix("| ").removesuffix(" |")) for line in lines
    )
    names = [name.strip() for name in header]
    tables = [dict(zip(names, (value.strip() for value in row), strict=True)) for row in body]
    return {row[names[0]].strip("`"): row for row in tables}


def test_the_page_is_what_the_code_gives() -> None:
    is_same = dictionary_text() == PAGE  # a difference of so long texts takes minutes to show
    assert is_same, STALE


def test_the_library_knows_nothing_of_the_generators() -> None:
    sources = [path for path in (ROOT / "src").rglob("*.py") if "docs.generate" in path.read_text()]
    assert sources == [] and (ROOT / "docs/generate/dictionary.py").exists()


def test_a_changed_formula_makes_the_page_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = VIX
    changed_vix = (replace(first, formula="another"), *others)
    monkeypatch.setattr("docs.generate.dictionary.VIX", changed_vix)
    before, after = PAGE.splitlines(), dictionary_text().splitlines()
    changed = [line for line in after if line not in before]
    assert len(after) == len(before) and len(changed) == 1
    assert changed[0].startswith("| `vix_close` | another | VIX close |")


def test_every_column_is_in_the_page_once() -> None:
    features = (*TIERS["a500"], *MULTI, *VIX, *MACRO_FEATURES)
    found = Counter(re.findall(r"^\| `([a-z0-9_]+)` \|", PAGE, re.M))
    assert found == Counter([*(feature.name for feature in features), TERM_SPREAD])
    assert set(found.values()) == {1} and len(found) == 505 + 14 + 8 + 11
    smaller = {feature.name for tier in TIERS.values() for feature in tier}
    assert smaller <= set(found)


@pytest.mark.parametrize("name", ["close", "rsi_daily", "coarse_roc_1", "year_sin", "candle_doji"])
def test_a_row_says_what_its_feature_says(name: str) -> None:
    (feature,) = [each for each in TIERS["a500"] if each.name == name]
    check_row(feature, rows(f"Columns: {feature.group}")[name])


def check_row(feature: Feature, row: dict[str, str]) -> None:
    tiers = [tier for tier, features in TIERS.items() if feature in features]
    assert row["tier"] == tiers[0]
    # A formula that begins so is a mean of one bar: of nothing but itself.
    formula = feature.formula.replace("|", "\\|").removeprefix("mean of 1 of ")
    assert row["formula"] == formula
    assert row["source"] == ", ".join(feature.inputs)
    assert (row["unit"], row["warm-up"]) == (feature.unit, str(feature.warmup))
    assert row["count"] == f"{5031 - feature.warmup:,}" or feature.group == "cross-timescale"


def test_the_tiers_grow_by_what_their_names_say() -> None:
    sizes = {name: (row["columns"], row["indicators"]) for name, row in rows("Tiers").items()}
    assert sizes == {
        f"a{n}": (str(n + 5), str(n)) for n in (20, 50, 100, 200, 250, 500)
    }  # fmt: skip


def test_universes_and_timescales_are_all_there() -> None:
    assert list(rows("Universes")) == universe_names()
    scales = rows("Timescales")
    assert tuple(scales) == TIMESCALES
    # 4 January 1999 to 31 December 2018: 5,031 sessions, 240 months.
    assert (scales["daily"]["bars of sp500"], scales["monthly"]["bars of sp500"]) == (
        "5,031",
        "240",
    )
    assert scales["2d"]["bars of sp500"] == "2,515"


def test_macro_columns_are_changes_in_units_of_their_own() -> None:
    macro = rows("Columns: macro")
    assert macro["dgs10_change_21"]["unit"] == macro["term_spread"]["unit"] == "percentage points"
    assert macro["cpiaucsl_log_change_12"]["unit"] == "percent"
    assert macro["unrate_change_3"]["source"] == "UNRATE"
    assert {row["as an input"] for row in macro.values()} == {"the value itself"}
    assert {row["warm-up"] for row in macro.values()} == {"0"}


def test_numbers_have_a_true_minus_and_no_noise_of_rounding() -> None:
    values = re.findall(r"(?<=\| )[−-]?\d[\d,.]*(?:e[−+-]\d+)?(?= \|)", PAGE)
    assert len(values) > 4500 and not [value for value in values if "-" in value]
    tiny = [v for v in values if "e−" in v and int(v.partition("e−")[2]) > 12]
    assert tiny == [] and "−0" not in values
    assert "nan" not in PAGE and "–" not in "".join(row["mean"] for row in all_columns())


def all_columns() -> list[dict[str, str]]:
    groups = dict.fromkeys(feature.group for feature in TIERS["a500"])
    return [row for group in groups for row in rows(f"Columns: {group}").values()]


def test_statistics_are_those_of_the_inputs() -> None:
    from arch.data import sp500

    logs = np.diff(np.log(sp500.load()["Close"].to_numpy()))
    row = rows("Columns: price")["close"]
    shown = [row[name].replace("−", "-") for name in ("mean", "std", "min", "max")]
    assert shown == [f"{v:.4g}" for v in (logs.mean(), logs.std(ddof=1), logs.min(), logs.max())]


def test_one_is_written_in_the_singular() -> None:
    assert not re.search(r"\b1 (bars|months) ", PAGE) and "mean of 1 of" not in PAGE
