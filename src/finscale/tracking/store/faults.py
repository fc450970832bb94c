"""What a failed call to the store means for its user: may it pass by itself, and what to do.

MLflow, SQLAlchemy, database drivers, HTTP and clients of object stores raise some hundred classes
for a dozen situations, often one within another. So the whole chain is written out as text, and the
first rule that matches says what has happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from finscale.config import StoreError, without_passwords
from finscale.tracking.store.rules import ANY, RULES, Rule

LONGEST = 300
"""Characters of a foreign message that are quoted."""


@dataclass(frozen=True)
class Fault:
    """A failed call: whether it may pass by itself, and the line where it does not."""

    passes: bool
    error: StoreError


def read_fault(error: BaseException, store: str, holders: str = "fuser, lsof") -> Fault:
    """Read what has gone wrong from an error and those that it came from.

    Parameters
    ----------
    store : str
        Names the tracking store in the line.
    holders : str
        Who may keep its file locked.
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
    """Return the rule that says what has happened, and what it was recognised by."""
    text = "\n".join(written(one) for one in _chain(error))
    matching = ((rule, rule.regex.search(text)) for rule in RULES)
    return next(((rule, match) for rule, match in matching if match), (ANY, None))


def first_line(error: BaseException) -> str:
    """Return the first line of the innermost message: the others are wrapped around it."""
    *_, inner = _chain(error)
    said = " ".join(str(inner).strip().split("\n")[0].split())
    text = without_passwords(said) or type(inner).__name__
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def written(error: BaseException) -> str:
    """Write an error with its class and MLflow's or sqlite's code: what the rules look at."""
    code = getattr(error, "error_code", None) or getattr(error, "sqlite_errorname", None)
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"{name}{f'[{code}]' if code else ''}: {error}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, the innermost last."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        yield at
        seen.add(id(at))
        hidden = None if at.__suppress_context__ else at.__context__
        at = getattr(at, "orig", None) or at.__cause__ or hidden
