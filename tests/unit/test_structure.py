"""The house is as it was designed: who imports whom, through which door, and how large things are.

Every rule is a function from a source tree to complaints. The project gives none; a made-up tree
that breaks the rule gives one, so that a rule which has gone blind is noticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "config", "market", "dataset", "model", "training", "search", "evaluation", "laws", "tracking",
    "report", "pipeline",
)  # fmt: skip
ALONE = {
    "yfinance": "market",
    "talib": "dataset",
    "optuna": "search",
    "scipy.optimize": "laws",
    "mlflow": "tracking",
}
FOLDERS: dict[str, dict[str, tuple[str, ...]]] = {
    "tracking": {"store": ()},
    "report": {
        "pages": (),
        "problem": ("pages",),
        "figures": ("problem", "pages"),
        "study": ("figures", "problem", "pages"),
        "data": ("figures", "pages"),
    },
    "training": {
        "inputs": (),
        "machine": ("inputs",),
        "state": ("machine", "inputs"),
        "steps": ("state", "machine", "inputs"),
    },
    "pipeline": {
        "running": (),
        "problem": ("running",),
        "searching": ("problem", "running"),
        "finals": ("problem", "running"),
        "cells": ("searching", "problem", "running"),
        "analysis": ("problem", "running"),
    },
}
"""The folders of a room, and which others each may enter; files at its top enter them all."""
FORBIDDEN = {"laws": ("pandas", "mlflow")}
KEY = re.compile(r"(finscale|mlflow|optuna)\.(?!db$|tracking_store$)[a-z_A-Z.]+")
"""What names a tag; `mlflow.db` is a file, `mlflow.tracking_store` a group of plugins."""
LAZY = "lazy_loader.attach_stub(__name__, __file__)"
MAX_FILE, MAX_FUNCTION = 350, 50

Function = ast.FunctionDef | ast.AsyncFunctionDef


# Reading a tree.


def sources(root: Path) -> Iterator[tuple[str, Path, ast.Module]]:
    """Yield room, path and syntax tree of every file of the library."""
    library = root / "src" / "finscale"
    for path in sorted([*library.rglob("*.py"), *library.rglob("*.pyi")]):
        room = path.relative_to(library).parts[0]
        yield room, path, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name) of every import, wherever it stands; name None: the module itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield "." * node.level + (node.module or ""), alias.name


def door_file(root: Path, room: str) -> Path:
    """Return where a room's `__all__` stands: in the stub of a lazy door, else in the door."""
    init = root / "src" / "finscale" / room / "__init__.py"
    stub = init.with_suffix(".pyi")
    return stub if stub.exists() else init


def door(root: Path, room: str) -> list[str]:
    """Return `__all__` of a room."""
    for node in ast.parse(door_file(root, room).read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def functions(tree: ast.Module) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def lies_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


# The rules.


def order(root: Path) -> Iterator[str]:
    """A room imports only rooms above it."""
    for room, path, tree in sources(root):
        for module, _ in imports(tree):
            other = module.split(".")[1] if lies_in(module, "finscale") and "." in module else room
            if room in ROOMS and (other not in ROOMS or ROOMS.index(other) > ROOMS.index(room)):
                yield f"{path.name} of {room} imports {module}"


def doors(root: Path) -> Iterator[str]:
    """Another room is entered by its door: ``from finscale.<room> import <name in __all__>``."""
    for room, path, tree in sources(root):
        for module, name in imports(tree):
            if path.name == "__init__.pyi" and re.match(r"\.\w", module):
                continue  # how a lazy door names its own files
            if module.startswith("."):
                yield f"{path.name} of {room} imports relatively: {module}"
            elif lies_in(module, "finscale") and not lies_in(module, f"finscale.{room}"):
                other = module.removeprefix("finscale").removeprefix(".")
                if other not in ROOMS or name is None or name not in door(root, other):
                    yield f"{path.name} of {room} takes {name} from {module}"


def folders(root: Path) -> Iterator[str]:
    """A folder enters those below it alone, by their doors, and never a file at its room's top."""
    library = root / "src" / "finscale"
    for room, path, tree in sources(root):
        parts, below = path.relative_to(library).parts, FOLDERS.get(room, {})
        mine = parts[1] if len(parts) > 2 else ""
        for module, name in imports(tree) if below else ():
            other, *within = module.removeprefix(f"finscale.{room}.").split(".")
            if not lies_in(module, f"finscale.{room}") or (mine and other == mine):
                continue
            if other in below and mine and other not in below[mine]:
                yield f"{path.name} of {mine} imports {module}"
            elif other in below and (within or name not in door(root, f"{room}/{other}")):
                yield f"{path.name} of {room} takes {name} from {module}"
            elif other not in below and mine:
                yield f"{path.name} of {mine} imports {module}, at the top of its room"


def whole_doors(root: Path) -> Iterator[str]:
    """What a door promises is there, each name once; a lazy one shows what its stub says."""
    for room in ROOMS:
        path = door_file(root, room)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = door(root, room)
        if path.suffix == ".pyi" and LAZY not in path.with_suffix(".py").read_text("utf-8"):
            yield f"{room} has a stub that its door does not read"
        bound = {name for _, name in imports(tree)}
        bound |= {n.name for n in tree.body if isinstance(n, Function | ast.ClassDef)}
        for name in names:
            if name not in bound or names.count(name) > 1:
                yield f"{room} promises {name}"


def distinct_doors(root: Path) -> Iterator[str]:
    """A lazy door has no name of one of its files: whoever imports the file sets it anew."""
    for room in ROOMS:
        path = door_file(root, room)
        files = {file.stem for file in path.parent.iterdir()} if path.suffix == ".pyi" else set()
        for name in files.intersection(door(root, room)):
            yield f"{room} shows {name}, which is also a file of it"


def alone(root: Path) -> Iterator[str]:
    """Some libraries belong to one room."""
    for room, path, tree in sources(root):
        for module, name in imports(tree):
            for library, owner in ALONE.items():
                taken = lies_in(module, library) or lies_in(f"{module}.{name}", library)
                if taken and room != owner:
                    yield f"{path.name} of {room} imports {library}, which is for {owner} alone"


def forbidden(root: Path) -> Iterator[str]:
    """Laws are numpy and scipy only."""
    for room, path, tree in sources(root):
        for module, _ in imports(tree):
            for library in FORBIDDEN.get(room, ()):
                if lies_in(module, library):
                    yield f"{path.name} of {room} imports {library}"


def tag_keys(root: Path) -> Iterator[str]:
    """Names of tags are written in `tracking` only."""
    for room, path, tree in sources(root):
        for node in ast.walk(tree):
            key = node.value if isinstance(node, ast.Constant) else None
            if room != "tracking" and isinstance(key, str) and KEY.fullmatch(key):
                yield f"{path.name} of {room} writes {key!r}"


def sizes(root: Path) -> Iterator[str]:
    """Files and functions can be read in one go."""
    for room, path, tree in sources(root):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > MAX_FILE:
            yield f"{path.name} of {room} has {len(lines)} lines"
        for function in functions(tree):
            n_lines = code_lines(function, lines)
            if n_lines > MAX_FUNCTION:
                yield f"{function.name} in {path.name} of {room} has {n_lines} lines of code"


def code_lines(function: Function, lines: list[str]) -> int:
    """Count the lines of a function that hold code: no docstring, blank line or comment."""
    counted = set(range(function.lineno, (function.end_lineno or 0) + 1))
    if ast.get_docstring(function) is not None:
        text = function.body[0]
        counted -= set(range(text.lineno, (text.end_lineno or 0) + 1))
    code = (lines[number - 1].strip() for number in counted)
    return sum(bool(line) and not line.startswith("#") for line in code)


def asserting(root: Path) -> Iterator[str]:
    """Every test asserts something, itself or by a helper of its file."""
    for path in sorted((root / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = {function.name: function for function in functions(tree)}
        for name, function in known.items():
            if name.startswith("test_") and not asserts(function, known, set()):
                yield f"{name} in {path.name} asserts nothing"


def asserts(function: Function, known: dict[str, Function], seen: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("raises", "warns") or called.startswith("assert_"):
                return True
            helper = known.get(called) if called not in seen else None
            if helper and asserts(helper, known, {*seen, called}):
                return True
    return False


Rule = Callable[[Path], Iterator[str]]
RULES: tuple[Rule, ...] = (
    order, doors, folders, whole_doors, distinct_doors, alone, forbidden, tag_keys, sizes,
    asserting,
)  # fmt: skip


# The project keeps them.


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


def test_the_rooms_are_those_of_the_design() -> None:
    folders = {path.name for path in (ROOT / "src" / "finscale").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == set(ROOMS)
    assert [room for room in ROOMS if not door(ROOT, room)] == ["pipeline"]  # nobody enters it
    assert len(list(sources(ROOT))) > 40


@pytest.mark.parametrize("room", ROOMS)
def test_a_door_gives_what_it_promises(room: str) -> None:
    opened = import_module(f"finscale.{room}")
    promised = door(ROOT, room)
    assert sorted(promised) == getattr(opened, "__all__", [])
    found = {name: getattr(opened, name) for name in promised}
    assert [name for name, value in found.items() if isinstance(value, ModuleType)] == []


# A tree that breaks them is told so.


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Build a house that keeps every rule, with doors of both forms."""
    for room in ROOMS:
        text = f'from finscale.{room}.a import f\n__all__ = ["f"]\n'
        if room in ("config", "laws"):
            write(tmp_path, f"{room}/__init__.pyi", text.replace(f"finscale.{room}", ""))
            text = f"import lazy_loader\n\n__getattr__, __dir__, __all__ = {LAZY}\n"
        write(tmp_path, f"{room}/__init__.py", text)
        write(tmp_path, f"{room}/a.py", '"""A page."""\n\n\ndef f() -> int:\n    return 1\n')
    for folder in [f"{room}.{folder}" for room, below in FOLDERS.items() for folder in below]:
        text = f'from finscale.{folder}.a import f\n__all__ = ["f"]\n'
        write(tmp_path, f"{folder.replace('.', '/')}/__init__.py", text)
    write(tmp_path, "tracking/names.py", 'import mlflow\n\nKEY = "finscale.kind"\n')
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_a.py").write_text("def test_a():\n    assert f() == 1\n", encoding="utf-8")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / "src" / "finscale" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_house_gets_no_complaint(rule: Rule, house: Path) -> None:
    assert list(rule(house)) == []


LONG = "def g():\n" + '    """' + "Say.\n" * 60 + '    """\n' + "    x = 1\n\n    # why\n" * 49


@pytest.mark.parametrize(
    ("rule", "name", "text", "complaint"),
    [
        (order, "model/b.py", "from finscale.training import f", "imports finscale.training"),
        (order, "config/b.py", "import finscale.market", "b.py of config imports finscale.market"),
        (order, "search/b.py", "def g():\n    from finscale.laws import f", "of search imports"),
        (order, "laws/b.py", "from finscale.cellar import f", "of laws imports finscale.cellar"),
        (doors, "model/b.py", "from finscale.config import g", "takes g from finscale.config"),
        (doors, "model/b.py", "from finscale.config import *", "takes * from finscale.config"),
        (doors, "model/b.py", "from finscale.config.a import f", "takes f from finscale.config.a"),
        (doors, "model/b.py", "import finscale.config", "takes None from finscale.config"),
        (doors, "model/b.py", "from finscale import config", "takes config from finscale"),
        (doors, "model/b.py", "from ..config import f", "imports relatively: ..config"),
        (doors, "laws/__init__.pyi", "from ..config import f", "imports relatively: ..config"),
        (doors, "laws/b.py", "from .a import f", "imports relatively: .a"),
        (folders, "pipeline/problem/b.py", "from finscale.pipeline.searching import f", "imports"),
        (folders, "pipeline/finals/b.py", "from finscale.pipeline.searching import f", "of finals"),
        (folders, "pipeline/running/b.py", "from finscale.pipeline.hpo import f", "at the top"),
        (folders, "report/problem/b.py", "from finscale.report.figures import f", "of problem"),
        (folders, "report/study/b.py", "from finscale.report.pages.a import f", "takes f from"),
        (folders, "pipeline/b.py", "from finscale.pipeline.problem.a import f", "takes f from"),
        (folders, "pipeline/b.py", "from finscale.pipeline.problem import g", "takes g from"),
        (whole_doors, "model/__init__.py", '__all__ = ["f"]', "model promises f"),
        (whole_doors, "laws/__init__.pyi", '__all__ = ["f"]', "laws promises f"),
        (whole_doors, "laws/__init__.py", "from finscale.laws.a import f", "does not read"),
        (distinct_doors, "laws/f.py", "x = 1", "laws shows f, which is also a file of it"),
        (alone, "pipeline/b.py", "import optuna.trial", "optuna, which is for search alone"),
        (alone, "dataset/b.py", "from yfinance import Ticker", "imports yfinance"),
        (alone, "market/b.py", "import talib as ta", "imports talib"),
        (alone, "report/b.py", "from scipy import optimize", "imports scipy.optimize"),
        (alone, "report/b.py", "from scipy.optimize import minimize", "imports scipy.optimize"),
        (alone, "training/b.py", "def g():\n    import mlflow.pytorch", "imports mlflow"),
        (forbidden, "laws/b.py", "import pandas as pd", "b.py of laws imports pandas"),
        (forbidden, "laws/b.py", "from mlflow.entities import Run", "b.py of laws imports mlflow"),
        (tag_keys, "pipeline/b.py", 'K = {"finscale.kind": 1}', "writes 'finscale.kind'"),
        (tag_keys, "report/b.py", 'k = f"{1}" + "mlflow.parentRunId"', "mlflow.parentRunId"),
        (sizes, "model/b.py", "x = 1\n" * 351, "b.py of model has 351 lines"),
        (sizes, "model/b.py", LONG + "    x = 2\n", "g in b.py of model has 51 lines of code"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_noticed(
    rule: Rule, name: str, text: str, complaint: str, house: Path
) -> None:
    write(house, name, text)
    (found,) = rule(house)
    assert complaint in found


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (order, "training/b.py", "from finscale.model import f\nfrom finscale.config import f"),
        (doors, "pipeline/b.py", "from finscale.laws import f\nfrom finscale.pipeline.a import g"),
        (folders, "pipeline/b.py", "from finscale.pipeline.problem import f"),
        (folders, "pipeline/problem/b.py", "from finscale.pipeline.problem.a import f"),
        (folders, "pipeline/cells/b.py", "from finscale.pipeline.searching import f"),
        (distinct_doors, "model/f.py", "x = 1"),
        (alone, "laws/b.py", "from scipy.optimize import minimize\nimport scipy.special"),
        (alone, "report/b.py", "from scipy import stats"),
        (tag_keys, "tracking/b.py", 'K = "finscale.kind"'),
        (tag_keys, "pipeline/b.py", 'K = "mlflow run . -e hpo"'),
        (tag_keys, "pipeline/b.py", 'K = "mlflow.db"'),
        (sizes, "model/b.py", "x = 1\n" * 350),
        (sizes, "model/b.py", LONG),
    ],
)  # fmt: skip
def test_what_is_allowed_is_left_alone(rule: Rule, name: str, text: str, house: Path) -> None:
    write(house, name, text)
    assert list(rule(house)) == []


@pytest.mark.parametrize(
    ("body", "sound"),
    [
        ("    f()\n", False),
        ("    '''assert'''\n", False),
        ("    helper()\n", True),
        ("    idle()\n", False),
        ("    with pytest.raises(ValueError):\n        f()\n", True),
        ("    np.testing.assert_allclose(1, 1)\n", True),
    ],
)
def test_a_test_that_asserts_nothing_is_noticed(body: str, sound: bool, house: Path) -> None:
    helpers = "def helper():\n    assert f()\n\n\ndef idle():\n    return idle()\n\n\n"
    (house / "tests" / "test_b.py").write_text(f"{helpers}def test_b():\n{body}", encoding="utf-8")
    expected = [] if sound else ["test_b in test_b.py asserts nothing"]
    assert list(asserting(house)) == expected
