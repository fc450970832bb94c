"""Examples in docstrings give what they show, and every public function has one."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from finscale.config import load_universe
from finscale.market import prepare_raw
from tests.documents import PUBLIC, public
from tests.lab import ROOT

WITH_EXAMPLES = [
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    for path in sorted((ROOT / "src").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `data` in it, as `mlflow run . -e data` prepares it."""
    folder = tmp_path_factory.mktemp("examples")
    prepare_raw(load_universe("sp500"), folder / "data", now=datetime(2026, 1, 2, tzinfo=UTC))
    return folder


@pytest.mark.parametrize("module", [m for m in WITH_EXAMPLES if ".tracking." not in m])
def test_examples_give_what_they_show(
    module: str, prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of `finscale.tracking` need runs: an integration test has them."""
    monkeypatch.chdir(prepared)
    result = doctest.testmod(import_module(module), optionflags=FLAGS)
    assert result.attempted > 0 and result.failed == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_and_its_function_has_an_example(name: str) -> None:
    thing = public(name)
    is_record = isinstance(thing, type) and not hasattr(thing, "forward")
    assert thing.__doc__ and (is_record or "Examples\n" in thing.__doc__)


def promised() -> Iterator[str]:
    """Yield the functions that this project has promised to keep."""
    yield from ("config.parse_budget", "market.load_bars", "tracking.load_trial")
    yield from (f"dataset.{name}" for name in ("build_features", "make_labels", "split"))
    yield from (f"model.{name}" for name in ("PatchTST", "architectures", "count_params"))
    laws = ("bootstrap", "compare", "fit_joint_law", "fit_power_law", "verdict")
    yield from (f"laws.{name}" for name in laws)
    yield from (f"tracking.{name}" for name in ("cells", "finals", "paired_losses", "trials"))


def test_the_page_has_what_was_promised() -> None:
    assert {f"finscale.{name}" for name in promised()} <= set(PUBLIC)
