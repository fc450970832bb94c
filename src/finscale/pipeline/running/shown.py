"""Decorator that shows the progress of a verb on the terminal unless a listener is given."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from finscale.pipeline.running.progress import Event, Screen

P = ParamSpec("P")
R = TypeVar("R")


def on_terminal(event: Event) -> None:
    """Mark the terminal as a verb's default listener; `shown` replaces it by a screen."""
    raise AssertionError(f"nobody listens to {event}: the function lacks `shown`")


def shown(verb: Callable[P, R]) -> Callable[P, R]:
    """Decorate a verb to show its progress on the terminal if it is called without ``listen``."""

    @wraps(verb)
    def with_listener(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("listen", on_terminal) is not on_terminal:
            return verb(*args, **kwargs)
        with Screen() as screen:
            kwargs["listen"] = screen
            return verb(*args, **kwargs)

    return with_listener
