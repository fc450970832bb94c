"""What a user sees while work goes on: bars with time left, plain lines when not a terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from rich import progress as bars
from rich.console import Console, RenderableType
from rich.progress import BarColumn, TaskID, TextColumn
from rich.table import Column

from finscale.config import printable, steady

EVERYTHING = "everything"
PLAIN_EVERY_S = 10.0
WORTH_S, WORTH_SHARE = 5.0, 0.05
"""Of work, and of what there was to do: before, a time left is not worth saying."""
MEMORY_SHARE = 0.25
"""Of the seconds gone by, or of those left where they are fewer: so long a time left remembers
what it was. Near the end, what it was would hide what is."""
WIDE = 110
"""Columns of a terminal that has room for bars beside the names."""
BESIDE_NAME = 30
"""Columns that a percentage, a time left and some words take."""


@dataclass(frozen=True)
class Line:
    """Something to say once."""

    text: str


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is.

    Attributes
    ----------
    key : str
        Names the piece; later events with this key update it.
    done, total : float
        In any unit. The first event says what was done before the work began.
    text : str
        What is being done now.
    part : str
        Names a part of the piece, where parts go on side by side: `done` is the part's alone.
    before : float
        What other parts had done when this one began.
    """

    key: str
    done: float
    total: float
    text: str = ""
    part: str = ""
    before: float = 0.0


Event = Line | Progress
Listen = Callable[[Event], None]


@dataclass(frozen=True)
class _Course:
    """How far something is since `begun`, as shares of it: `fresh` was done since then."""

    begun: float
    share: float
    fresh: float

    def ends(self, now: float) -> float | None:
        """Return when it will be done at the rate so far, once that is worth anything."""
        too_little = self.fresh < WORTH_SHARE * (1.0 - self.share + self.fresh)
        if now - self.begun < WORTH_S or too_little or self.share >= 1.0:
            return None
        return now + (now - self.begun) * (1.0 - self.share) / self.fresh


class _Forecast:
    """When something ends: one more look moves the answer a little, and does not turn it over."""

    def __init__(self) -> None:
        self.ends: float | None = None
        self._looked = 0.0

    def left(self, course: _Course, now: float, not_before: float = 0.0) -> str:
        """Say how long it will take, or nothing as long as nobody can tell.

        Parameters
        ----------
        not_before : float
            When the longest of its pieces ends: the whole is not done before.
        """
        ends = course.ends(now)
        if ends is None:
            self.ends = None
            return ""
        if self.ends is not None:
            memory = MEMORY_SHARE * min(now - course.begun, ends - now)
            kept = math.exp((self._looked - now) / memory)
            ends = ends + kept * (self.ends - ends)
        self.ends, self._looked = ends, now
        return f"about {duration(max(1.0, ends - now, not_before - now))} left"


class _Piece:
    """A piece of work, from its first event on."""

    def __init__(self, event: Progress, now: float) -> None:
        self._begun, self._before = now, event.before
        self._at_first = self._known = event.before + event.done
        self._parts: dict[str, float] = {}

    def take(self, event: Progress) -> None:
        self.total = event.total
        self._parts[event.part] = event.done
        self._known = max(self._known, event.before + event.done)  # others may work on it too

    @property
    def done(self) -> float:
        return min(self.total, max(self._known, self._before + sum(self._parts.values())))

    @property
    def course(self) -> _Course:
        if not self.total:
            return _Course(self._begun, 1.0, 0.0)
        fresh = self.done - self._at_first
        return _Course(self._begun, self.done / self.total, fresh / self.total)


class Screen:
    """Shows events. Call it with one; use it as a context.

    Parameters
    ----------
    weights : dict, optional
        Cost of each piece that will come: adds a line for the whole, with the time left.
    """

    def __init__(self, weights: dict[str, float] | None = None) -> None:
        self._console = Console(file=steady(sys.stdout), highlight=False, soft_wrap=True)
        self._weights = weights or {}
        self._pieces: dict[str, _Piece] = {}
        self._tasks: dict[str, TaskID] = {}
        self._forecasts: dict[str, _Forecast] = {}
        self._last_plain = -PLAIN_EVERY_S
        self._ended: set[str] = set()
        self._bars = _bars(self._console)

    def __enter__(self) -> Screen:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Line):
            self._console.print(printable(event.text), markup=False)
            return
        now = time.monotonic()
        piece = self._pieces.setdefault(event.key, _Piece(event, now))
        piece.take(event)
        course = piece.course
        left = self._bar(event.key, course, now, event.text)
        if event.key in self._weights:
            course = self._whole()
            left = self._bar(EVERYTHING, course, now, "", self._longest())
        if not self._console.is_terminal:
            self._plain(event, piece.done, f"{course.share:.0%}{', ' if left else ''}{left}", now)

    def __rich__(self) -> RenderableType:
        """Return what stands on a terminal now."""
        return self._bars.get_renderable()

    def _bar(
        self, name: str, course: _Course, now: float, text: str, not_before: float = 0.0
    ) -> str:
        """Bring a bar up to date; return the time left that it says."""
        if name not in self._tasks:
            shown = _ending(name, self._console.width - BESIDE_NAME)
            self._tasks[name] = self._bars.add_task(shown, total=1.0, text="", left="")
        left = self._forecasts.setdefault(name, _Forecast()).left(course, now, not_before)
        self._bars.update(self._tasks[name], completed=course.share, text=text, left=left)
        return left

    def _longest(self) -> float:
        """Return when the longest piece ends, of those that have said it."""
        pieces = [self._forecasts[key].ends for key in self._weights if key in self._forecasts]
        return max((ends for ends in pieces if ends), default=0.0)

    def _whole(self) -> _Course:
        """Return how far everything is, by what each piece costs."""
        total = sum(self._weights.values())
        known = {
            key: (self._weights[key] / total, piece.course)
            for key, piece in self._pieces.items()
            if key in self._weights
        }
        return _Course(
            begun=min(course.begun for _, course in known.values()),
            share=sum(weight * course.share for weight, course in known.values()),
            fresh=sum(weight * course.fresh for weight, course in known.values()),
        )

    def _plain(self, event: Progress, done: float, standing: str, now: float) -> None:
        ends = done >= event.total and event.key not in self._ended
        if not ends and now - self._last_plain < PLAIN_EVERY_S:
            return
        if ends:
            self._ended.add(event.key)
        self._last_plain = now
        line = f"{event.key}: {done:g} of {event.total:g} {event.text} ({standing})"
        self._console.print(line, markup=False)


def _bars(console: Console) -> bars.Progress:
    """Make the bars: where there is little room, what is being done gives way, then the bar."""
    bar = (BarColumn(bar_width=24),) if console.width >= WIDE else ()
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return bars.Progress(
        TextColumn("{task.description}"),
        *bar,
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[text]}", table_column=rest),
        console=console,
        disable=not console.is_terminal,
        expand=True,
    )


def _ending(name: str, room: int) -> str:
    """Cut a name from its front: its end says which budget, and what is done with it.

    >>> _ending("sp500.threshold_1pct.h1.daily.a20.2M search", 17)
    '…ly.a20.2M search'
    """
    return name if len(name) <= room else f"…{name[1 - room :]}"


def duration(seconds: float) -> str:
    """Say a time span for people.

    >>> duration(42), duration(200), duration(20_000), duration(300_000)
    ('42 s', '3 min', '5.6 h', '3.5 days')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} days"
