"""Uninterruptible calls, made in a separate thread so that the waiting thread can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from finscale.config import check_stop

LOOK_S = 0.5

_Answer = SimpleQueue[tuple[Any, BaseException | None]]


class Aside:
    """A thread that makes calls one after another, so that thread-local state is kept between them.

    A call that was given up ends with the process.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], Any], _Answer] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def call(self, ask: Callable[[], Any]) -> Any:
        """Return the result of `ask`, or raise its error."""
        if not self._thread.is_alive():
            self._thread.start()
        answers: _Answer = SimpleQueue()
        self._calls.put((ask, answers))
        while True:
            check_stop()
            with suppress(Empty):
                answer, error = answers.get(timeout=LOOK_S)
                break
        if error:
            raise error
        return answer

    def end(self) -> None:
        """End the thread after its last call."""
        self._calls.put(None)

    def _work(self) -> None:
        while call := self._calls.get():
            ask, answers = call
            try:
                answers.put((ask(), None))
            except BaseException as error:
                answers.put((None, error))
