"""Asking again: a server that is busy now may answer in a few seconds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from finscale.config import DataError, check_stop

RETRY_SECONDS = (1.0, 2.0, 4.0)
N_TRIES = len(RETRY_SECONDS) + 1
JITTER = 0.5

Answer = TypeVar("Answer")


class UnreachableError(DataError):
    """A source gave no answer, whatever it was asked: it may be down, or the network is."""


def ask_patiently(
    ask: Callable[[], Answer],
    transient: tuple[type[Exception], ...],
    *,
    sleep: Callable[[float], None],
    rng: random.Random,
) -> Answer:
    """Return what `ask` returns; where it raises `transient`, ask again after 1, 2 and 4 s.

    Each pause is up to 50 % longer, so that parallel runs do not come back at the same moment.
    What the last try raises is raised.
    """
    for pause in RETRY_SECONDS:
        try:
            return ask()
        except transient:
            check_stop()  # it may be what has cut the answer
            sleep(pause * (1.0 + JITTER * rng.random()))
    return ask()


def http_status(error: BaseException) -> int | None:
    """Return the status by which a server refused, of an error of curl_cffi or requests."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    # A failed connection has a response of status 0 in curl_cffi, and one that was cut of 200.
    return int(status) if status and status >= 400 else None


def failure(error: Exception, no_content: str) -> str:
    """Say in a few words why there was no answer; `no_content`: a page of another kind came."""
    status = http_status(error)
    if status == 429:
        got = "too many requests"
    elif status is not None:
        got = f"answer {status}"
    elif isinstance(error, OSError):
        got = f"no network ({type(error).__name__})"
    else:
        got = no_content
    return f"{got} in {N_TRIES} tries"
