"""What a user sees while work goes on."""

from __future__ import annotations

import pytest

from finscale.pipeline.progress import Line, Screen, Work, duration


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


def test_without_a_terminal_work_is_a_plain_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 11.0, 12.0, 13.0])
    monkeypatch.setattr("finscale.pipeline.progress.time.monotonic", lambda: next(clock))
    screen = Screen()
    screen(Work("search", 1, 4, "trial 0"))  # at 11 s
    screen(Work("search", 2, 4, "trial 0"))  # at 12 s: too soon
    screen(Work("search", 4, 4, "trial 1"))  # at 13 s: the end is always said
    assert capsys.readouterr().out.splitlines() == [
        "search: 1 of 4 trial 0 (25%, about 33 s left)",
        "search: 4 of 4 trial 1 (100%)",
    ]


def test_pieces_of_known_cost_are_shares_of_the_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 30.0])
    monkeypatch.setattr("finscale.pipeline.progress.time.monotonic", lambda: next(clock))
    screen = Screen({"small": 1.0, "large": 3.0})
    screen(Work("large", 1, 1, "done"))
    assert capsys.readouterr().out.splitlines() == ["large: 1 of 1 done (75%, about 10 s left)"]


def test_a_piece_that_is_no_part_of_the_whole_has_its_own_share(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 30.0, 41.0])
    monkeypatch.setattr("finscale.pipeline.progress.time.monotonic", lambda: next(clock))
    screen = Screen({"finals": 1.0})
    screen(Work("finals", 1, 1, "done"))
    screen(Work("trial", 1, 4, "verdicts"))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "trial: 1 of 4 verdicts (25%, about 33 s left)"


def test_what_was_done_before_says_nothing_of_the_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of five were done by an earlier command; the search before took a hundred seconds."""
    clock = iter([0.0, 100.0, 107.0])
    monkeypatch.setattr("finscale.pipeline.progress.time.monotonic", lambda: next(clock))
    screen = Screen()
    screen(Work("search", 1, 1, "done"))
    screen(Work("finals", 4, 5, "seed 43"))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "search: 1 of 1 done (100%)"
    screen._last_plain = 0.0
    clock = iter([121.0])
    screen(Work("finals", 4, 5, "seed 43"))
    assert "about 21 s left" in capsys.readouterr().out


def test_work_without_an_end_is_done() -> None:
    screen = Screen({"nothing": 1.0})
    screen(Work("nothing", 0, 0))
    assert screen._whole() == Work("everything", 1.0, 1.0)
