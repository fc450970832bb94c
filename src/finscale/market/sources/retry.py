"""Retries of requests to a server that is busy for some seconds."""

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
    """A source does not answer any request: the source or the network may be down."""


def ask_patiently(
    ask: Callable[[], Answer],
    transient: tuple[type[Exception], ...],
    *,
    sleep: Callable[[float], None],
    rng: random.Random,
) -> Answer:
    """Return the result of `ask`; if it raises a `transient` error, try again after 1, 2 and 4 s.

    Each pause is longer by a random share of up to 50 %, so that parallel runs do not retry at the
    same moment. The error of the last try is raised.
    """
    for pause in RETRY_SECONDS:
        try:
            return ask()
        except transient:
            check_stop()  # the error may come from a stop
            sleep(pause * (1.0 + JITTER * rng.random()))
    return ask()


def http_status(error: BaseException) -> int | None:
    """Return the HTTP status, 400 or above, of an error of curl_cffi or requests, or None."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    # In curl_cffi, a failed connection has status 0, and an interrupted one 200.
    return int(status) if status and status >= 400 else None


def failure(error: Exception, no_content: str) -> str:
    """Describe why there was no answer; `no_content` describes an answer of the wrong kind."""
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
