"""The commands of the pages are run as they stand, and print what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import PAGES, Block, blocks, read
from tests.e2e_shell import copy_project

LEFT_OUT = "…"
TIMES = re.compile(r"\d[\d.]* (s|min|h)\b")
DECIMALS = re.compile(r"[-+]?\d+\.\d+")
DIGEST = re.compile(r"\b[0-9a-f]{12,}\b")
RUN_ME = [page for page in PAGES if any(block.mark == "run" for block in blocks(read(page)))]


def steady(line: str) -> str:
    """Leave out what differs from machine to machine."""
    line = DECIMALS.sub("#", TIMES.sub("a time", DIGEST.sub("#", line)))
    return " ".join(line.split())


def missing(expected: str, printed: str) -> list[str]:
    """Return the lines that a page shows and a command did not print at their place."""
    rest = [steady(line) for line in printed.splitlines() if line.strip()]
    complaints, skips = [], False
    for line in filter(str.strip, expected.splitlines()):
        if line == LEFT_OUT:
            skips = True
            continue
        place = rest.index(steady(line)) if steady(line) in rest else -1
        if place < 0 or (place > 0 and not skips):
            complaints.append(line)
        else:
            rest = rest[place + 1 :]
        skips = False
    return complaints + ([] if skips or not rest else [f"not shown: {line}" for line in rest])


def in_pairs(found: list[Block]) -> Iterator[tuple[Block, str | None]]:
    """Yield each block that is run, with what it prints if the page shows it."""
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.mark == "run":
            shows = following is not None and following.mark == "shows"
            yield block, following.text if shows and following else None


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_ME)
def test_the_commands_of_a_page_print_what_it_shows(page: str, tmp_path: Path) -> None:
    clone, home = tmp_path / "finscale", tmp_path / "home"
    home.mkdir()
    copy_project(clone)
    ours = ("MLFLOW", "FINSCALE", "PYTEST", "XDG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    variables = kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "src"),
        "HOME": str(home),
        "OMP_NUM_THREADS": "1",
    }
    for block, shown in in_pairs(blocks(read(page))):
        command = ["bash", "-ec"] if block.language == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*command, block.text],
            cwd=clone,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{block.text}\n{done.stdout}"
        if shown is not None:
            assert missing(shown, done.stdout) == [], f"{block.text}\n{done.stdout}"


@pytest.mark.parametrize(
    ("expected", "printed", "complaints"),
    [
        ("a 1.5\nb", "a 2.5\n\nb \n", []),
        ("a\nb", "a\nx\nb", ["b", "not shown: x", "not shown: b"]),
        ("a\n…\nb", "a\nx\nb", []),
        ("a\n…", "a\nx\nb", []),
        ("b\na", "a\nb", ["b", "not shown: b"]),
        ("3 of 4", "2 of 4", ["3 of 4", "not shown: 2 of 4"]),
        ("about 3 s at most", "about 2.5 min at most", []),
    ],
)  # fmt: skip
def test_what_a_page_shows_is_compared(expected: str, printed: str, complaints: list[str]) -> None:
    assert missing(expected, printed) == complaints


def test_the_tutorial_and_a_how_to_are_run() -> None:
    assert {"docs/tutorial.md", "docs/how_to/own_bars.md"} <= set(RUN_ME)
    assert all(shown for _, shown in in_pairs(blocks(read("docs/tutorial.md"))))
