"""Progress display: bars with the time left on a terminal, plain lines elsewhere."""

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
"""Seconds of work, and share of the work, before a time left is shown."""
MEMORY_SHARE = 0.25
"""Time constant by which the time left is smoothed, as a share of the seconds elapsed or left,
whichever is fewer: near the end, old estimates must not hide the current one."""
WIDE = 110
"""Columns a terminal needs to show bars beside the names."""
BESIDE_NAME = 30
"""Columns kept free for a percentage, a time left and some words."""


@dataclass(frozen=True)
class Line:
    """A line of text to show once."""

    text: str


@dataclass(frozen=True)
class Progress:
    """Progress of a piece of work.

    Attributes
    ----------
    key : str
        Name of the piece; later events with the same key update it.
    done, total : float
        Amount done and total amount, in any unit. The first event gives the amount that was done
        before the work began.
    text : str
        Describes the current step.
    part : str
        Name of a part, if parts of the piece run in parallel. `done` then counts this part alone.
    before : float
        Amount that other parts had done when this one began.
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
    """Progress as shares of the whole: `share` is done, of which `fresh` since the time `begun`."""

    begun: float
    share: float
    fresh: float

    def ends(self, now: float) -> float | None:
        """Return the expected end at the rate so far, or None while it is too early to tell."""
        too_little = self.fresh < WORTH_SHARE * (1.0 - self.share + self.fresh)
        if now - self.begun < WORTH_S or too_little or self.share >= 1.0:
            return None
        return now + (now - self.begun) * (1.0 - self.share) / self.fresh


class _Forecast:
    """Smoothed forecast of when something ends."""

    def __init__(self) -> None:
        self.ends: float | None = None
        self._looked = 0.0

    def left(self, course: _Course, now: float, not_before: float = 0.0) -> str:
        """Return the time left as text, or an empty string while it is too early to tell.

        Parameters
        ----------
        not_before : float
            Expected end of the longest piece; the whole cannot end earlier.
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
    """State of a piece of work since its first event."""

    def __init__(self, event: Progress, now: float) -> None:
        self._begun, self._before = now, event.before
        self._at_first = self._known = event.before + event.done
        self._parts: dict[str, float] = {}

    def take(self, event: Progress) -> None:
        self.total = event.total
        self._parts[event.part] = event.done
        self._known = max(self._known, event.before + event.done)  # other processes may add to it

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
    """Shows events on the terminal. It is a context manager and is called with each event.

    Parameters
    ----------
    weights : dict, optional
        Relative cost of each expected piece. Adds a line for the whole, with the time left.
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
        """Return the bars as they are shown now."""
        return self._bars.get_renderable()

    def _bar(
        self, name: str, course: _Course, now: float, text: str, not_before: float = 0.0
    ) -> str:
        """Update a bar and return the time left that it shows."""
        if name not in self._tasks:
            shown = _ending(name, self._console.width - BESIDE_NAME)
            self._tasks[name] = self._bars.add_task(shown, total=1.0, text="", left="")
        left = self._forecasts.setdefault(name, _Forecast()).left(course, now, not_before)
        self._bars.update(self._tasks[name], completed=course.share, text=text, left=left)
        return left

    def _longest(self) -> float:
        """Return the latest expected end of all pieces that have a forecast."""
        pieces = [self._forecasts[key].ends for key in self._weights if key in self._forecasts]
        return max((ends for ends in pieces if ends), default=0.0)

    def _whole(self) -> _Course:
        """Return the progress of everything, with pieces weighted by their cost."""
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
    """Create the bars. On narrow terminals the text is cut first, then the bar is left out."""
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
    """Shorten a name from the front, because its end names the budget and the step.

    >>> _ending("sp500.threshold_1pct.h1.daily.a20.2M search", 17)
    '…ly.a20.2M search'
    """
    return name if len(name) <= room else f"…{name[1 - room :]}"


def duration(seconds: float) -> str:
    """Format a time span for people.

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
