"""The project's files agree with each other and with the configs."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from finscale.config import (
    AnalyzeConfig,
    DataConfig,
    HpoConfig,
    StudyConfig,
    TrainConfig,
    option_names,
)
from finscale.tracking.verb import VERBS
from tests.lab import ROOT

CONFIGS: dict[str, type[BaseModel]] = {
    "main": StudyConfig,
    "data": DataConfig,
    "hpo": HpoConfig,
    "train": TrainConfig,
    "analyze": AnalyzeConfig,
    "study": StudyConfig,
}
PROJECT = yaml.safe_load((ROOT / "MLproject").read_text())
ENTRY_POINTS: dict[str, dict[str, Any]] = PROJECT["entry_points"]


def test_every_verb_is_an_entry_point() -> None:
    assert set(ENTRY_POINTS) == set(CONFIGS) == set(VERBS)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_option_is_declared_with_its_own_default(name: str) -> None:
    fields = CONFIGS[name].model_fields
    declared = {
        key: str(value["default"]) for key, value in ENTRY_POINTS[name]["parameters"].items()
    }
    assert declared == {key: str(fields[key].default) for key in option_names(CONFIGS[name])}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_command_passes_every_parameter_on(name: str) -> None:
    command = ENTRY_POINTS[name]["command"]
    module = "study" if name == "main" else name
    assert command.startswith(f"python -m entrypoints.{module} ")
    passed = re.findall(r"--(\w+)=\{(\w+)\}", command)
    assert passed == [(key, key) for key in ENTRY_POINTS[name]["parameters"]]


@pytest.mark.parametrize("name", CONFIGS)
def test_defaults_are_free_of_shell_characters(name: str) -> None:
    defaults = [str(p["default"]) for p in ENTRY_POINTS[name]["parameters"].values()]
    assert [text for text in defaults if not re.fullmatch(r"[\w./-]+", text)] == []


def test_main_is_the_demo_study() -> None:
    assert ENTRY_POINTS["main"] == ENTRY_POINTS["study"]
    assert ENTRY_POINTS["main"]["parameters"]["study"]["default"] == "demo"


def test_conda_and_pyproject_pin_the_same_packages() -> None:
    conda = yaml.safe_load((ROOT / PROJECT["conda_env"]).read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert pip == project["dependencies"]
    assert [pin for pin in pip if not re.fullmatch(r"[\w-]+==[\d.]+", pin)] == []


def test_only_python_and_pip_come_from_conda() -> None:
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())
    names = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    assert names == ["python=3.11.7", "pip"]
