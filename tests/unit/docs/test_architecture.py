"""The documents name code and tests that are there; the pictures show the imports of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generate import house
from tests.lab import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = r"`([\w/.]+\.py)::(\w+)`"
STOPS = re.findall(NAMED, TEXT)
METHOD = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
GUARDS = [(f"tests/{file}", name) for file, name in re.findall(NAMED, METHOD)]


@pytest.mark.parametrize(("file", "name"), STOPS + GUARDS)
def test_what_the_documents_name_is_there(file: str, name: str) -> None:
    assert name in set(defined_in(ast.parse((ROOT / file).read_text(encoding="utf-8"))))


def defined_in(tree: ast.Module) -> Iterator[str]:
    """Yield the names of functions, classes and constants."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


@pytest.mark.parametrize("path", re.findall(r"`((?:tests|docs|src)/[\w/.]+)`", TEXT))
def test_what_the_page_leads_to_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_tables_name_every_room_and_folder() -> None:
    assert len(STOPS) >= 20 and len(GUARDS) >= 30
    rooms = {path.parent.name for path in (ROOT / "src/finscale").glob("*/__init__.py")}
    assert {part.name for part in house.parts("Rooms")} == rooms
    folders = {path.parent.name for path in (ROOT / "src/finscale/pipeline").glob("*/__init__.pyi")}
    drawn = {part.name for part in house.parts("Folders of the pipeline")}
    assert drawn == folders | {house.VERBS}


@pytest.mark.parametrize(("name", "drawing"), house.drawings().items())
def test_the_picture_is_that_of_the_code(name: str, drawing: str) -> None:
    is_same = (house.IMAGES / name).read_text(encoding="utf-8") == drawing
    assert is_same, f"docs/images/{name} is stale: run `make picture` and commit what it draws"


def test_an_import_is_an_arrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one within a function, and a plain one; a room's own imports are none."""
    for name, text in {
        "config/a.py": "import json\n",
        "model/a.py": "from finscale.config import f\nfrom finscale.model.b import g\n",
        "model/b.py": "def f():\n    import finscale.config\n",
        "pipeline/hpo.py": "from finscale.pipeline.problem import f\n",
        "pipeline/problem/a.py": "from finscale.pipeline.running.b import f\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(house, "LIBRARY", tmp_path)
    assert house.room_arrows(["config", "model"]) == {("model", "config"): 2}
    arrows = house.folder_arrows(["running", "problem", house.VERBS])
    assert arrows == {(house.VERBS, "problem"): 1, ("problem", "running"): 1}


def test_no_arrow_of_the_picture_leads_down() -> None:
    for heading, arrows in (
        ("Rooms", house.room_arrows),
        ("Folders of the pipeline", house.folder_arrows),
    ):
        names = [part.name for part in house.parts(heading)]
        found = arrows(names)
        assert found and all(names.index(used) < names.index(user) for user, used in found)


def test_the_glossary_is_in_order_and_names_each_word_once() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*([\w -]+)\*", text, re.MULTILINE)
    assert words == sorted(set(words)) and len(words) > 30
