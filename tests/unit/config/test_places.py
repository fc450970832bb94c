"""A user's own files: found by the same names, unseen by git, and hiding nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from finscale.config import (
    ConfigError,
    DataConfig,
    Problem,
    check_environment,
    load_floors,
    load_study,
    load_task,
    load_universe,
    parse,
    universe_names,
)
from finscale.config.places import CONFIGS, LOCAL, VARIABLE, tracked_names
from tests.lab import ROOT

FLOORS = "n_train: 307\n"


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the environment names."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's configs in a repository: one universe is the project's."""
    folder = tmp_path / "project" / "configs"
    sp500 = (CONFIGS / "universes/sp500.yaml").read_text(encoding="utf-8")
    put(folder, "universes/sp500.yaml", sp500)
    put(folder.parent, ".gitignore", (ROOT / ".gitignore").read_text(encoding="utf-8"))
    subprocess.run(["git", "init", "--quiet"], cwd=folder.parent, check=True)
    subprocess.run(["git", "add", "--all"], cwd=folder.parent, check=True)
    monkeypatch.setattr("finscale.config.places.CONFIGS", folder)
    return folder


def test_files_of_a_users_folder_are_found_by_their_names(own: Path) -> None:
    put(own, "floors/low.yaml", FLOORS)
    put(own, "tasks/small.yaml", "rise: 0.0031\n")
    put(own, "universes/mine.yaml", (CONFIGS / "universes/sp500.yaml").read_text())
    study = (CONFIGS / "studies/demo.yaml").read_text().replace("[sp500]", "[mine]")
    put(own, "studies/ours.yaml", study + "floors: low\n")
    assert load_floors("low").n_train == 307
    assert load_task("small").rise == 0.0031
    found = load_study("ours")
    assert [universe.name for universe in found.universes] == ["mine"]
    assert found.floors.n_train == 307
    assert parse(DataConfig, ["--universe=mine"], "data").universe.name == "mine"
    assert load_universe("sp500").name == "sp500"  # the project's are there as before


def test_files_below_local_are_found_and_git_does_not_see_them(project: Path) -> None:
    from finscale.config import Universe
    from finscale.config.files import load_named

    text = (project / "universes/sp500.yaml").read_text()
    put(project, f"{LOCAL}/universes/mine.yaml", text)
    assert load_named("universe", "mine", Universe, project).name == "mine"
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    changed = subprocess.run(status, cwd=project, capture_output=True, text=True, check=True)
    assert "mine" not in changed.stdout


def test_the_dictionary_holds_the_projects_universes_alone(project: Path, own: Path) -> None:
    text = (project / "universes/sp500.yaml").read_text()
    put(project, "universes/untracked.yaml", text)
    put(project, f"{LOCAL}/universes/local.yaml", text)
    put(own, "universes/secret.yaml", text)
    assert universe_names() == tracked_names("universe") == ["sp500"]


def test_without_git_the_projects_are_those_beside_each_other(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(project, f"{LOCAL}/universes/local.yaml", "")
    monkeypatch.setenv("PATH", "")
    assert universe_names() == ["sp500"]


def test_two_files_of_one_name_are_refused_with_both(own: Path) -> None:
    mine = put(own, "floors/default.yaml", FLOORS)
    with pytest.raises(ConfigError) as caught:
        load_floors("default")
    assert caught.value.line == (
        f"floors default: expected one file of that name; got configs/floors/default.yaml and "
        f"{mine}. Rename one of them."
    )


def test_one_file_under_two_ways_to_it_is_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finscale.config import Universe
    from finscale.config.files import load_named

    monkeypatch.setenv(VARIABLE, str(project))
    assert load_named("universe", "sp500", Universe, project).name == "sp500"


def test_a_mistake_in_a_users_file_names_that_file(own: Path) -> None:
    path = put(own, "floors/low.yaml", "n_train: 0\n")
    with pytest.raises(ConfigError, match=r"n_train: expected .*; got 0") as caught:
        load_floors("low")
    assert caught.value.line.startswith(f"{path}, n_train: ")


def test_what_to_add_names_the_file_it_goes_to(own: Path) -> None:
    text = (CONFIGS / "universes/nasdaq.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("evaluation_start")]
    path = put(own, "universes/mine.yaml", "\n".join(lines))
    with pytest.raises(ConfigError, match=f"Add evaluation_start to {path}"):
        parse(Problem, ["--universe=mine", "--split=walk-forward"], "hpo")


@pytest.mark.parametrize(
    "text", ["configs", "~/configs", "./mine", "/nowhere/at/all", "/etc/fstab"]
)
def test_a_folder_that_cannot_be_found_everywhere_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    line = f"{VARIABLE}: expected the absolute path of an existing folder.*got '{text}'"
    with pytest.raises(ConfigError, match=line):
        check_environment({VARIABLE: text})
    with pytest.raises(ConfigError, match=line):
        load_universe("sp500")


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert load_universe("sp500").name == "sp500"


# Names that YAML reads as something else

LAND = """source: csv
path: .
start: 2018-01-02
train_end: 2020-12-31
validation_end: 2021-12-31
end: 2022-12-30
"""


@pytest.mark.parametrize("bare", ["000001", "ON", "no", ".nan", "1.5", "2020-01-31", "12:30"])
@pytest.mark.parametrize("field", ["target", "tickers"])
def test_a_bare_name_that_yaml_makes_a_value_of_is_to_be_quoted(
    own: Path, field: str, bare: str
) -> None:
    names = {"target": "A", "tickers": "[A]"} | {field: f"[{bare}]" if field == "tickers" else bare}
    text = LAND + "".join(f"{name}: {value}\n" for name, value in names.items())
    put(own, "universes/mine.yaml", text)
    with pytest.raises(ConfigError, match=rf"mine\.yaml, {field}.*expected text; got .*in quotes"):
        load_universe("mine")


@pytest.mark.parametrize("ticker", ["000001", "ON", "NAN", "1e5"])
def test_a_quoted_name_is_the_name(own: Path, ticker: str) -> None:
    text = LAND + f'target: "{ticker}"\ntickers: ["{ticker}"]\n'
    put(own, "universes/nan.yaml", text)
    found = load_universe("nan")
    assert (found.name, found.target) == ("nan", ticker)
