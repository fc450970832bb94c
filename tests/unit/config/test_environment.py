"""An environment in which MLflow would end in a traceback is refused first."""

from __future__ import annotations

import pytest

from finscale.config import ConfigError, check_environment, variable_fault


@pytest.mark.parametrize("level", ["strange ✓", "10", "verbose"])
def test_a_level_that_logging_does_not_know_is_named(level: str) -> None:
    with pytest.raises(ConfigError, match="MLFLOW_LOGGING_LEVEL: expected one of CRITICAL"):
        check_environment({"MLFLOW_LOGGING_LEVEL": level})


@pytest.mark.parametrize("level", ["", "debug", "ERROR"])
def test_levels_that_it_knows_are_taken(level: str) -> None:
    assert check_environment({"MLFLOW_LOGGING_LEVEL": level}) is None  # type: ignore[func-returns-value]


def test_no_home_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: str) -> str:
        return "~"

    monkeypatch.setattr("os.path.expanduser", nobody)
    with pytest.raises(ConfigError, match="HOME: expected a home folder"):
        check_environment({})


def test_a_variable_that_mlflow_cannot_read_is_named_and_other_errors_are_not() -> None:
    said = "Failed to convert 'soon' for MLFLOW_HTTP_REQUEST_TIMEOUT: invalid literal"
    fault = variable_fault(ValueError(said))
    assert fault is not None and fault.line.startswith("MLFLOW_HTTP_REQUEST_TIMEOUT: expected")
    assert variable_fault(ValueError("something else")) is None
    assert variable_fault(KeyError(said)) is None
