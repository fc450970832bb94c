"""What is printed ends nothing: on any console, and on none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from finscale.config.console import SteadyStream, steady

ROOT = Path(__file__).resolve().parents[3]
TEXT = "d320×16, 0.41 ± 0.02 → done… ─ 🏃 é"


def written(encoding: str, text: str) -> str:
    raw = io.BytesIO()
    stream = SteadyStream(io.TextIOWrapper(raw, encoding=encoding))
    assert stream.write(text) == len(text)
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", "d320x16, 0.41 +/- 0.02 -> done... - ? ?"),
        ("latin-1", "d320x16, 0.41 +/- 0.02 -> done... - ? é"),
        ("cp1252", "d320x16, 0.41 +/- 0.02 -> done... - ? é"),
        ("utf-8", TEXT),
    ],
)
def test_what_an_encoding_lacks_is_spelled(encoding: str, expected: str) -> None:
    assert written(encoding, TEXT) == expected


def test_what_an_encoding_has_stays() -> None:
    assert written("latin-1", "d320×16") == "d320×16"
    assert written("utf-8", "a\udc80b") == "a?b"


def test_a_stream_is_made_steady_once(capsys: pytest.CaptureFixture[str]) -> None:
    stream = steady(sys.stdout)
    assert steady(stream) is stream
    print("seven", file=stream, flush=True)
    stream.writelines(["a", "b"])
    assert capsys.readouterr().out == "seven\nab"


def test_a_stream_that_somebody_closed_is_given_up() -> None:
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    stream = steady(closed)
    stream.write("into nowhere")
    stream.flush()
    assert stream.writable() and not stream.closed
    stream.close()


# A process whose console is broken: it writes, much and little, says so by its code, and leaves.

PROGRAM = """
import sys
from finscale.config import steady_console
steady_console()
database = open("/dev/null")  # takes the lowest descriptor there is
for _ in range(3):
    print("x" * 70_000)
    print("{}", file=sys.stderr, flush=True)
print("what waits in a buffer at the end")
sys.exit(7 if database.fileno() > 2 else 8)
"""


@pytest.mark.parametrize(
    "redirect",
    ["> /dev/full", ">&-", "2>&-", ">&- 2>&-", "> /dev/full 2>&1", "<&- >&- 2>&-", "| true"],
)
def test_a_broken_console_changes_no_exit_code(redirect: str) -> None:
    words = "\u00d7\U0001f3c3"
    pipe = f"set -o pipefail; {sys.executable} -c '{PROGRAM.format(words)}' {redirect}"
    done = subprocess.run(
        ["bash", "-c", pipe],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    assert done.stderr == ("" if "2>" in redirect else "x?\n" * 3)


@pytest.mark.parametrize("redirect", ["> /dev/full", ">&-", "| true"])
@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("--horizon=1.5", 2)])
def test_help_and_mistakes_need_no_console(redirect: str, argument: str, code: int) -> None:
    command = f"{sys.executable} -m entrypoints.hpo {argument} {redirect}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    lines = done.stderr.splitlines()
    assert len(lines) == (code > 0) and all(line.startswith("finscale: ") for line in lines)
