"""Verbs show what they do on the terminal, unless somebody else listens."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from finscale.pipeline.running.progress import Event, Screen

P = ParamSpec("P")
R = TypeVar("R")


def on_terminal(event: Event) -> None:
    """Stand for the terminal as a verb's default listener: `shown` puts a screen in its place."""
    raise AssertionError(f"nobody listens to {event}: the function lacks `shown`")


def shown(verb: Callable[P, R]) -> Callable[P, R]:
    """Let a verb show its progress on the terminal where it is called without ``listen``."""

    @wraps(verb)
    def with_listener(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("listen", on_terminal) is not on_terminal:
            return verb(*args, **kwargs)
        with Screen() as screen:
            kwargs["listen"] = screen
            return verb(*args, **kwargs)

    return with_listener
