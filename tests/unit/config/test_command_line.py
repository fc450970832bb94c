"""Command line to config and back."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.config import (
    AnalyzeConfig,
    ConfigError,
    DataConfig,
    Floors,
    HpoConfig,
    Problem,
    StudyConfig,
    TrainConfig,
    option_names,
    options,
    parse,
    spell,
)

PROG = "python -m entrypoints.hpo"


def hpo(*argv: str) -> HpoConfig:
    return parse(HpoConfig, argv, PROG)


def test_nothing_given_is_the_design() -> None:
    config = hpo()
    assert (config.budget, config.n_trials, config.epochs, config.seed) == (2_000_000, 20, 30, 42)
    assert (config.context_length, config.patch_length, config.patch_stride) == (60, 10, 5)
    assert (config.universe.name, config.task.rise, config.horizon) == ("sp500", 0.01, 1)
    assert (config.pins, config.device) == ({}, "auto")


def test_values_become_types_in_one_hop() -> None:
    config = hpo("--budget=20M", "--horizon", "3", "--task=threshold_5pct", "--revin=false")
    assert (config.budget, config.horizon, config.task.rise) == (20_000_000, 3, 0.05)
    assert config.revin is False


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        (
            "--horizn=3",
            r"parameter: expected one of universe.*got 'horizn'\. Did you mean horizon\?",
        ),
        ("--zzz=3", r"parameter: .*got 'zzz'\. Remove it\."),
        # No abbreviations: `--pat` would change its meaning with the next option.
        ("--horiz=3", r"parameter: .*got 'horiz'\. Did you mean horizon\?"),
        ("horizon=3", r"parameter: .*got 'horizon'"),
        ("--horizon=0", "horizon: expected greater than or equal to 1; got '0'"),
        ("--horizon=251", "horizon: expected less than or equal to 250; got '251'"),
        ("--horizon=1.5", r"horizon: expected a valid integer.*got '1\.5'"),
        ("--horizon=", "horizon: expected a valid integer.*got ''"),
        ("--horizon", "command line: expected --parameter value pairs; got .*--horizon"),
        ("--budget=-2M", "budget: expected a number of parameters.*got '-2M'"),
        ("--budget=20X", "budget: expected a number of parameters.*got '20X'"),
        ("--task=threshold_1pc", "task: expected one of .*Did you mean threshold_1pct"),
        ("--universe=sp50", "universe: expected one of .*Did you mean sp500"),
        ("--space=demoo", "space: expected one of .*Did you mean demo"),
        (
            "--timescale=hourly",
            "timescale: expected 'daily', '2d', '3d', '5d', 'weekly', '2wk', "
            r"'monthly' or 'daily\+multi'; got 'hourly'",
        ),
        (
            "--feature_tier=b99",
            "feature_tier: expected 'a20', 'a50', 'a100', 'a200', 'a250' or 'a500'; got 'b99'",
        ),
        ("--split=random", "split: expected 'chronological', 'walk-forward', 'chunk' or 'cpcv'"),
        ("--label_price=low", "label_price: expected 'high' or 'close'; got 'low'"),
        ("--n_blocks=1", "n_blocks: expected greater than or equal to 2; got '1'"),
        ("--samples_per_chunk=two", "samples_per_chunk: expected 'one' or 'all'; got 'two'"),
        (
            "--floors=strict",
            r"floors: expected one of .*default.*got 'strict'.*configs/local/floors/",
        ),
        ("--floors=0", "floors: expected one of .*default.*; got '0'"),
        ("--task=regresion", "task: expected one of .*Did you mean regression"),
        ("--device=tpu", "device: expected 'auto', 'cpu', 'cuda' or 'mps'; got 'tpu'"),
        ("--seed=-1", "seed: expected greater than or equal to 0"),
        ("--n_trials=0", "n_trials: expected greater than or equal to 1"),
        ("--d_model=0", "d_model: expected greater than or equal to 1"),
        ("--d_model=wide", "d_model: expected a valid integer"),
        (f"--d_model={'9' * 5_000}", "d_model: expected a valid integer of fewer digits"),
        ("--learning_rate=0", "learning_rate: expected greater than or equal to 1e-0?8"),
        ("--learning_rate=inf", "learning_rate: expected less than or equal to 1"),
        ("--learning_rate=nan", "learning_rate: expected less than or equal to 1"),
        ("--dropout=1", r"dropout: expected less than or equal to 0\.95"),
        ("--revin=maybe", "revin: expected a valid boolean"),
        ("--patch_length=61", "patch_length: expected at most context_length = 60; got 61"),
    ],
)
def test_a_wrong_argument_is_one_line(argument: str, line: str) -> None:
    with pytest.raises(ConfigError, match=line) as caught:
        hpo(argument)
    assert "\n" not in caught.value.line


def test_a_value_that_looks_like_an_option_is_one_line_too() -> None:
    with pytest.raises(ConfigError, match=r"command line: .*--budget"):
        hpo("--budget", "-2M")


def test_help_lists_every_option_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        hpo("--help")
    assert caught.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name in option_names(HpoConfig):
        assert f"--{name} VALUE" in shown
    assert "within 25 %: 500K, 2M, 20M, 200M, 2B (default: 2M)" in shown


def test_options_are_the_fields_a_user_may_set() -> None:
    assert option_names(DataConfig) == [
        *("universe", "timescale", "feature_tier", "vix", "data_root"),
    ]
    assert option_names(StudyConfig) == [
        *("study", "workers", "device", "precision", "compile", "nproc"),
        *("health", "data_root", "dry_run"),
    ]
    assert set(option_names(TrainConfig)) - set(option_names(HpoConfig)) == {"top_k", "n_seeds"}
    own = set(option_names(AnalyzeConfig)) - set(option_names(Problem))
    assert own == {"study", "precision", "floors", "allow_partial"}
    assert set(option_names(AnalyzeConfig)) - own == set(option_names(Problem))


def test_pins_are_what_a_user_has_fixed() -> None:
    pinned = hpo("--d_ff=100", "--revin=false", "--dropout=0", "--weight_decay=0.0", "--n_layers=3")
    assert pinned.pins == {
        "n_layers": 3,
        "d_ff": 100,
        "weight_decay": 0.0,
        "dropout": 0.0,
        "revin": False,
    }
    assert hpo("--d_ff=search", "--revin=search").pins == {}


def test_options_are_written_as_a_user_would() -> None:
    config = hpo("--budget=2.5M", "--revin=True", "--data_root=/mnt/bars/data", "--dropout=0.10")
    written = options(config)
    assert written["budget"] == "2500K"
    assert written["revin"] == "true"
    assert written["d_model"] == "search"
    assert (written["universe"], written["space"]) == ("sp500", "default")
    # A path has a `name` too, which is only its last part.
    assert written["data_root"] == "/mnt/bars/data"
    assert written["dropout"] == "0.1"
    assert list(written) == option_names(HpoConfig)


@pytest.mark.parametrize("text", ["true", "false", "True"])
def test_a_partial_study_is_allowed_in_a_word(text: str) -> None:
    config = parse(AnalyzeConfig, [f"--allow_partial={text}"], PROG)
    assert config.allow_partial is (text.lower() == "true")
    assert options(config)["allow_partial"] == text.lower()
    spelled = "" if text == "false" else " -P allow_partial=true"
    assert spell("analyze", config) == f"mlflow run . -e analyze{spelled}"


@pytest.mark.parametrize("text", ["maybe", "", "search", "2"])
def test_what_is_neither_true_nor_false_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="allow_partial: expected a valid boolean") as caught:
        parse(AnalyzeConfig, [f"--allow_partial={text}"], PROG)
    assert "\n" not in caught.value.line
    assert f"got '{text}'" in caught.value.line


def test_floors_are_written_as_their_name() -> None:
    assert options(hpo())["floors"] == "default"
    mine = HpoConfig(floors=Floors(name="mine", n_train=300))
    assert options(mine)["floors"] == "mine"
    assert spell("hpo", mine) == "mlflow run . -e hpo -P floors=mine"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ([], "mlflow run . -e hpo"),
        (["--budget=2000K", "--n_trials=20", "--device=auto"], "mlflow run . -e hpo"),
        (["--budget=20M", "--horizon=3"], "mlflow run . -e hpo -P horizon=3 -P budget=20M"),
        (["--data_root=/mnt/a b"], "mlflow run . -e hpo -P 'data_root=/mnt/a b'"),
    ],
)
def test_only_what_is_not_default_is_spelled_out(argv: list[str], line: str) -> None:
    assert spell("hpo", hpo(*argv)) == line


def read(line: str) -> HpoConfig:
    """Read a line as a shell and `mlflow run` would."""
    command = shlex.split(line)
    assert command[:5] == ["mlflow", "run", ".", "-e", "hpo"]
    assert command[5::2] == ["-P"] * len(command[6::2])
    return hpo(*(f"--{pair}" for pair in command[6::2]))


counts = st.integers(1, 1_009)
shares = st.floats(0, 1, exclude_max=True)
# As many characters as fit into the name of a folder, which has 255 bytes at most.
printable = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=60)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "universe": st.sampled_from(["sp500", "nasdaq", "spy"]),
            "task": st.sampled_from(["threshold_0p5pct", "threshold_1pct", "regression"]),
            "label_price": st.sampled_from(["high", "close"]),
            "split": st.sampled_from(["chronological", "walk-forward", "chunk", "cpcv"]),
            "n_blocks": st.integers(2, 50),
            "samples_per_chunk": st.sampled_from(["one", "all"]),
            "space": st.sampled_from(["default", "demo"]),
            "horizon": st.integers(1, 250),
            "context_length": st.integers(10, 2000),
            "patch_length": st.integers(1, 10),
            "patch_stride": st.integers(1, 10),
            "budget": st.integers(1, 10**11),
            "n_trials": counts,
            "epochs": counts,
            "seed": st.integers(0, 2**31 - 1),
            "d_model": counts,
            "n_layers": counts,
            "n_heads": counts,
            "d_ff": counts,
            "learning_rate": st.floats(1e-8, 1),
            "weight_decay": shares,
            "warmup_steps": counts,
            "dropout": st.floats(0, 0.95),
            "batch_size": counts,
            "revin": st.booleans(),
            "device": st.sampled_from(["auto", "cpu", "cuda", "mps"]),
            "data_root": printable,
        },
    )
)
def test_a_spelled_line_gives_the_same_config(values: dict[str, object]) -> None:
    config = HpoConfig.model_validate(values)
    assert read(spell("hpo", config)) == config
