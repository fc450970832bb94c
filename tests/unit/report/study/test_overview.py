"""The overview of several problems: verdicts, heat map, panels, slopes side by side, links."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from finscale.report import (
    Drawing,
    Overview,
    heat_map,
    panels_figure,
    render_overview_html,
)
from finscale.report.study.figures import BETTER_WORSE
from finscale.report.study.overview import horizons_of, interaction_table, parts_of, verdict_table
from tests.reports import make_overview, make_report

NAMES = ("threshold_1pct h1", "threshold_1pct h5", "threshold_1pct h20", "direction h1")
NAMES = (*NAMES, "direction h5")


def links(overview: Overview) -> dict[str, str]:
    return {report.problem: f"{report.problem}/report.html" for report in overview.reports}


def test_problems_are_named_by_what_differs() -> None:
    assert make_overview().names == NAMES
    assert parts_of("sp500.direction.h1.daily.a20.vix.chunk")[-1] == "vix.chunk"
    plain, vix = "sp500.direction.h1.daily.a20", "sp500.direction.h1.daily.a20.vix"
    two = tuple(replace(make_report(), problem=name) for name in (plain, vix))
    assert Overview("", "", two).names == ("plain", "vix")
    assert Overview("", "", two[:1]).names == ("sp500",)


def test_reports_that_cannot_be_told_apart_are_refused() -> None:
    report = replace(make_report(), problem="sp500.direction.h1.daily.a20")
    with pytest.raises(AssertionError, match="one report a problem"):
        Overview("", "", (report, report))
    with pytest.raises(AssertionError, match="names its problem"):
        Overview("", "", (make_report(),))


def test_every_problem_has_its_verdict_its_p_values_and_its_reason() -> None:
    overview = make_overview()
    table = verdict_table(overview, links(overview))
    assert [row[0] for row in table.rows] == list(NAMES)
    assert table.rows[0][1:5] == ("improves", "< 0.001", "< 0.001", "1")
    assert table.rows[2][1:5] == ("not identifiable", "\u2013", "\u2013", "closed")
    assert [row[-1] for row in table.rows] == [r.verdict.reason for r in overview.reports]


def test_slopes_stand_by_horizon_and_task() -> None:
    table = interaction_table(make_overview())
    assert table.header == ("task", "h1", "h5", "h20")
    first, second = table.rows
    assert first[0] == "threshold_1pct" and second[0] == "direction"
    assert first[1].startswith("\u22120.01234\n[\u22120.0145")
    assert first[3] == "\u2013\ngate seeds" and second[3] == "\u2013"


def test_slopes_of_one_axis_are_one_row() -> None:
    overview = make_overview()
    table = interaction_table(replace(overview, reports=overview.reports[:2]))
    assert table.header == ("horizon", "h1", "h5") and table.rows[0][0] == "slope"


def test_the_page_links_to_every_report_and_needs_nothing_from_outside() -> None:
    overview = make_overview()
    figures = [Drawing(heat_map(overview), "Heat"), Drawing(panels_figure(overview), "Panels")]
    html = unescape(render_overview_html(overview, figures, links(overview)))
    assert re.findall('href="([^"]+)"', html) == list(links(overview).values())
    sources = re.findall(r'(?:src|xlink:href)="([^"]*)"', html)
    assert len(sources) == 2 and all(source.startswith("data:") for source in sources)
    marks = [
        *(overview.title, overview.question, "5 problems: 4 not identifiable, 1 improves."),
        *("Tests opened: 4 of 5.", "Verdict of each problem", 'alt="Heat"', 'alt="Panels"'),
        *("Does the slope depend on the problem?", "Hyperparameters across horizons"),
        "threshold_1pct 32K",
    ]
    places = [html.index(mark) for mark in marks]
    assert places == sorted(places)
    assert 'class="verdict"' in html


def test_an_opening_that_is_not_the_first_is_counted_on_top() -> None:
    overview = make_overview()
    again = replace(overview.reports[0], opening=2, exploratory=True)
    looked = replace(overview, reports=(again, *overview.reports[1:]))
    assert looked.opening_sentence == "Tests opened: 4 of 5; exploratory: 1."
    assert 'class="verdict exploratory"' in render_overview_html(looked, [], {})


def test_text_from_the_store_cannot_become_markup() -> None:
    attack = '"><script>alert(1)</script>'
    report = replace(make_report(), problem=attack)
    html = render_overview_html(Overview(attack, attack, (report,)), [], {attack: attack})
    assert "<script" not in html


def test_the_heat_map_writes_every_number_and_hatches_what_has_none() -> None:
    axes = heat_map(make_overview()).axes[0]
    numbers = [text.get_text() for text in axes.texts]
    assert len(numbers) == 4 * 4 - 1 and numbers[:2] == ["+0.0120", "+0.0040"]
    assert numbers[3] == "\u22120.0105"
    assert sum(bool(square.get_hatch()) for square in axes.collections) == 4 + 1
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["32K", "125K", "500K", "2M"]


def test_colours_are_centred_and_differ_in_grey() -> None:
    def light(place: float) -> float:
        red, green, blue, _ = BETTER_WORSE(place)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    assert light(0.5) > 0.95 and light(1.0) - light(0.0) > 0.3


def test_panels_share_their_scale_and_say_what_is_closed() -> None:
    figure = panels_figure(make_overview())
    panels = figure.axes[:5]
    assert len({panel.get_ylim() for panel in panels}) == 1
    assert [panel.get_title(loc="left").split("\n")[0] for panel in panels] == list(NAMES)
    assert [text.get_text() for text in panels[2].texts] == ["test closed"]
    assert len(panels[4].containers) == 2 and not panels[2].containers


def test_a_study_that_is_closed_throughout_can_be_shown() -> None:
    closed = make_overview().reports[2]
    overview = Overview("t", "q", (closed, replace(closed, problem="sp500.direction.h1.daily.a20")))
    assert not list(heat_map(overview).axes[0].texts)
    html = render_overview_html(overview, [Drawing(panels_figure(overview), "Panels")], {})
    assert "Tests opened: 0 of 2." in html and "href" not in html.split("<main>")[1]


def test_hyperparameters_stand_side_by_side_by_horizon() -> None:
    found = horizons_of(make_overview())
    assert [title for title, _, _ in found] == [
        f"threshold_1pct {budget}" for budget in ("32K", "125K", "500K", "2M")
    ]
    _, best, places = found[0]
    assert places == ["h1", "h5", "h20"]
    assert best["learning_rate"].tolist() == pytest.approx([1e-4, 1.1e-4, 3e-4])


def test_a_change_between_horizons_is_named() -> None:
    html = unescape(render_overview_html(make_overview(), [], {})).replace("\u00a0", " ")
    # 1.1e-4 to 3e-4 is +173 %; the 10 % from h1 to h5 are not worth a word.
    assert html.count("learning_rate 1.1e\u22124 \u2192 3.0e\u22124 (+173 %) from h5 to h20.") == 1
    assert "from h1 to h5" not in html
    alone = replace(make_overview(), reports=make_overview().reports[:1])
    assert "across horizons" not in render_overview_html(alone, [], {})
