"""What a user sees while work goes on."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cached_property

import pytest
from rich.console import Console

from finscale.pipeline.running.progress import Line, Progress, Screen, duration
from finscale.pipeline.searching.trial import lowest_so_far
from finscale.search import PastTrial, SearchTrial, Standing


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (172_799, "48.0 h"),
        (172_800, "2.0 days"),
        (864_000, "10.0 days"),
    ],
)
def test_a_duration_is_said_in_the_unit_people_use(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 211
    with Screen() as screen:
        screen(Line("[red]2 of 7[/red]"))
        screen(Line(long))
    assert capsys.readouterr().out.splitlines() == ["[red]2 of 7[/red]", long]


@dataclass
class Clock:
    """A clock that the test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("finscale.pipeline.running.progress.time.monotonic", clock)
    return clock


@dataclass
class Told:
    """A screen that is told things at moments, and what it then said."""

    clock: Clock
    capsys: pytest.CaptureFixture[str]
    weights: dict[str, float] | None = None

    @cached_property
    def screen(self) -> Screen:
        """Made in the test itself: where a fixture is made, nobody listens."""
        screen = Screen(self.weights)
        self.clock.now += 60.0  # imports, data, baselines
        return screen

    def at(self, seconds: float, event: Progress) -> list[str]:
        screen = self.screen
        self.clock.now += seconds
        screen(event)
        return self.capsys.readouterr().out.splitlines()


@pytest.fixture
def told(clock: Clock, capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(clock, capsys)


def test_without_a_terminal_work_is_a_plain_line_now_and_then(told: Told) -> None:
    assert told.at(0, Progress("search", 0, 4, "begins")) == ["search: 0 of 4 begins (0%)"]
    assert told.at(3, Progress("search", 1, 4, "trial 0")) == []  # too soon
    assert told.at(8, Progress("search", 2, 4, "trial 0")) == [
        "search: 2 of 4 trial 0 (50%, about 11 s left)"
    ]
    assert told.at(1, Progress("search", 4, 4, "trial 1")) == ["search: 4 of 4 trial 1 (100%)"]
    assert told.at(1, Progress("search", 4, 4, "ok")) == []  # the end is said once


def test_what_came_before_the_work_is_no_part_of_its_rate(told: Told) -> None:
    """Sixty seconds went by before the first epoch began; each takes one."""
    told.at(0, Progress("search", 0, 40, "begins"))
    said = [
        line for epoch in range(1, 41) for line in told.at(1, Progress("search", epoch, 40, "e"))
    ]
    assert said == [
        "search: 10 of 40 e (25%, about 30 s left)",
        "search: 20 of 40 e (50%, about 20 s left)",
        "search: 30 of 40 e (75%, about 10 s left)",
        "search: 40 of 40 e (100%)",
    ]


def test_without_a_rate_there_is_no_time_left(told: Told) -> None:
    assert told.at(0, Progress("search", 1, 40, "epoch 1")) == ["search: 1 of 40 epoch 1 (2%)"]
    assert told.at(12, Progress("search", 1, 40, "epoch 1")) == ["search: 1 of 40 epoch 1 (2%)"]
    told.at(8, Progress("finals", 0, 9, "seed 43"))
    # Four seconds are too little to tell.
    assert told.at(4, Progress("finals", 1, 9, "seed 43")) == ["finals: 1 of 9 seed 43 (11%)"]


def test_what_was_done_before_says_nothing_of_the_rate(told: Told) -> None:
    """Three of five were done by an earlier command; the search before took a hundred seconds."""
    told.at(100, Progress("search", 1, 1, "done"))
    told.at(0, Progress("finals", 3, 5, "seed 43"))
    assert told.at(21, Progress("finals", 4, 5, "seed 43")) == [
        "finals: 4 of 5 seed 43 (80%, about 21 s left)"
    ]


def test_parts_that_go_on_side_by_side_add_up(told: Told) -> None:
    """Two workers, a trial each of 10 epochs; another command has finished two."""

    def work(number: int, epoch: int, before: float = 20) -> Progress:
        return Progress("search", epoch, 60, f"trial {number}", f"trial {number}", before)

    assert told.at(0, work(2, 0)) == ["search: 20 of 60 trial 2 (33%)"]
    told.at(0, work(3, 0))
    told.at(5, work(2, 3))
    assert told.at(5, work(3, 5)) == ["search: 28 of 60 trial 3 (47%, about 42 s left)"]
    told.at(0, work(3, 10))  # it stopped early
    assert told.at(10, work(2, 7)) == ["search: 37 of 60 trial 2 (62%, about 28 s left)"]
    # Meanwhile somebody else has finished one more.
    assert told.at(10, work(4, 1, before=40)) == ["search: 41 of 60 trial 4 (68%, about 25 s left)"]


def test_a_trial_that_failed_counts_for_nothing(told: Told) -> None:
    told.at(0, Progress("search", 0, 20, "trial 0", "trial 0"))
    told.at(5, Progress("search", 0, 20, "failed", "trial 0"))
    (line,) = told.at(6, Progress("search", 1, 20, "trial 1", "trial 1"))
    assert line == "search: 1 of 20 trial 1 (5%, about 3 min left)"


def test_pieces_of_known_cost_are_shares_of_the_whole(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(clock, capsys, weights={"small": 1.0, "large": 3.0})
    told.at(0, Progress("large", 0, 2, "begins"))
    assert told.at(15, Progress("large", 1, 2, "half")) == [
        "large: 1 of 2 half (38%, about 25 s left)"
    ]
    told.at(15, Progress("large", 2, 2, "done"))
    assert told.at(10, Progress("small", 0, 1, "begins")) == [
        "small: 0 of 1 begins (75%, about 13 s left)"
    ]


def test_a_piece_that_is_no_part_of_the_whole_has_its_own_share(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(clock, capsys, weights={"finals": 1.0})
    told.at(30, Progress("finals", 1, 1, "done"))
    told.at(0, Progress("trial", 0, 4, "verdicts"))
    assert told.at(11, Progress("trial", 1, 4, "verdicts")) == [
        "trial: 1 of 4 verdicts (25%, about 33 s left)"
    ]


def rows(screen: Screen, columns: int = 200) -> dict[str, str]:
    """Return what stands on a terminal: a row for each piece, by its name."""
    terminal = Console(file=io.StringIO(), width=columns)
    terminal.print(screen)
    lines = terminal.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return {line.split()[0]: line.rstrip() for line in lines}


def left(screen: Screen, name: str = "search") -> str:
    """Return the time left that stands beside a piece."""
    found = re.search(r"about .* left", rows(screen)[name])
    return found[0] if found else ""


def test_a_time_left_moves_and_does_not_jump(clock: Clock) -> None:
    """Ten epochs in ten seconds; then a trial is pruned, and thirty more need not be done."""
    screen = Screen()
    screen(Progress("search", 0, 100, "begins"))
    said = []
    for seconds, done in ((10, 10), (1, 40), (4, 41), (10, 45)):
        clock.now += seconds
        screen(Progress("search", done, 100, "e"))
        said.append(left(screen))
    assert said == ["about 2 min left", "about 67 s left", "about 36 s left", "about 30 s left"]


def test_near_the_end_what_was_said_before_does_not_hide_what_is(clock: Clock) -> None:
    """Ninety of a hundred epochs in as many seconds; the last ten take four seconds each."""
    screen = Screen()
    screen(Progress("search", 0, 100, "begins"))
    said = []
    for done in range(1, 100):
        clock.now += 1.0 if done <= 90 else 4.0
        screen(Progress("search", done, 100, "e"))
        said.append(left(screen))
    assert said[89] == "about 10 s left"
    assert said[94] == "about 6 s left"  # 20 s: the mean rate has not seen them coming
    assert said[98] == "about 1 s left"


def test_the_whole_takes_no_less_than_its_longest_piece(clock: Clock) -> None:
    """Two of three pieces are done side by side; the last goes on alone, at half the rate."""
    screen = Screen({"one": 1.0, "two": 1.0, "three": 1.0})
    for key in ("one", "two"):
        screen(Progress(key, 0, 10, "begins"))
    clock.now += 50.0
    for key in ("one", "two"):
        screen(Progress(key, 10, 10, "done"))
    screen(Progress("three", 0, 10, "begins"))
    clock.now += 20.0
    screen(Progress("three", 2, 10, "e"))
    assert left(screen, "three") == left(screen, "everything") == "about 80 s left"
    clock.now += 80.0
    screen(Progress("three", 10, 10, "done"))
    assert [left(screen, name) for name in rows(screen)] == [""] * 4


def test_nothing_is_said_of_the_time_before_a_twentieth_is_done(told: Told) -> None:
    told.at(0, Progress("search", 0, 100, "begins"))
    assert told.at(60, Progress("search", 4, 100, "e")) == ["search: 4 of 100 e (4%)"]
    assert told.at(15, Progress("search", 5, 100, "e")) == [
        "search: 5 of 100 e (5%, about 24 min left)"
    ]


def test_what_is_said_cannot_move_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Screen() as screen:
        screen(Line("Does it \x1b[31mscale\x1b[0m?\n2 of 3 cells to do."))
    out = capsys.readouterr().out
    assert out == "Does it \\x1b[31mscale\\x1b[0m?\n2 of 3 cells to do.\n"


def test_work_without_an_end_is_done(told: Told) -> None:
    assert told.at(0, Progress("nothing", 0, 0, "done")) == ["nothing: 0 of 0 done (100%)"]


def test_on_a_terminal_the_time_left_stands_in_the_bar(clock: Clock) -> None:
    screen = Screen({"search": 1.0})
    screen(Progress("search", 0, 4, "begins"))
    clock.now += 10.0
    screen(Progress("search", 1, 4, "trial 0"))
    search, everything = rows(screen).values()
    assert re.fullmatch(r"search .* 25% about 30 s left trial 0", search)
    assert re.fullmatch(r"everything .* 25% about 30 s left", everything)


@pytest.mark.parametrize("columns", [72, 80, 100, 140, 200])
def test_no_terminal_is_too_narrow_for_how_far_it_is_and_how_long_it_takes(
    columns: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest names there are, and the longest words beside them."""
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Screen()
    words = "trial 0, epoch 1: 0.6829 nats; lowest so far 0.6829 (this trial), cpu"
    for timescale in ("daily", "weekly"):
        for key in ("search", "perceptron"):
            name = f"sp500-pooled.threshold_0p5pct.h1.{timescale}.a20.walk-forward.500K {key}"
            screen(Progress(name, 0, 100, "begins"))
            clock.now += 10.0
            screen(Progress(name, 41, 100, words))
    terminal = Console(file=io.StringIO(), width=columns)
    terminal.print(screen)
    lines = terminal.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 4, "a row each"
    for row in lines:
        assert len(row) <= columns and " 41% about 14 s left" in row
        assert ".500K search" in row or ".500K perceptron" in row


def standing(best: float | None, n_pruned: int = 0) -> Standing:
    trial = SearchTrial(3, "run", PastTrial({}, "ok", best)) if best is not None else None
    return Standing((), 4, n_pruned, 0, 1, trial, None)


@pytest.mark.parametrize(
    ("best", "n_pruned", "own", "said"),
    [
        (None, 0, 0.4901, "0.4901 (this trial)"),
        (0.5845, 1, 0.4901, "0.4901 (this trial), 1 pruned"),
        (0.5845, 0, 0.6001, "0.5845 (trial 3)"),
    ],
)
def test_the_lowest_loss_is_never_above_the_one_beside_it(
    best: float | None, n_pruned: int, own: float, said: str
) -> None:
    assert lowest_so_far(standing(best, n_pruned), own).endswith(f" {said}")
