"""YAML files: what loads, and what is refused in one line that names the file or the name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from finscale.config import (
    AnalyzeConfig,
    ConfigError,
    DataConfig,
    Floors,
    Health,
    HpoConfig,
    Space,
    Study,
    StudyConfig,
    Task,
    TrainConfig,
    Universe,
    load_floors,
    load_health,
    load_space,
    load_study,
    load_task,
    load_universe,
)
from finscale.config.files import load_named
from finscale.config.places import CONFIGS, tracked_names
from tests.own_files import UNIVERSE


def universe(tmp_path: Path, text: str, name: str = "mine") -> Universe:
    folder = tmp_path / "universes"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_named("universe", name, Universe, tmp_path)


def spaces(**changed: Any) -> Space:
    return Space.model_validate({**load_space("default").model_dump(), **changed})


# The files that come with the project.


@pytest.mark.parametrize(
    ("kind", "load"),
    [
        ("universe", load_universe),
        ("task", load_task),
        ("space", load_space),
        ("floors", load_floors),
        ("health", load_health),
        ("study", load_study),
    ],
)
def test_every_file_loads(kind: str, load: Callable[[object], BaseModel]) -> None:
    names = tracked_names(kind)  # a user's own beside them are not ours to judge
    assert names
    assert [getattr(load(name), "name", None) for name in names] == names


def test_the_default_universe_is_the_designs() -> None:
    found = load_universe("sp500")
    assert (found.source, found.target, found.tickers) == ("bundled", "^GSPC", ("^GSPC",))
    assert found.train_end == date(2012, 12, 31)
    assert found.validation_end == date(2015, 12, 31)
    assert (found.start.year, found.end.year) == (1999, 2018)


def test_a_loaded_config_passes_through() -> None:
    for load, name in [
        (load_universe, "sp500"),
        (load_task, "threshold_1pct"),
        (load_space, "demo"),
        (load_floors, "default"),
        (load_health, "default"),
        (load_study, "demo"),
    ]:
        loaded = load(name)
        assert load(loaded) is loaded


@pytest.mark.parametrize(
    ("load", "typo", "meant"),
    [
        (load_task, "threshold_1pt", "threshold_1pct"),
        (load_universe, "sp50", "sp500"),
        (load_study, "phase6", "phase6a"),
        (load_space, "defalt", "default"),
        (load_floors, "defualt", "default"),
        (load_health, "defualt", "default"),
    ],
)
def test_a_misspelled_name_gets_the_nearest(
    load: Callable[[object], BaseModel], typo: str, meant: str
) -> None:
    with pytest.raises(ConfigError, match=f"one of .*{meant}.*Did you mean {meant}\\?") as caught:
        load(typo)
    assert f"got '{typo}'" in caught.value.line


@pytest.mark.parametrize(
    "load", [load_task, load_universe, load_study, load_space, load_floors, load_health]
)
@pytest.mark.parametrize("name", ["zzzzzz", "../tasks/threshold_1pct", "", None, ["sp500"]])
def test_a_strange_name_gets_the_list(load: Callable[[object], BaseModel], name: object) -> None:
    with pytest.raises(ConfigError, match="expected one of ") as caught:
        load(name)
    assert f"got {str(name)!r}" in caught.value.line


def test_a_study_cannot_have_the_name_that_means_no_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`analyze` takes `none` for the problem of its parameters: it would never find the file."""
    (tmp_path / "studies").mkdir()
    demo = (CONFIGS / "studies" / "demo.yaml").read_text(encoding="utf-8")
    (tmp_path / "studies" / "none.yaml").write_text(demo, encoding="utf-8")
    monkeypatch.setenv("FINSCALE_CONFIGS", str(tmp_path))
    assert AnalyzeConfig().study == "none"
    with pytest.raises(ConfigError, match="study: expected another name than none"):
        StudyConfig(study="none")


# Files that a user writes.


def test_a_users_universe_loads(tmp_path: Path) -> None:
    found = universe(tmp_path, UNIVERSE)
    assert (found.name, found.tickers, found.end) == (
        "mine",
        ("^GSPC", "^IXIC"),
        date(2018, 12, 31),
    )


@pytest.mark.parametrize(
    "text", ["", "- a list", "only text", "a: [1", "source: \x07", "1: 2", UNIVERSE + "name: other"]
)
def test_what_is_no_mapping_of_fields_is_refused_with_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"universes/mine\.yaml: expected a YAML mapping"
    ) as caught:
        universe(tmp_path, text)
    assert "\n" not in caught.value.line


def test_a_field_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine.yaml.*got target twice in the mapping of line 2"):
        universe(tmp_path, f"{UNIVERSE}\ntarget: ^IXIC\n")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    universe(tmp_path, UNIVERSE)
    (tmp_path / "universes" / "mine.yaml").write_bytes("target: Ä".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"universes/mine\.yaml"):
        load_named("universe", "mine", Universe, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("2012-12-31", "2016-01-04", "start < train_end < validation_end < end; got 1999-01-04"),
        ("2018-12-31", "2015-12-31", "start < train_end < validation_end < end"),
        ("1999-01-04", "2012-12-31", "start < train_end < validation_end < end"),
        ("target: ^GSPC", "target: ^DJI", r"among its tickers \^GSPC, \^IXIC; got '\^DJI'"),
        ("[^GSPC, ^IXIC]", "[]", "a target among its tickers"),
        ("^IXIC]", "../secrets]", r"tickers of letters.*got '\.\./secrets'"),
        ("^IXIC]", "/etc/passwd]", "tickers of letters"),
        ("^IXIC]", r"a\b]", "tickers of letters"),
        ("^IXIC]", "..]", "tickers of letters"),
        ("^IXIC]", "'']", "tickers of letters"),
        ("^IXIC]", "'A\n']", "tickers of letters"),
        ("^IXIC]", f"{'A' * 33}]", "tickers of letters"),
        ("bundled", "csv", "a path, .* or parquet, and only there; got source csv, path None"),
        ("bundled", "bundled\npath: here", "a path, .* with source csv or parquet, and only there"),
        ("bundled", "quandl", "expected 'bundled', 'yahoo', .* or 'synthetic'; got 'quandl'"),
        ("target:", "targt:", r"mine\.yaml, target: expected .*got nothing"),
        ("bundled", "bundled\nticker: x", r"mine\.yaml, ticker: expected a known field"),
        ("2018-12-31", "soon", r"mine\.yaml, end: expected a date such as 2024-01-31; got 'soon'"),
        ("2018-12-31", "2018", r"mine\.yaml, end: expected a date such as 2024-01-31; got 2018"),
        ("2018-12-31", "2018-06-31", r"mine\.yaml: expected a YAML mapping .*day is out of range"),
        ("[^GSPC, ^IXIC]", "[^GSPC, 600519]", r"mine\.yaml, tickers\.1: expected text; got 600519"),
    ],
)  # fmt: skip
def test_a_wrong_universe_is_refused(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert old in UNIVERSE
    with pytest.raises(ConfigError, match=line) as caught:
        universe(tmp_path, UNIVERSE.replace(old, new))
    assert "\n" not in caught.value.line
    assert "mine" in caught.value.line


def test_a_csv_universe_has_a_path(tmp_path: Path) -> None:
    found = universe(tmp_path, UNIVERSE.replace("bundled", "csv\npath: /data/bars"))
    assert (found.source, found.path) == ("csv", "/data/bars")


@pytest.mark.parametrize("name", ["my.universe", "Mine", "1st", "a b", "ä"])
def test_names_that_do_not_fit_into_tags_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"universe {name}: .*Rename the file"):
        universe(tmp_path, UNIVERSE, name)
    with pytest.raises(ConfigError, match=r"task .*Rename the file"):
        Task.model_validate({"name": name, "rise": 0.01})
    with pytest.raises(ConfigError, match=r"space .*Rename the file"):
        spaces(name=name)
    with pytest.raises(ConfigError, match=r"floors .*Rename the file"):
        Floors(name=name)


@pytest.mark.parametrize("rise", [0, -0.01, 1, float("nan"), float("inf"), "much"])
def test_a_rise_lies_between_nothing_and_everything(rise: object) -> None:
    with pytest.raises(ValidationError, match="rise"):
        Task.model_validate({"name": "mine", "rise": rise})


# Search spaces.


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("d_model", []),
        ("n_layers", [0]),
        ("n_heads", [2.5]),
        ("ff_ratio", "wide"),
        ("revin", []),
        ("batch_size", [-32]),
        # Drawn on a logarithmic scale: zero would fail in the middle of a search.
        ("learning_rate", [0, 1e-3]),
        ("weight_decay", [-1e-5, 1e-3]),
        ("learning_rate", [1e-4, float("inf")]),
        ("learning_rate", [1e-4]),
        ("dropout", [-0.1, 0.3]),
        ("dropout", [0.0, 1.0]),
        ("d_modle", [16]),
    ],
)
def test_a_wrong_axis_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        spaces(**{field: value})


@pytest.mark.parametrize("field", ["learning_rate", "weight_decay", "dropout"])
@pytest.mark.parametrize("bounds", [(0.3, 0.1), (0.2, 0.2)])
def test_low_lies_below_high(field: str, bounds: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="low < high"):
        spaces(**{field: bounds})


def test_a_missing_axis_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "mine.yaml").write_text("d_model: [16]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"search/mine\.yaml, n_layers: .*got nothing"):
        load_named("space", "mine", Space, tmp_path)


def test_a_spaces_values_do_not_hold_its_name() -> None:
    renamed = spaces(name="renamed")
    assert renamed.values() == load_space("default").values()
    assert load_space("demo").values() != load_space("default").values()
    later = {"context_length", "patch_length", "one_architecture"}  # left out at their defaults
    assert set(renamed.values()) == set(Space.model_fields) - {"name"} - later
    assert set(spaces(patch_length=[5, 10]).values()) - set(renamed.values()) == {"patch_length"}


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("d_model", [16, 16], "d_model: expected values that differ; got [16, 16]."),
        ("n_layers", [True], "n_layers.0: expected a valid integer; got True."),
        ("revin", ["yes"], "revin.0: expected a valid boolean; got 'yes'."),
        ("n_heads", [], "n_heads: expected one value at least; got []."),
        ("n_heads", 8, "n_heads: expected a list; got 8."),
        ("learning_rate", [1e-3, 1e-3], "learning_rate: expected low < high; got [0.001, 0.001]."),
    ],
)
def test_a_mistake_in_a_space_names_its_field(
    field: str, value: object, line: str, tmp_path: Path
) -> None:
    values = yaml.safe_load((CONFIGS / "search/default.yaml").read_text()) | {field: value}
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "mine.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError) as error:
        load_named("space", "mine", Space, tmp_path)
    assert error.value.line == f"configs/search/mine.yaml, {line} Correct the value."


def test_brackets_without_end_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "mine.yaml").write_text("a: " + "[" * 3001)
    with pytest.raises(ConfigError, match="expected a YAML mapping of field: value"):
        load_named("space", "mine", Space, tmp_path)


# Floors.


def floors(tmp_path: Path, text: str) -> Floors:
    (tmp_path / "floors").mkdir()
    (tmp_path / "floors" / "mine.yaml").write_text(text, encoding="utf-8")
    return load_named("floors", "mine", Floors, tmp_path)


def test_the_default_floors_stand_in_their_file_in_full() -> None:
    written = yaml.safe_load((CONFIGS / "floors" / "default.yaml").read_text(encoding="utf-8"))
    assert written == Floors().model_dump(exclude={"name"})
    assert load_floors("default") == Floors()


def test_the_default_limits_of_health_stand_in_their_file_in_full() -> None:
    written = yaml.safe_load((CONFIGS / "health" / "default.yaml").read_text(encoding="utf-8"))
    assert set(written) == set(Health.model_fields) - {"name"}
    assert load_health("default") == Health()
    assert (Health().pause_celsius, Health().pause_s, Health().stop_celsius) == (85, 60, 95)


def test_a_training_pauses_before_it_stops(tmp_path: Path) -> None:
    (tmp_path / "health").mkdir()
    file = tmp_path / "health" / "mine.yaml"
    file.write_text("pause_celsius: 97\nstop_celsius: 103\n", encoding="utf-8")
    found = load_named("health", "mine", Health, tmp_path)
    assert (found.pause_celsius, found.pause_s, found.stop_celsius) == (97, 60, 103)
    file.write_text("pause_celsius: 95\n", encoding="utf-8")
    line = "pause_celsius: expected less than stop_celsius, which is 95; got 95"
    with pytest.raises(ConfigError, match=line):
        load_named("health", "mine", Health, tmp_path)


def test_floors_of_a_user_may_be_high_and_few(tmp_path: Path) -> None:
    found = floors(tmp_path, "n_test: 999999937\nn_minority: 1\n")
    assert found == Floors(name="mine", n_test=999_999_937, n_minority=1)
    assert (found.n_train, found.n_validation, found.n_effective) == (250, 100, 60)


@pytest.mark.parametrize("field", sorted(set(Floors.model_fields) - {"name"}))
@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("0", "greater than or equal to 1; got 0"),
        ("-5", "greater than or equal to 1; got -5"),
        ("many", "a valid integer; got 'many'"),
        ("2.5", "a valid integer; got 2.5"),
        (".nan", "a valid integer; got nan"),
        ("[100]", r"a valid integer; got \[100\]"),
        ("", "a valid integer; got None"),
        # Not a floor of 1.
        ("yes", "a valid integer; got True"),
    ],
)
def test_a_floor_is_a_whole_number_from_one(
    tmp_path: Path, field: str, value: str, line: str
) -> None:
    where = rf"^configs/floors/mine\.yaml, {field}: expected {line}\. Correct the value\.$"
    with pytest.raises(ConfigError, match=where) as caught:
        floors(tmp_path, f"{field}: {value}")
    assert "\n" not in caught.value.line


def test_a_misspelled_floor_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"floors/mine\.yaml, n_tran: expected a known field"):
        floors(tmp_path, "n_tran: 250")


@pytest.mark.parametrize("text", ["", "- 250", "only text"])
def test_floors_are_a_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"floors/mine\.yaml: expected a YAML mapping"):
        floors(tmp_path, text)


# All of them.


@pytest.mark.parametrize(
    "config",
    [
        DataConfig(),
        HpoConfig(),
        TrainConfig(),
        AnalyzeConfig(),
        StudyConfig(),
        Floors(),
        load_task("threshold_1pct"),
        load_universe("sp500"),
        load_space("demo"),
        load_study("demo"),
    ],
    ids=lambda config: type(config).__name__,
)
def test_configs_are_frozen_and_closed(config: BaseModel) -> None:
    field = next(iter(type(config).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(config, field, getattr(config, field))
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(config).model_validate({**dict(config), "surprise": 1})
    assert isinstance(hash(config), int)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizons", [0]),
        ("horizons", [251]),
        ("horizons", []),
        ("feature_tiers", ["a99"]),
        ("budgets", []),
        ("seed", -1),
        ("n_seeds", 0),
        ("delta", 0),
        ("n_blocks", 1),
        ("n_blocks", 51),
        ("samples_per_chunk", "two"),
    ],
)
def test_a_study_whose_cells_cannot_be_is_refused_when_it_is_read(
    field: str, value: object
) -> None:
    fields = dict(load_study("demo"))
    with pytest.raises(ValidationError, match=field):
        Study.model_validate({**fields, field: value})


def test_a_study_with_a_wrong_budget_or_task_is_refused() -> None:
    fields = dict(load_study("demo"))
    with pytest.raises(ConfigError, match=r"budget: .*got '20X'"):
        Study.model_validate({**fields, "budgets": ["20X"]})
    with pytest.raises(ConfigError, match=r"task: .*Did you mean threshold_1pct"):
        Study.model_validate({**fields, "tasks": ["threshold_1pc"]})
    with pytest.raises(ConfigError, match=r"floors: .*Did you mean default"):
        Study.model_validate({**fields, "floors": "defaults"})


def test_a_study_cannot_walk_through_a_universe_without_a_start() -> None:
    """Said when the study is read, not when its first cell runs."""
    fields = dict(load_study("demo"))
    bare = fields["universes"][0].model_copy(update={"evaluation_start": None})
    assert Study.model_validate({**fields, "universes": (bare,)}).split == "chronological"
    with pytest.raises(ConfigError, match="universe sp500 without evaluation_start") as caught:
        Study.model_validate({**fields, "universes": (bare,), "split": "walk-forward"})
    assert "\n" not in caught.value.line


def test_a_folder_that_looks_like_a_file_is_no_name(tmp_path: Path) -> None:
    (tmp_path / "universes" / "folder.yaml").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"expected one of"):
        load_named("universe", "folder", Universe, tmp_path)


def test_a_field_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    without = UNIVERSE.replace("source: bundled\n", "")
    assert without != UNIVERSE
    with pytest.raises(ConfigError, match=r"source: expected a value; got nothing"):
        universe(tmp_path, without)
