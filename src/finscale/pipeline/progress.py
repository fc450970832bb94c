"""What a user sees while work goes on: bars with time left, plain lines when not a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from finscale.config import steady

PLAIN_EVERY_S = 10.0


@dataclass(frozen=True)
class Line:
    """Something to say once."""

    text: str


@dataclass(frozen=True)
class Work:
    """How far a piece of work is.

    Attributes
    ----------
    key : str
        Names the piece; later events with this key update it.
    done, total : float
        In any unit.
    text : str
        What is being done now.
    """

    key: str
    done: float
    total: float
    text: str = ""


Event = Line | Work
Listen = Callable[[Event], None]


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
        self._shares: dict[str, float] = {}
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, tuple[float, float]] = {}
        self._last_plain = 0.0
        self._last_event = time.monotonic()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )

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
            self._console.print(event.text, markup=False)
            return
        self._shares[event.key] = event.done / event.total if event.total else 1.0
        self._bar(event)
        if self._weights:
            self._bar(self._whole())
        if not self._console.is_terminal:
            self._plain(event)

    def _bar(self, event: Work) -> None:
        if event.key not in self._tasks:
            self._tasks[event.key] = self._bars.add_task(event.key, total=event.total, text="")
        self._bars.update(
            self._tasks[event.key], completed=event.done, total=event.total, text=event.text
        )

    def _whole(self) -> Work:
        total = sum(self._weights.values())
        done = sum(w * self._shares.get(key, 0.0) for key, w in self._weights.items())
        return Work("everything", done, total)

    def _standing(self, event: Work) -> tuple[str, float, float]:
        """Return what a time left is about, its share done now, and one unit of work ago."""
        one_ago = max(0.0, event.done - 1.0) / event.total if event.total else 1.0
        if event.key not in self._weights:
            return event.key, self._shares[event.key], one_ago
        whole = self._whole()
        unit = self._weights.get(event.key, 0.0) * (self._shares[event.key] - one_ago)
        return whole.key, whole.done / whole.total, (whole.done - unit) / whole.total

    def _plain(self, event: Work) -> None:
        now = time.monotonic()
        key, share, before = self._standing(event)
        # From this piece's own beginning, and what an earlier command did left out: both went at
        # another rate.
        start, share_then = self._begun.setdefault(key, (self._last_event, before))
        self._last_event = now
        if event.done < event.total and now - self._last_plain < PLAIN_EVERY_S:
            return
        self._last_plain = now
        left = ""
        if share_then < share < 1.0:
            seconds = (now - start) * (1.0 - share) / (share - share_then)
            left = f", about {duration(seconds)} left"
        line = f"{event.key}: {event.done:g} of {event.total:g} {event.text} ({share:.0%}{left})"
        self._console.print(line, markup=False)


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
