"""Figures: what is drawn, what is named, and that nothing global is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

import finscale.report
from finscale.laws import FitStatus
from finscale.report import save_figure, scaling_figure, validation_figure
from finscale.report.figures.canvas import spread
from finscale.report.figures.scaling import STYLES
from tests.reports import (
    DIFFERENCE,
    SIZES,
    make_closed,
    make_full,
    make_full_closed,
    make_partial,
    make_regression,
    make_report,
)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_scaling_figure_names_everything_it_draws() -> None:
    figure = scaling_figure(make_report())
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "31.9K", "121K", "510K", "2.03M",
    ]  # fmt: skip
    names = legend(figure)
    assert {"one final (seed)", "slope (least squares)", "95 % band"} <= set(names)
    assert "cell mean, 95 % interval" in names and "collapsed cell, 95 % interval" in names
    assert any(name.startswith("slopes within ±0.0037") for name in names)
    assert any(name.startswith("power law, exponent") for name in names)
    assert "reference (0.3721)" in texts(figure)
    assert any(text.startswith("Verdict: not identifiable") for text in texts(figure))


def test_a_distant_baseline_is_named_at_the_edge_and_does_not_flatten_the_cells() -> None:
    figure = scaling_figure(make_report())
    low, high = figure.axes[0].get_ylim()
    assert high < 0.03
    assert low < -0.0019
    assert "prior +0.0492 ↑" in texts(figure)


def test_the_reference_is_always_in_sight() -> None:
    far = make_report().cells
    far[["difference", "ci_low", "ci_high"]] += 0.5
    figure = scaling_figure(replace(make_report(), cells=far))
    low, _ = figure.axes[0].get_ylim()
    assert low < 0.0


def test_points_stand_where_the_numbers_are() -> None:
    figure = scaling_figure(make_report())
    points = [container.lines[0].get_xydata() for container in figure.axes[0].containers]
    drawn = sorted(np.concatenate(points).tolist())
    assert np.array(drawn) == pytest.approx(np.column_stack([SIZES, DIFFERENCE]))
    seeds = figure.axes[0].collections
    assert any(len(np.asarray(dots.get_offsets())) == 12 for dots in seeds)


def test_a_gate_leaves_no_line() -> None:
    gated = replace(make_report(), verdict=make_closed().verdict, power_law=None)
    figure = scaling_figure(gated)
    assert "slope (least squares)" not in legend(figure)
    assert "Verdict: not identifiable (gate seeds)" in texts(figure)


@pytest.mark.parametrize("status", list(FitStatus))
def test_a_legend_says_in_words_how_a_fit_ended(status: FitStatus) -> None:
    law = make_report().power_law
    assert law
    figure = scaling_figure(replace(make_report(), power_law=replace(law, status=status)))
    (name,) = [name for name in legend(figure) if name.startswith("power law, exponent")]
    assert "_" not in name and "converged" not in name
    assert name.endswith(")") is (status is not FitStatus.CONVERGED)


def test_a_power_law_that_is_none_is_not_drawn() -> None:
    law = make_report().power_law
    assert law is not None
    nothing = replace(law, E=float("nan"), A=float("nan"), alpha=float("nan"))
    names = legend(scaling_figure(replace(make_report(), power_law=nothing)))
    assert not any(name.startswith("power law") for name in names)


def test_a_closed_test_gives_the_validation_figure_only() -> None:
    with pytest.raises(AssertionError, match="closed test"):
        scaling_figure(make_closed())
    figure = validation_figure(make_closed())
    assert figure.axes[0].get_ylabel() == "validation loss (nats)"
    assert any(text.startswith("Validation only") for text in texts(figure))
    assert legend(figure) == [
        "one final (seed)",
        "cell mean over seeds",
        "collapsed cell over seeds",
    ]
    assert "reference (0.3712)" in texts(figure)


def test_one_cell_alone_can_be_drawn() -> None:
    report = make_closed()
    figure = validation_figure(replace(report, cells=report.cells.iloc[:1]))
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["31.9K"]


def test_figures_are_saved_as_png_and_svg(tmp_path: Path) -> None:
    png, svg = save_figure(scaling_figure(make_report()), tmp_path / "new", "scaling")
    assert png == tmp_path / "new" / "scaling.png"
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")


def test_pyplot_and_its_global_state_are_never_used() -> None:
    folder = Path(finscale.report.__file__).parent
    sources = {path.name: path.read_text("utf-8") for path in folder.rglob("*.py")}
    assert "canvas.py" in sources
    assert not any("pyplot" in text or "rcParams" in text for text in sources.values())


def test_labels_keep_their_distance_and_their_order() -> None:
    placed = spread(np.array([-0.3, 0.5, 0.51, 0.52, 0.99, 1.7]), 0.05)
    assert (np.diff(placed) >= 0.05 - 1e-12).all()
    assert placed.min() >= 0.0 and placed.max() <= 1.0
    assert spread(np.array([0.2, 0.8]), 0.05).tolist() == [0.2, 0.8]


def test_boosting_is_a_level_and_several_matched_baselines_are_none() -> None:
    for figure in (scaling_figure(make_full()), validation_figure(make_full_closed())):
        named = " ".join(texts(figure))
        assert "boosting" in named and "logistic" in named and "mlp" not in named


def test_levels_are_told_apart_by_colour_and_by_dashes() -> None:
    levels = [style for name, style in STYLES.items() if name != "linear"]
    assert len({colour for colour, _ in levels}) == len({dashes for _, dashes in levels}) == 6


def test_an_open_test_behind_a_gate_shows_its_cell_with_the_interval() -> None:
    figure = scaling_figure(make_partial())
    axes = figure.axes[0]
    assert "Verdict: not identifiable (gate sizes, partial)" in texts(figure)
    assert legend(figure) == ["one final (seed)", "collapsed cell, 95 % interval"]
    assert {"mlp 32K +0.0061", "boosting \u22120.0032"} <= set(texts(figure))
    low, high = axes.get_ylim()
    assert low < -0.0032 and 0.0142 < high < 0.03
    assert axes.get_xlim()[0] < SIZES[0] < axes.get_xlim()[1]


def test_negative_losses_are_drawn_where_they_are() -> None:
    figure = validation_figure(make_regression())
    low, high = figure.axes[0].get_ylim()
    assert -3.13 < low < -3.1079 and -3.0844 < high < -3.06
    assert {"reference (\u22123.1022)", "linear (\u22123.1054)"} <= set(texts(figure))
    assert "prior (\u22123.0174) \u2191" in texts(figure)
    assert "reference (\u22123.1013)" in texts(scaling_figure(make_regression()))


def test_the_reference_is_in_sight_of_one_model_in_validation() -> None:
    report = make_full_closed()
    alone = replace(report, cells=report.cells.iloc[:1], finals=report.finals.iloc[:1])
    low, high = validation_figure(alone).axes[0].get_ylim()
    assert low < 0.3712 < 0.389 < high
