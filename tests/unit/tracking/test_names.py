"""The spelling of the store: identities, filters, registry names, and types given back."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_model_alias_name, _validate_model_name

from finscale.config import (
    AnalyzeConfig,
    ConfigError,
    HpoConfig,
    Problem,
    StudyConfig,
    TrainConfig,
    format_budget,
)
from finscale.tracking import Kind, fingerprint, problem_params, registered_model_name, where
from finscale.tracking.frames import NAMES, typed
from finscale.tracking.names import VAL_LOSS, alias_name, curve
from finscale.tracking.runs import as_text, in_study

FIELDS: dict[str, Any] = {"seed": 42, "split": "chronological", "rise": 0.01, "revin": True}
values = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())


@given(st.dictionaries(st.text(min_size=1).filter(lambda k: k != "kind"), values, max_size=7))
def test_the_order_of_fields_does_not_change_a_fingerprint(fields: dict[str, Any]) -> None:
    backwards = dict(reversed(fields.items()))
    assert fingerprint("trial", **fields) == fingerprint("trial", **backwards)


@pytest.mark.parametrize("name", ["it's", 'say "no"', "a` = 'b' OR tags.`c", "x' OR '1'='1"])
def test_a_name_that_would_end_its_own_quotation_is_refused(name: str) -> None:
    for ask in (lambda: where(CELL=name), lambda: in_study(name)):
        with pytest.raises(ConfigError, match="a name without quotation marks") as caught:
            ask()
        assert "\n" not in caught.value.line


def test_a_field_at_none_is_left_out() -> None:
    assert fingerprint("trial", **FIELDS, new_option=None) == fingerprint("trial", **FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_changes_a_fingerprint(name: str) -> None:
    changed = FIELDS | {name: "another"}
    assert fingerprint("trial", **changed) != fingerprint("trial", **FIELDS)


def test_the_kind_changes_a_fingerprint() -> None:
    assert fingerprint(Kind.TRIAL, **FIELDS) != fingerprint(Kind.FINAL, **FIELDS)
    assert fingerprint(Kind.TRIAL, **FIELDS) == fingerprint("trial", **FIELDS)


def test_a_fingerprint_is_what_it_was_in_stores_that_exist() -> None:
    assert fingerprint("trial", **FIELDS).startswith("bdad43d561")


def test_a_fingerprint_has_no_room_for_nan() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        fingerprint("trial", rise=float("nan"))


def test_where_joins_tags_and_leaves_none_out() -> None:
    assert where(KIND=Kind.TRIAL, CELL=None, STATUS="ok") == (
        "tags.`finscale.kind` = 'trial' AND tags.`finscale.status` = 'ok'"
    )


def test_a_curve_never_has_the_objectives_own_name() -> None:
    assert curve(VAL_LOSS) == "epoch/val_loss"


@given(st.integers(min_value=1, max_value=10**13))
def test_every_budget_makes_names_that_the_registry_accepts(budget: int) -> None:
    alias = alias_name(format_budget(budget))
    assert "." not in alias
    _validate_model_alias_name(alias)
    name = registered_model_name(f"sp500.threshold_0p5pct.h1.daily.a20.{format_budget(budget)}")
    assert "." not in name
    _validate_model_name(name)


@given(
    st.one_of(
        st.booleans(),
        st.integers(-(10**9), 10**9),
        st.floats(allow_nan=False),
        st.sampled_from(["2M", "sp500", "threshold_1pct"]),
    )
)
def test_a_param_comes_back_as_it_was_logged(value: Any) -> None:
    again = typed("dropout", as_text(value))
    assert again == value and type(again) is type(value)


@given(st.sampled_from(NAMES), st.text(min_size=1, max_size=20))
@example("ticker", "000001")
@example("ticker", "NAN")
@example("ticker", "True")
@example("universe", "nan")
@example("budget", "1600")
@example("task", "1e3")
def test_a_name_that_looks_like_a_number_stays_text(name: str, text: str) -> None:
    assert typed(name, text) == text


def test_every_option_that_a_user_writes_as_text_is_a_name() -> None:
    """Each of these may look like a number."""
    configs = (HpoConfig, TrainConfig, AnalyzeConfig, StudyConfig)
    fields = [item for config in configs for item in config.model_fields.items()]
    is_number = re.compile(r"\b(int|float|bool)\b")
    text = {name for name, field in fields if not is_number.search(str(field.annotation))}
    assert {"universe", "task", "device", "study"} <= text <= {*NAMES}, text - {*NAMES}


def test_the_coordinates_of_a_problem_are_all_there() -> None:
    params = problem_params(Problem(horizon=3), n_features=25)
    assert params == {
        "universe": "sp500",
        "ticker": "^GSPC",
        "task": "threshold_1pct",
        "task_kind": "threshold",
        "rise": 0.01,
        "horizon": 3,
        "timescale": "daily",
        "feature_tier": "a20",
        "vix": False,
        "label_price": "high",
        "split": "chronological",
        "context_length": 60,
        "patch_length": 10,
        "patch_stride": 5,
        "n_features": 25,
    }
    assert Problem().universe.validation_end == date(2015, 12, 31)


def test_a_split_logs_what_it_alone_looks_at() -> None:
    forward = problem_params(Problem(split="walk-forward", n_blocks=7), n_features=25)
    assert (forward["n_blocks"], "samples_per_chunk" in forward) == (7, False)
    chunks = problem_params(Problem(split="chunk", samples_per_chunk="one"), n_features=25)
    assert (chunks["samples_per_chunk"], "n_blocks" in chunks) == ("one", False)
    assert "training_share" not in chunks
    assert problem_params(Problem(training_share=12.5), n_features=25)["training_share"] == 12.5
    assert problem_params(Problem(task="direction"), n_features=25)["label_price"] == "close"
