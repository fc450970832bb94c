"""The Python of the documents does what they say, as it stands."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finscale.config import StoreError, StudyConfig, load_study
from finscale.evaluation import Comparison
from finscale.pipeline.cells.finished import study_cells
from finscale.pipeline.cells.prospects import State, look_ahead
from finscale.tracking import finals, trials
from tests.documents import PAGES, PUBLIC, blocks, public, read, section
from tests.lab import CELL, PROBLEM, Lab

MODEL = "patchtst-tiny-threshold_1pct-h1-daily-a20"


def snippets(text: str) -> list[str]:
    """Return the Python of a page that no other test runs, about the problem of these tests."""
    return [
        about_these_tests(block.text)
        for block in blocks(text)
        if block.language == "python" and not block.mark
    ]


def about_these_tests(text: str) -> str:
    """Put the problem, the budget and the model of these tests in the place of the demo's."""
    return (
        re.sub(r"sp500\.threshold_1pct\.[\w.-]+?(?=[\"']|\.2M)", PROBLEM, text)
        .replace("2M", "9K")
        .replace("patchtst-sp500-threshold_1pct-h1-daily-a20", MODEL)
    )


WITH_PYTHON = [page for page in PAGES if snippets(read(page))]


@pytest.mark.parametrize("document", WITH_PYTHON)
def test_every_snippet_runs_as_it_stands(
    trained: Lab,
    document: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR")  # as in a notebook
    (inputs,) = (trained.data_root / "processed").glob("tiny-daily-a20-*.parquet")
    names: dict[str, Any] = {}
    for block in snippets(read(document)):
        exec(re.sub(r"data/processed/[^\"]*", str(inputs), block), names)
    said = capfd.readouterr()
    assert said.err == "", "no bars of downloads, no warnings"
    assert "..." not in said.out, "what is printed is not cut"


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("document", WITH_PYTHON)
def test_on_an_empty_store_a_snippet_finds_nothing_or_says_so(document: str) -> None:
    """No column is missing where no run is found; what needs runs raises one line."""
    names: dict[str, Any] = {}
    said: list[str] = []
    for block in snippets(read(document)):
        if "load_model" not in block:
            try:
                exec(block, names)
            except StoreError as error:
                said.append(error.line)
    assert all("got no run" in line for line in said)


def test_the_study_of_the_how_to_can_be_begun_as_it_stands(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the floors of another page, on bars that come with the project."""
    (floors,) = (block.text for block in blocks(section("docs/how_to/splits.md", "Floors")))
    study, *_ = (block.text for block in blocks(read("docs/how_to/own_study.md")))
    for kind, name, block in (("floors", "rehearsal", floors), ("studies", "horizons", study)):
        (tmp_path / "mine" / kind).mkdir(parents=True)
        (tmp_path / "mine" / kind / f"{name}.yaml").write_text(block, encoding="utf-8")
    monkeypatch.setenv("FINSCALE_CONFIGS", str(tmp_path / "mine"))
    plan = load_study("horizons")
    config = StudyConfig(study=plan, data_root=tmp_path / "data")
    prospects = look_ahead(study_cells(plan, config), lab.listen)
    assert [each.why for each in prospects if each.state is not State.TO_DO] == []
    assert len(prospects) == 12


@pytest.mark.usefixtures("trained")
def test_our_functions_and_mlflow_alone_find_the_same_trials() -> None:
    names: dict[str, Any] = {}
    for block in snippets(read("docs/how_to/query_the_store.md"))[:3]:
        exec(block, names)
    expected = trials(cell=CELL)
    assert len(expected) == 2
    assert [run.info.run_id for run in names["found"]] == list(expected["run_id"])
    assert set(names["frame"]["run_id"]) == set(expected["run_id"])
    assert list(names["losses"]) == list(finals(cell=CELL)["run_id"])


@pytest.mark.usefixtures("trained")
def test_two_runs_are_compared_on_the_same_days() -> None:
    names: dict[str, Any] = {}
    (block,) = snippets(section("docs/how_to/verdict.md", "Compare two forecasts"))
    exec(block.replace("print(", "found = ("), names)
    found = names["found"]
    assert isinstance(found, Comparison)
    ours, other = names["ours"]["val_loss"].iloc[0], names["other"]["val_loss"].iloc[0]
    np.testing.assert_allclose(found.difference, ours - other)


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("name", [name for name in PUBLIC if ".tracking." in name])
def test_examples_of_the_store_give_what_they_show(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = about_these_tests(public(name).__doc__)
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    result = doctest.DocTestRunner().run(test)
    assert result.attempted > 1 and result.failed == 0, capsys.readouterr().out
