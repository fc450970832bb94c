"""Faults of the store: turns the errors of a failed call into one line that says what to do.

MLflow, SQLAlchemy, database drivers, HTTP and clients of object stores raise about a hundred
classes for a dozen situations, often nested. So the whole chain is written as text, and the first
matching rule decides what has happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from finscale.config import StoreError, without_passwords
from finscale.tracking.store.rules import ANY, RULES, Rule

LONGEST = 300
"""Most characters of a library's message that are quoted."""


@dataclass(frozen=True)
class Fault:
    """A failed call: whether a retry may succeed, and the error to raise if it does not."""

    passes: bool
    error: StoreError


def read_fault(error: BaseException, store: str, holders: str = "fuser, lsof") -> Fault:
    """Return the fault behind an error and its causes.

    Parameters
    ----------
    store : str
        Name of the tracking store in the message.
    holders : str
        Processes that may keep its file locked, as text.
    """
    rule, found = find_rule(error)
    groups = [group or "" for group in found.groups()] if found else []
    words = {"store": store, "said": first_line(error), "holders": holders}

    def filled(part: str) -> str:
        return without_passwords(part.format(*groups, **words))

    line = rule.kind(
        filled(rule.what),
        expected=filled(rule.expected),
        got=filled(rule.got),
        todo=filled(rule.todo),
    )
    return Fault(rule.passes, line)


def find_rule(error: BaseException) -> tuple[Rule, re.Match[str] | None]:
    """Return the first rule that matches an error, with its match."""
    text = "\n".join(written(one) for one in _chain(error))
    matching = ((rule, rule.regex.search(text)) for rule in RULES)
    return next(((rule, match) for rule, match in matching if match), (ANY, None))


def first_line(error: BaseException) -> str:
    """Return the first line of the innermost error's message; outer errors only wrap it."""
    *_, inner = _chain(error)
    said = " ".join(str(inner).strip().split("\n")[0].split())
    text = without_passwords(said) or type(inner).__name__
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def written(error: BaseException) -> str:
    """Return an error as text with its class and MLflow's or sqlite's code, for the rules."""
    code = getattr(error, "error_code", None) or getattr(error, "sqlite_errorname", None)
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"{name}{f'[{code}]' if code else ''}: {error}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, the innermost last."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        yield at
        seen.add(id(at))
        hidden = None if at.__suppress_context__ else at.__context__
        at = getattr(at, "orig", None) or at.__cause__ or hidden
