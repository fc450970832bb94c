"""The walks go through code that is there, and the glossary has each word once."""

from __future__ import annotations

import ast
import re

import pytest

from tests.lab import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STOPS = re.findall(r"`([\w/.]+\.py)::(\w+)`", TEXT)


@pytest.mark.parametrize(("file", "name"), STOPS)
def test_a_stop_of_a_walk_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    defined = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    assert name in defined


def test_there_are_three_walks_and_six_folders() -> None:
    assert len(STOPS) >= 20
    folders = {path.parent.name for path in (ROOT / "src/finscale/pipeline").glob("*/__init__.pyi")}
    assert folders == set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))


def test_the_glossary_is_in_order_and_names_each_word_once() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*([\w -]+)\*", text, re.MULTILINE)
    assert words == sorted(set(words)) and len(words) > 30
