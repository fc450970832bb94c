"""However long, deep or strange an input is: one line that can be read, in a short time."""

from __future__ import annotations

from pathlib import Path

import pytest

from finscale.config import (
    ConfigError,
    DataError,
    Floors,
    HpoConfig,
    Universe,
    listed,
    parse,
    quoted,
)
from finscale.config.files import load_named
from tests.own_files import UNIVERSE

MOST = 2_000
BOMB = "\n".join(
    [
        "a0: &a0 [x, x, x, x, x, x, x, x, x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)),
    ]
)
SHALLOW_BOMB = f"a: &a [{', '.join(['x'] * 900)}]\ntickers: [{', '.join(['*a'] * 900)}]"


def loaded(folder: Path, text: str) -> str:
    """Return the line that a universe's text gets."""
    (folder / "universes").mkdir(exist_ok=True)
    (folder / "universes" / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_named("universe", "mine", Universe, folder)
    return caught.value.line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{BOMB}\ntickers: *a8", "values, aliases written out: 100,000 at most"),
        (SHALLOW_BOMB, "values, aliases written out: 100,000 at most"),
        ("tickers: &a [*a]", "lists or mappings within each other: 20 levels at most"),
        ("a: &a {b: *a}", "20 levels at most"),
        ("a: " + "[" * 500 + "]" * 500, "20 levels at most"),
        ("a: " + "[" * 100_000, "20 levels at most"),
        ("a: " + "{b: " * 300 + "}" * 300, "20 levels at most"),
        ("#" * 1_000_001, "1,000,001 bytes: 1,000,000 at most"),
        ("a: \x00", "special characters are not allowed"),
    ],
)
def test_a_file_that_no_config_is_gets_one_line(tmp_path: Path, text: str, said: str) -> None:
    line = loaded(tmp_path, text)
    assert "expected a YAML mapping of field: value; got" in line
    assert said in line
    assert len(line) < MOST


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[^GSPC, ^IXIC]", f"[[{', '.join(['x'] * 9_000)}]]"),
        ("[^GSPC, ^IXIC]", f"[{'A' * 300_000}]"),
        ("[^GSPC, ^IXIC]", f"[{', '.join(f'T{n}' for n in range(20_000))}]"),
        ("target: ^GSPC", f"target: {'7' * 200_000}"),
        ("target: ^GSPC", f"target: 0x{'7' * 200_000}"),
        ("target: ^GSPC", f"target: {'G' * 200_000}"),
        ("2018-12-31", "9" * 200_000),
        ("source: bundled", f"source: {'b ' * 200_000}"),
        ("source: bundled", f"source: bundled\n{'k' * 1_000}: 1"),
        ("source: bundled", f"source: bundled\n? {'k' * 200_000}\n: 1"),
        ("source: bundled", f"source: bundled\npath: /{'p/' * 100_000}"),
        ("source: bundled", f"source: {'{a: ' * 15}1{'}' * 15}"),
    ],
)
def test_a_value_without_end_is_cut(tmp_path: Path, old: str, new: str) -> None:
    line = loaded(tmp_path, UNIVERSE.replace(old, new))
    assert "mine" in line
    assert len(line) < MOST


OPTIONS = ("budget", "universe", "task", "floors", "horizon", "storage", "revin", "data_root")


@pytest.mark.parametrize("name", [*OPTIONS[:-1], "learning_rate", "x" * 10_000])
@pytest.mark.parametrize("value", ["9" * 100_000, "a b " * 25_000])
def test_a_parameter_without_end_is_cut(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(HpoConfig, [f"--{name}={value}"], "hpo")
    assert len(caught.value.line) < MOST


@pytest.mark.parametrize("character", ["\x1b[31m", "\x07", "\x00", "\x9b", "\u202e", "\x7f"])
def test_what_moves_a_terminal_is_spelled(character: str, tmp_path: Path) -> None:
    escaped = "".join(f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in character)
    texts = [UNIVERSE.replace("target: ^GSPC", f'target: "A{escaped}B"'), f'"A{escaped}": 1']
    lines = [loaded(tmp_path, text) for text in texts]
    with pytest.raises(ConfigError) as caught:
        parse(HpoConfig, [f"--space=a{character}b"], "hpo")
    # An error that does not quote what it says is spelled too.
    raw = DataError("a file", expected="numbers", got=f"a{character}b", todo=f"Look {character}.")
    for line in (*lines, caught.value.line, raw.line):
        assert not set(character) & set("\x1b\x07\x00\x9b\u202e\x7f") & set(line)


def test_a_list_of_names_tells_the_first_and_how_many_more() -> None:
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c, d, e"
    assert listed([f"T{n}" for n in range(5_000)]) == "T0, T1, T2, T3, T4 and 4,995 more"


def test_a_short_value_is_quoted_whole() -> None:
    assert quoted("20X") == "'20X'"
    assert quoted([0.001, 1e-4]) == "[0.001, 0.0001]"
    assert quoted("x" * 101) == f"'{'x' * 100}'... (101 characters)"
    assert quoted(1 << 100_000) == "a number of 100,001 bits"


def test_a_command_is_never_cut() -> None:
    command = f"mlflow run . -P data_root=/{'d' * 3_000}"
    error = DataError("a file", expected="numbers", got="n" * 5_000, todo=f"Go on: {command}")
    assert error.line.endswith(command)
    assert "(5,000 characters)" in error.line


def test_floors_as_many_as_bytes_allow_are_read_at_once(tmp_path: Path) -> None:
    """Looking for a field that stands there twice takes no time that grows with the square."""
    (tmp_path / "floors").mkdir()
    text = "\n".join(f"k{n}: 1" for n in range(20_000))
    (tmp_path / "floors" / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match="k0: expected a known field"):
        load_named("floors", "mine", Floors, tmp_path)
