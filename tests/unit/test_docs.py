"""The documents name code and tests that are there, and the glossary has each word once."""

from __future__ import annotations

import ast
import re

import pytest

from tests.lab import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = r"`([\w/.]+\.py)::(\w+)`"
STOPS = re.findall(NAMED, TEXT)
METHOD = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
GUARDS = [(f"tests/{file}", name) for file, name in re.findall(NAMED, METHOD)]


@pytest.mark.parametrize(("file", "name"), STOPS + GUARDS)
def test_what_the_documents_name_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    defined = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    assert name in defined


def test_there_are_three_walks_and_six_folders() -> None:
    assert len(STOPS) >= 20 and len(GUARDS) >= 30
    folders = {path.parent.name for path in (ROOT / "src/finscale/pipeline").glob("*/__init__.pyi")}
    assert folders == set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))


def test_the_glossary_is_in_order_and_names_each_word_once() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*([\w -]+)\*", text, re.MULTILINE)
    assert words == sorted(set(words)) and len(words) > 30
