"""The procedure: every gate and every answer, and the 19-sample story."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import finscale.laws
from finscale.laws import (
    Answer,
    Conditions,
    Evidence,
    Rules,
    Verdict,
    check_gates,
    refuse,
    verdict,
)

SOUND = Conditions(
    n_params=(32_003, 125_003, 500_009, 2_000_003),
    n_seeds=(3, 3, 3, 3),
    n_days=751,
    n_effective=751.0,
    data_digests=("a" * 64,) * 4,
    label_versions=("1",) * 4,
    splits=("chronological",) * 4,
)
LOSS_SCALE = 0.37


def study(slope: float, sd: float, train: float | None = None) -> Evidence:
    offset = np.log10(SOUND.n_params) - np.mean(np.log10(SOUND.n_params))
    return Evidence(
        conditions=SOUND,
        difference=0.01 + slope * offset,
        cov=sd**2 * np.eye(4),
        loss_scale=LOSS_SCALE,
        train_loss=None if train is None else 0.3 + train * offset,
    )


def test_sound_conditions_pass_every_gate() -> None:
    assert check_gates(SOUND) is None


@pytest.mark.parametrize(
    ("change", "name", "got"),
    [
        ({"data_digests": ("a" * 64, "b" * 64)}, "data digest", "aaaaaaaaaaaa, bbbbbbbbbbbb"),
        ({"data_digests": ()}, "data digest", "none"),
        ({"label_versions": ("1", "2", "1", "1")}, "label version", "1, 2"),
        ({"splits": ("chronological", "chunk")}, "split", "chronological, chunk"),
        ({"carries_verdict": False}, "diagnostic split", "chronological"),
        ({"n_seeds": (3, 2, 3, 3)}, "seeds", "2"),
        ({"n_effective": 59.9}, "effective days", "59.9"),
        ({"n_effective": float("nan")}, "effective days", "nan"),
        ({"n_params": (32_003, 32_003, 500_009, 2_000_003)}, "sizes", "3"),
        ({"n_params": (70_001, 125_003, 500_009, 2_000_003)}, "decades", "1.46"),
        ({"n_params": (), "n_seeds": ()}, "seeds", "0"),
    ],
)
def test_each_gate_fires_and_is_named(change: dict[str, object], name: str, got: str) -> None:
    conditions = replace(SOUND, **change)  # type: ignore[arg-type]
    gate = check_gates(conditions)
    assert gate is not None
    assert (gate.name, gate.got) == (name, got)
    found = verdict(replace(study(-0.05, 1e-4), conditions=conditions))
    assert found.answer is Answer.NOT_IDENTIFIABLE
    assert found.gate == gate
    assert f"gate {name}" in found.reason


@pytest.mark.parametrize("split", ["chunk", "cpcv"])
def test_a_diagnostic_split_carries_no_verdict(split: str) -> None:
    diagnostic = replace(SOUND, splits=(split,) * 4, carries_verdict=False)
    gate = check_gates(diagnostic)
    assert gate is not None
    assert gate.sentence == (
        "gate diagnostic split: expected a split that never trains after an evaluated day, "
        f"got {split}"
    )
    # After what makes cells incomparable, before what more finals would mend.
    for change, name in [
        ({"data_digests": ("a" * 64, "b" * 64)}, "data digest"),
        ({"label_versions": ("1", "2")}, "label version"),
        ({"splits": ("chunk", "cpcv")}, "split"),
        ({"n_seeds": (2,) * 4}, "diagnostic split"),
    ]:
        first = check_gates(replace(diagnostic, **change))  # type: ignore[arg-type]
        assert first is not None and first.name == name


@pytest.mark.parametrize(
    ("change", "is_comparable"),
    [
        ({"data_digests": ("a" * 64, "b" * 64)}, False),
        ({"label_versions": ("1", "2")}, False),
        ({"splits": ("chronological", "chunk")}, False),
        ({"carries_verdict": False}, True),
        ({"n_seeds": (1,) * 4}, True),
        ({"n_effective": 19.0}, True),
        ({"n_params": (32_003,) * 4}, True),
        ({"n_params": (70_001, 125_003, 500_009, 2_000_003)}, True),
    ],
)
def test_only_cells_that_were_asked_the_same_are_comparable(
    change: dict[str, object], is_comparable: bool
) -> None:
    gate = check_gates(replace(SOUND, **change))  # type: ignore[arg-type]
    assert gate is not None
    assert gate.is_comparable is is_comparable


def test_one_size_fails_on_sizes_before_decades() -> None:
    gate = check_gates(replace(SOUND, n_params=(500_009,), n_seeds=(3,)))
    assert gate is not None and gate.name == "sizes"


def test_a_factor_of_exactly_one_and_a_half_decades_passes() -> None:
    sizes = (1_000, 2_000, 5_000, round(1_000 * 10**1.5) + 1)
    assert check_gates(replace(SOUND, n_params=sizes)) is None


def test_rules_can_be_set_by_a_study() -> None:
    assert check_gates(replace(SOUND, n_seeds=(1,) * 4), Rules(min_seeds=1)) is None
    found = verdict(study(0.02, 0.001), Rules(delta_share=0.1))
    assert (found.answer, found.delta) == (Answer.FLAT, pytest.approx(0.037))


def test_delta_is_a_share_of_the_loss_scale() -> None:
    density = replace(study(-0.02, 0.001), loss_scale=1.0)
    assert verdict(density).delta == pytest.approx(0.01)
    with pytest.raises(AssertionError, match="a loss scale is positive"):
        verdict(replace(density, loss_scale=-3.2))


def test_the_nineteen_samples_are_not_identifiable() -> None:
    sizes = (2_070_000, 20_700_000, 178_000_000, 1_650_000_000)
    losses = np.array([0.3067, 0.3377, 0.3574, 0.3716])
    conditions = replace(SOUND, n_params=sizes, n_days=19, n_effective=19.0)
    found = verdict(Evidence(conditions, losses - 0.3067, 1e-8 * np.eye(4), 0.3067, losses))
    assert found.answer is Answer.NOT_IDENTIFIABLE
    assert found.gate is not None and found.gate.name == "effective days"
    assert found.reason == ("Not identifiable: gate effective days: expected at least 60, got 19.")
    assert found.numbers == {}


def test_flat() -> None:
    found = verdict(study(-0.0008, 0.0005))
    assert found.answer is Answer.FLAT
    assert found.delta == pytest.approx(0.01 * LOSS_SCALE)
    assert found.reason.startswith("Flat: slope −0.0008")
    assert "±0.0037" in found.reason


def test_a_precise_slope_too_small_to_matter_is_flat_though_it_is_not_zero() -> None:
    found = verdict(study(-0.002, 1e-5))
    assert found.interval_95 is not None and found.interval_95[1] < 0.0
    assert found.answer is Answer.FLAT


def test_improves() -> None:
    found = verdict(study(-0.02, 0.002))
    assert found.answer is Answer.IMPROVES
    assert "below 0" in found.reason


@pytest.mark.parametrize("train", [None, -0.01, 0.0])
def test_inverse(train: float | None) -> None:
    found = verdict(study(0.02, 0.002, train))
    assert found.answer is Answer.INVERSE
    assert ("training loss" in found.reason) == (train is not None)


def test_optimisation_limited_when_the_training_loss_rises_too() -> None:
    found = verdict(study(0.02, 0.002, train=0.005))
    assert found.answer is Answer.OPTIMISATION_LIMITED
    assert found.train_slope == pytest.approx(0.005)
    assert "training loss rises" in found.reason


def test_a_rising_training_loss_alone_decides_nothing() -> None:
    assert verdict(study(-0.02, 0.002, train=0.005)).answer is Answer.IMPROVES
    assert verdict(study(0.0, 0.0005, train=0.005)).answer is Answer.FLAT


def test_not_identifiable_says_what_would_settle_it() -> None:
    found = verdict(study(-0.002, 0.004))
    assert found.answer is Answer.NOT_IDENTIFIABLE and found.gate is None
    assert found.slope is not None and found.delta is not None
    assert found.smallest_detectable == pytest.approx(2.8 * found.slope.se)
    days = 751 * (2.8 * found.slope.se / found.delta) ** 2
    assert found.days_needed == pytest.approx(days)
    assert f"about {days:,.0f} days" in found.reason


def test_every_number_is_in_the_result() -> None:
    found = verdict(study(-0.002, 0.004, train=-0.01))
    numbers = found.numbers
    assert found.variance_dof == 8
    assert numbers["variance_dof"] == 8.0
    half = (numbers["ci95_high"] - numbers["ci95_low"]) / 2
    assert half == pytest.approx(2.306004 * numbers["slope_se"], rel=1e-6)
    half = (numbers["ci90_high"] - numbers["ci90_low"]) / 2
    assert half == pytest.approx(1.859548 * numbers["slope_se"], rel=1e-6)
    assert set(numbers) == {
        "delta", "smallest_detectable", "days_needed", "variance_dof", "train_slope", "slope",
        "slope_se", "chi2", "chi2_dof", "inflation", "ci90_low", "ci90_high", "ci95_low",
        "ci95_high",
    }  # fmt: skip


def test_scatter_beyond_the_errors_widens_the_interval() -> None:
    straight = study(-0.01, 0.001)
    bent = replace(straight, difference=straight.difference + np.array([0.01, -0.01, -0.01, 0.01]))
    found = verdict(bent)
    assert found.slope is not None and found.slope.inflation > 5.0
    assert found.answer is Answer.NOT_IDENTIFIABLE
    assert verdict(straight).answer is Answer.IMPROVES


def test_a_closed_test_has_a_verdict_too() -> None:
    gate = check_gates(replace(SOUND, n_seeds=(2,) * 4))
    assert gate is not None
    assert refuse(gate) == Verdict(
        answer=Answer.NOT_IDENTIFIABLE,
        reason="Not identifiable: gate seeds: expected at least 3 a cell, got 2.",
        gate=gate,
    )


def test_null_studies_are_rarely_called() -> None:
    rng = np.random.default_rng(20)
    answers = []
    for _ in range(1_000):
        null = study(0.0, 0.004)
        noise = rng.normal(0, 0.004, 4)
        answers.append(verdict(replace(null, difference=null.difference + noise)).answer)
    called = sum(answer in (Answer.IMPROVES, Answer.INVERSE) for answer in answers)
    assert called <= 50
    assert answers.count(Answer.NOT_IDENTIFIABLE) > 500


def test_twice_the_smallest_detectable_slope_is_found() -> None:
    rng = np.random.default_rng(21)
    detectable = verdict(study(0.0, 0.002)).smallest_detectable
    assert detectable is not None
    truth = study(-2 * detectable, 0.002)
    found = 0
    for _ in range(300):
        noise = rng.normal(0, 0.002, 4)
        answer = verdict(replace(truth, difference=truth.difference + noise)).answer
        found += answer is Answer.IMPROVES
    assert found >= 240


def test_laws_import_neither_pandas_nor_mlflow() -> None:
    folder = Path(finscale.laws.__file__).parent
    names = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    assert "scipy" in names
    assert not names & {"pandas", "mlflow", "torch", "matplotlib"}
