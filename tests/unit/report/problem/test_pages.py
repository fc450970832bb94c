"""The HTML page and the Markdown note: complete, self-contained, and safe."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html import unescape

import pandas as pd

from finscale.report import Report, draw, render_html, render_summary
from tests.reports import (
    make_closed,
    make_full,
    make_partial,
    make_regression,
    make_report,
    make_rivals,
    make_searched,
)


def page(report: Report) -> str:
    return render_html(report, {})


def test_the_page_holds_verdict_figure_numbers_and_runs_in_this_order() -> None:
    report = make_report()
    html = unescape(render_html(report, draw(report)))
    marks = [
        report.verdict.reason.replace(" %", "\u00a0%"),
        report.against_reference,
        report.opening_sentence,
        "</nav>",
        "data:image/svg+xml;base64,",
        '<h2 id="the-numbers-that-decided"',
        "runreference",
        '<h2 id="left-out"',
        "runbad",
        report.query,
    ]
    places = [html.index(mark) for mark in marks]
    assert places == sorted(places)
    assert all(run in html for run in report.finals["run_id"])


def test_the_page_needs_nothing_from_outside() -> None:
    report = make_searched()
    html = render_html(report, draw(report))
    sources = re.findall(r'(?:src|xlink:href)="([^"]*)"', html)
    assert len(sources) == 7
    assert all(source.startswith("data:") for source in sources)
    assert "<link" not in html and "<script" not in html and "url(" not in html
    svg = base64.b64decode(sources[0].split(",")[1])
    assert b"<svg" in svg
    assert 'alt="Paired difference from the reference' in html


def test_text_from_the_store_cannot_become_markup() -> None:
    attack = "<script>alert(1)</script>"
    report = replace(
        make_report(),
        title=attack,
        query=attack,
        left_out=pd.DataFrame({"run_id": ["x"], "status": ["failed"], "reason": [attack]}),
    )
    html = page(report)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 4


def test_a_closed_test_shows_no_test_column() -> None:
    html = page(make_closed())
    assert "test loss" not in html and "test days" not in html and "interval" not in html
    assert "validation loss" in html
    assert "The test stays closed: gate seeds" in html
    assert "The numbers that decided" not in html


def test_what_was_left_out_is_named_or_said_to_be_nothing() -> None:
    html = page(make_report())
    assert "runbad" in html and "NaN loss" in html
    nothing = replace(make_report(), left_out=make_report().left_out.iloc[:0])
    assert "Nothing: every run of the study" in page(nothing)


def test_missing_numbers_and_reasons_are_dashes() -> None:
    report = make_report()
    left_out = report.left_out.assign(reason=[None])
    html = page(replace(report, left_out=left_out))
    # Difference and skill of three baselines, and one reason.
    assert html.count("<td>\u2013</td>") == 7
    assert "nan" not in html.replace("finance", "").lower().split("<main>")[1]


def test_exploratory_pages_look_different() -> None:
    report = replace(make_report(), opening=2, exploratory=True)
    assert 'class="verdict exploratory"' in page(report)
    assert 'class="verdict"' in page(make_report())


def test_the_note_says_the_same_as_the_page() -> None:
    report = make_report()
    note = render_summary(report)
    assert note.startswith("# Study demo\n\n**Not identifiable")
    assert report.against_reference in note and report.opening_sentence in note
    assert "| slope, nats a day per decade | −0.00" in note
    assert "run00 run01 run02" in note
    assert "Runs left out, named in the report: 1." in note


def test_the_note_of_a_closed_test_has_no_empty_table() -> None:
    note = render_summary(make_closed())
    assert "Numbers that decided" not in note
    assert "The test stays closed" in note
    assert note.endswith("1.\n")


def test_bars_in_values_do_not_break_the_notes_tables() -> None:
    cells = make_report().cells.assign(architecture="a|b\nc")
    note = render_summary(replace(make_report(), cells=cells))
    rows = [line for line in note.splitlines() if "a\\|b c" in line]
    assert len(rows) == 4


def test_page_and_note_hold_every_forecast_with_its_uncertainty() -> None:
    report = make_full()
    html, note = unescape(page(report)).replace("\u00a0", " "), render_summary(report)
    for text in (html, note):
        assert report.superior_sentence in text
        assert report.base_rate_sentence in text
        assert "model confidence set (Hansen, Lunde & Nason 2011)" in text
    assert '+0.0034<span class="beside">[+0.0003, +0.0065]</span>' in html
    assert "| mlp 2M | 0.3755 | +0.0034 [+0.0003, +0.0065] |" in note
    assert "| 0.734 in the set |" in note
    # A model has several runs, named with its cell; an empty line would say nothing.
    assert html.count("run: <code>") == len(report.baselines) and "run: </span>" not in html


def test_returns_are_not_scored_as_classes() -> None:
    for text in (page(make_regression()), render_summary(make_regression())):
        assert "coverage" in text and "89.3%" in text and "\u22123.1032" in text
        assert "Brier" not in text and "Share of ones" not in text


def test_a_partial_page_looks_different_and_says_why() -> None:
    html = page(make_partial())
    assert 'class="verdict exploratory"' in html
    assert "Partial: the test was opened all the same (gate sizes" in html
    assert "The numbers that decided" not in html


def test_what_is_said_of_forecasts_is_not_said_again_of_cells() -> None:
    table = page(make_full()).split('id="scaling-curves"')[1].split("<h2")[0]
    assert "training loss" in table and "validation loss" not in table and "skill" not in table


def test_rival_laws_stand_after_the_numbers_that_decided() -> None:
    assert "Rival laws" not in page(make_report())
    html = page(replace(make_report(), rivals=make_rivals())).split("</nav>")[1]
    marks = ["The numbers that decided", "Rival laws", "not from this table", "Forecasts side by"]
    places = [html.index(mark) for mark in marks]
    assert places == sorted(places)
    table = html.split("Rival laws</h2>")[1].split("</table>")[0]
    for law in ("constant", "log-linear", "power law with floor", "broken power law"):
        assert f"<td>{law}</td>" in table
    assert "not identifiable" in table and "inf" not in table and "nan" not in table


def test_sections_stand_in_their_order_and_are_linked_from_the_top() -> None:
    html = page(replace(make_searched(), rivals=make_rivals()))
    anchors = re.findall('<h2 id="([^"]+)"', html)
    assert anchors == [
        *("the-numbers-that-decided", "scaling-curves", "rival-laws"),
        "forecasts-side-by-side-reference-baselines-models",
        *("residuals-and-extrapolation", "best-architectures-and-budget-use"),
        *("histories-of-the-searches", "hyperparameters-across-budgets", "calibration"),
        *("best-and-worst-runs", "success-rate", "left-out", "openings-of-the-test", "finals"),
        "how-to-get-these-numbers-again",
    ]
    assert re.findall('<a href="#([^"]+)"', html.split("</nav>")[0]) == anchors


def test_each_figure_stands_in_its_section() -> None:
    report = make_searched()
    html = unescape(render_html(report, draw(report)))
    parts = dict(
        zip(
            re.findall('<h2 id="([^"]+)"', html),
            re.split("<h2 id=", html)[1:],
            strict=True,
        )
    )
    captions = {name: drawing.caption for name, drawing in draw(report).items()}
    for name, anchor in (
        ("validation", "scaling-curves"),
        ("residuals", "residuals-and-extrapolation"),
        ("shapes", "best-architectures-and-budget-use"),
        ("histories", "histories-of-the-searches"),
        ("importances", "hyperparameters-across-budgets"),
        ("calibration", "calibration"),
    ):
        assert f'alt="{captions[name]}"' in parts[anchor]
    assert f'alt="{captions["scaling"]}"' in html.split("<h2")[0]


def test_without_trials_and_predictions_the_page_says_so() -> None:
    html = page(make_closed())
    assert "The store holds no trial" in html and "No predictions are at hand" in html
    assert "No law is fitted: the test is closed." in html
    assert "histories" not in html.split("<main>")[1].lower()


def test_budgets_of_too_few_trials_have_no_importances() -> None:
    assert "too few or do not differ: 500K, 2M." in page(make_searched())


def test_fitted_constants_stand_with_their_law() -> None:
    html = page(replace(make_report(), rivals=make_rivals()))
    assert re.search(r"fitted: E = 0\.00\d+", html.replace("\u00a0", " "))


def test_the_summary_names_the_best_architectures() -> None:
    note = render_summary(make_searched())
    assert "## Best architectures" in note and "trial02" in note
    assert "learning_rate 1.0e\u22124 \u2192 1.5e\u22124 (+50 %)" in note
    assert "Best architectures" not in render_summary(make_full())
