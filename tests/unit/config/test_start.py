"""Lines to give next are written as the user's own command was."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from finscale.config import HpoConfig, TrainConfig, command, parse, spell
from finscale.config.start import VARIABLE, words_of

OF_MLFLOW = {
    "MLFLOW_RUN_ID": "0" * 32,
    "MLFLOW_EXPERIMENT_ID": "0",
    "MLFLOW_TRACKING_URI": "sqlite:////tmp/mlflow.db",
}
CHILD = ["python", "-m", "entrypoints.hpo", "--universe=sp500", "--budget=2M"]
SHELL = ["bash", "-c", "python -m entrypoints.hpo --universe=sp500 --budget=2M"]
PAIRS = {"budget": "20M", "data_root": "/mnt/a b"}


@pytest.fixture
def program(tmp_path: Path) -> str:
    """Return an `mlflow` that a shell finds by its name."""
    path = tmp_path / "bin" / "mlflow"
    path.parent.mkdir()
    path.write_text("")
    path.chmod(0o755)
    return str(path)


def line(words: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the line of a process that was started with these words."""
    monkeypatch.setenv(VARIABLE, json.dumps(words))
    return command("train", PAIRS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("run . -e hpo -P budget=2M --env-manager local", "run . --env-manager local"),
        ("run . --env-manager=uv -ehpo -Pbudget=2M", "run . --env-manager=uv"),
        ("run . --entry-point hpo --param-list budget=2M", "run ."),
        ("run . --entry-point=hpo --param-list=budget=2M -b local", "run . -b local"),
        ("run -e hpo . --experiment-name X", "run . --experiment-name X"),
        ("run ../fin -e hpo --experiment-id 7 --run-name mine", "run ../fin --experiment-id 7"),
        ("run . --run-id 0123 -e hpo", "run ."),
        ("run https://host/me/it.git -v v1.2 -e hpo", "run https://host/me/it.git -v v1.2"),
        ("--env-file my.env run . -e hpo", "--env-file my.env run ."),
    ],
)  # fmt: skip
def test_of_an_mlflow_run_everything_but_verb_and_parameters_is_kept(
    given: str, expected: str, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = OF_MLFLOW | {"PATH": str(Path(program).parent)}
    mlflow = ["/venv/bin/python", program, *shlex.split(given)]
    words = words_of(CHILD, [SHELL, mlflow, ["zsh"]], variables)
    assert words == ["mlflow", *shlex.split(expected)]
    said = line(words, monkeypatch)
    assert said == f"mlflow {expected} -e train -P budget=20M -P 'data_root=/mnt/a b'"


def test_a_name_with_a_blank_is_quoted(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    above = ["python", program, "run", ".", "--experiment-name", "my tests; rm", "-e", "hpo"]
    words = words_of(CHILD, [above], OF_MLFLOW | {"PATH": str(Path(program).parent)})
    said = line(words, monkeypatch)
    assert said.startswith("mlflow run . --experiment-name 'my tests; rm' -e train ")


def test_an_mlflow_that_is_not_on_the_path_is_named_in_full(program: str) -> None:
    above = ["python", program, "run", ".", "-e", "hpo"]
    assert words_of(CHILD, [above], OF_MLFLOW | {"PATH": "/nowhere"}) == [program, "run", "."]
    as_module = ["python3.11", "-m", "mlflow", "run", ".", "-e", "hpo"]
    assert words_of(CHILD, [as_module], OF_MLFLOW) == as_module[:5]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (CHILD, "python -m entrypoints.train --budget=20M '--data_root=/mnt/a b'"),
        (
            [".venv/bin/python", "-u", "-m", "entrypoints.hpo"],
            ".venv/bin/python -u -m entrypoints.train --budget=20M '--data_root=/mnt/a b'",
        ),
    ],
)
@pytest.mark.parametrize("exported", [{}, {"MLFLOW_RUN_ID": "0" * 32}])
def test_of_python_the_interpreter_is_kept(
    own: list[str], expected: str, exported: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    above = [["bash"], ["mlflow", "ui"], ["python", "notebook.py", "run"]]
    assert line(words_of(own, above, exported), monkeypatch) == expected


def test_a_notebooks_run_is_guessed_from_what_mlflow_hands_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.prefix", "/srv/clone/.venv")
    elsewhere = OF_MLFLOW | {"MLFLOW_EXPERIMENT_ID": "7"}
    plain = ["mlflow", "run", ".", "--env-manager", "local"]
    assert words_of(CHILD, [["jupyter"]], OF_MLFLOW) == plain
    assert words_of(CHILD, [["jupyter"]], elsewhere) == [*plain, "--experiment-id", "7"]
    monkeypatch.setattr("sys.prefix", "/home/me/.mlflow/envs/mlflow-0123abcd")
    assert words_of(CHILD, [["jupyter"]], OF_MLFLOW) == ["mlflow", "run", "."]


def test_a_library_says_the_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert command("data", {"universe": "mine"}) == "mlflow run . -e data -P universe=mine"


def test_a_line_holds_only_what_its_verb_takes() -> None:
    searched = ["--workers=2", "--timeout=60", "--terminator=true", "--budget=9K", "--horizon=3"]
    config = parse(HpoConfig, searched, "hpo")
    assert spell("train", config) == "mlflow run . -e train -P horizon=3 -P budget=9K -P workers=2"
    assert spell("analyze", config) == "mlflow run . -e analyze -P horizon=3"
    trained = parse(TrainConfig, ["--n_seeds=2", "--epochs=3"], "train")
    assert spell("hpo", trained) == "mlflow run . -e hpo -P epochs=3"
