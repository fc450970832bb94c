"""The pages of the documentation, and the blocks of code in them.

A block below the comment ``<!-- run -->`` is run by a test as it stands; one below
``<!-- shows -->`` is what the block before it prints.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tests.lab import ROOT

PAGES = ("README.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").rglob("*.md"))))
_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>run|shows) -->\n)?```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$",
    re.M | re.S,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes
    ----------
    mark : str
        "run", "shows", or nothing.
    """

    language: str
    text: str
    mark: str


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Return what stands below a heading of the second level."""
    return read(page).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a text, in order."""
    return [
        Block(found["language"], found["text"], found["mark"] or "")
        for found in _BLOCK.finditer(text)
    ]


PUBLIC = re.findall(r"^::: (finscale\.[\w.]+)$", read("docs/api.md"), re.MULTILINE)
"""The names of the API page."""


def public(name: str) -> Any:
    """Take a name from its room's door."""
    room, _, thing = name.rpartition(".")
    return getattr(import_module(room), thing)
