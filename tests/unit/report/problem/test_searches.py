"""Tables and figures of the searches: the best, their changes, the ends of runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from finscale.report import draw
from finscale.report.figures.searches import history_figure, importance_figure, shape_figure
from finscale.report.problem.fits import extrapolations_of, residuals_of
from finscale.report.problem.searches import (
    architecture_table,
    extreme_table,
    extremes_of,
    success_table,
)
from finscale.report.problem.transfer import (
    Change,
    best_trials,
    budget_changes,
    notable_sentences,
    show_value,
    transfer_table,
)
from tests.reports import (
    make_closed,
    make_full,
    make_full_closed,
    make_improving,
    make_partial,
    make_regression,
    make_searched,
    make_trials,
)

RUNS = ("a", "b")


def test_the_best_trial_of_each_budget_uses_so_much_of_it() -> None:
    first, _, _, last = architecture_table(make_searched()).rows
    # 31,907 / 32,000 - 1 = -0.29 %, 2,031,229 / 2,000,000 - 1 = +1.56 %; four layers of width 16.
    assert first == (
        *("32K", "t002 d16×4", "16 × 4", "4", "2", "0.250", "31,907", "\u22120.3 %"),
        *("0.3800", "trial02"),
    )
    assert last[7:] == ("+1.6 %", "0.3770", "trial32")


def test_a_trial_without_a_loss_is_never_the_best() -> None:
    trials = make_trials().assign(val_loss=math.nan)
    assert best_trials(trials).empty
    assert architecture_table(replace(make_searched(), trials=trials)).rows == ()


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("learning_rate", 1.2e-4, 3.1e-4, "learning_rate 1.2e−4 → 3.1e−4 (+158 %)"),
        ("weight_decay", 1e-3, 5e-4, "weight_decay 1.0e−3 → 5.0e−4 (−50 %)"),
        ("batch_size", 64, 128, "batch_size 64 → 128 (+100 %)"),
        ("dropout", 0.0, 0.1, "dropout 0 → 0.1"),
        ("revin", 0.0, 1.0, "revin no → yes"),
        ("dropout", 0.10, 0.119, ""),
        ("dropout", 0.0, 0.0, ""),
        ("revin", 1.0, 1.0, ""),
    ],
)
def test_changes_above_a_fifth_are_named(
    name: str, before: float, after: float, words: str
) -> None:
    change = Change(name, "32K", "125K", before, after, RUNS)
    assert change.is_notable == bool(words)
    assert not words or change.words == words


def test_steps_are_named_one_by_one() -> None:
    rate = "learning_rate 1.0e−4 → 1.5e−4 (+50 %)"
    first, second, third = notable_sentences(budget_changes(make_trials()))
    assert first == f"{rate}, dropout 0 → 0.1 from 32K to 125K."
    assert second.endswith("revin no → yes from 125K to 500K.")
    assert third == "learning_rate 2.3e−4 → 3.4e−4 (+50 %) from 500K to 2M."


def test_what_does_not_change_is_said_not_to() -> None:
    same = make_trials().assign(learning_rate=1e-4, dropout=0.1, revin=False)
    assert notable_sentences(budget_changes(same)) == (
        "No hyperparameter of the best trials changes by more than 20 %.",
    )
    assert notable_sentences([]) == ()


def test_each_change_stands_beside_its_value() -> None:
    best = best_trials(make_trials())
    table = transfer_table(best, ["32K", "125K", "500K", "2M"], "budget")
    assert table.rows[0] == ("32K", "1.0e−4", "1.0e−3", "100", "0", "64", "no", "trial02")
    assert table.rows[1][1:5] == ("1.5e−4\n+50 %", "1.0e−3\nsame", "100\nsame", "0.1\nchanged")
    assert table.rows[2][6] == "yes\nchanged"
    assert show_value("dropout", 0.25) == "0.25"


def test_best_and_worst_do_not_overlap() -> None:
    rows = extreme_table(make_searched()).rows
    assert [row[1] for row in rows if row[0] == "trial"] == [
        *("best 1", "best 2", "best 3", "worst 1", "worst 2", "worst 3"),
    ]
    assert rows[0] == ("trial", "best 1", "2M", "t002 d128×4", "0.3770", "trial32")
    assert rows[3][2:] == ("32K", "t000 d16×2", "0.4100", "trial00")
    few = make_trials().iloc[:3]
    assert [place for place, _ in extremes_of(few)] == ["best 1", "best 2", "best 3"]


def test_ends_are_counted_by_budget() -> None:
    rows = success_table(make_searched()).rows
    assert rows[0] == ("trial", "32K", "4", "1", "1", "0", "0", "6", "67 %")
    assert rows[-1] == ("final", "2M", "3", "0", "1", "0", "0", "4", "75 %")
    # Where nothing else is known, the finals of the cells.
    assert success_table(make_full()).rows[-1][2:] == ("3", "0", "0", "0", "0", "3", "100 %")


def test_histories_have_a_panel_a_budget_and_fall_step_by_step() -> None:
    figure = history_figure(make_searched())
    assert [axes.get_title(loc="left") for axes in figure.axes[:4]] == [
        f"{budget}: 4 of 6 finished" for budget in ("32K", "125K", "500K", "2M")
    ]
    step = figure.axes[0].lines[0]
    assert step.get_xydata().tolist() == [[0, 0.41], [1, 0.40], [2, 0.38], [5, 0.38]]
    assert figure.axes[0].lines[1].get_ydata()[0] == 0.3712
    named = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"best so far", "reference", "pruned", "diverged"} <= named


def test_one_trial_far_off_does_not_flatten_the_others() -> None:
    trials = make_trials()
    trials.loc[0, "val_loss"] = 9.0
    low, high = history_figure(replace(make_searched(), trials=trials)).axes[0].get_ylim()
    assert high < 1.0 and low < 0.3712


def test_searches_that_never_finished_can_be_drawn() -> None:
    trials = make_trials().assign(status="diverged", val_loss=math.nan)
    drawn = draw(replace(make_searched(), trials=trials))
    assert "histories" in drawn and "shapes" not in drawn


def test_shapes_ring_the_best_of_each_budget() -> None:
    axes = shape_figure(make_searched()).axes[0]
    rings = [
        dots.get_offsets()[0].tolist() for dots in axes.collections if dots.get_sizes()[0] == 190
    ]
    assert rings == [[16, 4], [32, 4], [64, 4], [128, 4]]


def test_importances_name_what_did_not_vary() -> None:
    figure = importance_figure(make_searched())
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes[:2]]
    assert texts == [["0.10", "0.30", "0.60"], ["not varied", "0.30", "0.60"]]


@pytest.mark.parametrize(
    ("report", "names"),
    [
        (make_searched(), {"scaling", "validation", "residuals", "shapes", "histories"}),
        (make_searched(make_full_closed()), {"validation", "shapes", "histories"}),
        (make_full(), {"scaling", "validation", "residuals"}),
        (make_partial(), {"scaling", "validation"}),
        (make_regression(), {"scaling", "validation", "residuals"}),
        (make_closed(), {"validation"}),
    ],
)
def test_what_there_is_is_drawn(report: object, names: set[str]) -> None:
    drawn = draw(report)  # type: ignore[arg-type]
    assert set(drawn) - {"importances", "calibration"} == names
    assert all(len(one.caption) > 40 for one in drawn.values())


def test_residuals_are_the_cells_less_the_line() -> None:
    report = make_improving()
    line = report.verdict.slope
    assert line is not None
    sizes = report.cells["n_params"].to_numpy()
    left = residuals_of(report)["log-linear"]
    assert left == pytest.approx(report.cells["difference"] - line.predict(sizes))
    # A least-squares line leaves nothing on average.
    assert float(np.mean(left)) == pytest.approx(0.0, abs=1e-12)


def test_a_decade_on_is_ten_times_the_largest_size() -> None:
    report = make_improving()
    (line, *_) = extrapolations_of(report)
    assert line.n_params == 10 * report.cells["n_params"].max()
    assert line.low < line.value < line.high
