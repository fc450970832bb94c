"""The procedure: every gate and every answer, and the 19-sample story."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import finscale.laws
from finscale.laws import (
    Answer,
    Conditions,
    Evidence,
    Rules,
    Verdict,
    check_gates,
    holm,
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
        day_cov=sd**2 / 2 * np.eye(4),
        seed_variance=np.full(4, sd**2 / 2),
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
        ({"precisions": ("float32", "bfloat16") * 2}, "precision", "bfloat16, float32"),
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
    found = verdict(
        Evidence(conditions, losses - 0.3067, 1e-8 * np.eye(4), np.zeros(4), 0.3067, losses)
    )
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
    # Half of the variance is of seeds: (1/2 + 1/2)^2 / sum of (w_i / 2)^2 / 2, w_i = c_i^2 / c'c.
    share = np.log10(SOUND.n_params) - np.mean(np.log10(SOUND.n_params))
    share = share**2 / (share @ share)
    assert numbers["slope_dof"] == pytest.approx(8.0 / np.sum(share**2))
    reach = stats.t.ppf([0.95, 0.975], numbers["slope_dof"]) * numbers["slope_se"]
    assert (numbers["ci90_high"] - numbers["ci90_low"]) / 2 == pytest.approx(reach[0], rel=1e-6)
    assert (numbers["ci95_high"] - numbers["ci95_low"]) / 2 == pytest.approx(reach[1], rel=1e-6)
    assert set(numbers) == {
        "delta", "smallest_detectable", "days_needed", "train_slope", "slope", "slope_se",
        "slope_dof", "chi2", "chi2_dof", "ci90_low", "ci90_high", "ci95_low", "ci95_high",
    }  # fmt: skip


def test_what_has_no_end_or_was_not_asked_is_no_number() -> None:
    known = replace(study(-0.02, 0.002), seed_variance=np.zeros(4))
    found = verdict(known)
    assert found.slope is not None and found.slope.dof == np.inf
    assert "slope_dof" not in found.numbers
    assert np.isfinite(list(found.numbers.values())).all()


def test_a_bent_fall_improves_all_the_same() -> None:
    straight = study(-0.01, 0.001)
    bent = replace(straight, difference=straight.difference + np.array([0.01, -0.01, -0.01, 0.01]))
    found, plain = verdict(bent), verdict(straight)
    assert found.slope is not None and plain.slope is not None
    assert found.slope.chi2 > 100 > plain.slope.chi2
    assert found.slope.se == plain.slope.se
    assert found.answer is Answer.IMPROVES


def test_a_claim_has_a_p_value_that_agrees_with_its_interval() -> None:
    for slope in (-0.02, 0.02, 0.0002, -0.003):
        found = verdict(study(slope, 0.001))
        assert found.p_value is not None and found.p_value < 0.05
    assert verdict(study(-0.002, 0.004)).p_value is None
    line = verdict(study(-0.0008, 0.0005)).slope
    assert line is not None
    upper = stats.t.cdf((-0.0008 - 0.0037) / line.se, line.dof)
    lower = stats.t.sf((-0.0008 + 0.0037) / line.se, line.dof)
    assert verdict(study(-0.0008, 0.0005)).p_value == pytest.approx(max(upper, lower), rel=1e-6)


def test_four_sizes_have_no_form() -> None:
    found = verdict(study(-0.02, 0.002))
    assert found.form is None
    assert "a form takes 6 sizes or more, and there are 4" in found.reason


def holm_of(*p: float | None) -> tuple[Verdict, ...]:
    known = verdict(study(-0.02, 0.001))
    silent = verdict(study(-0.002, 0.004))
    return holm([replace(known, p_value=x) if x is not None else silent for x in p])


def test_holm_by_hand() -> None:
    # .01 x 4, .02 x 3 (below the one before: not smaller), and one that claims nothing.
    first, second, third, silent = holm_of(0.02, 0.01, 0.021, None)
    assert (second.p_adjusted, first.p_adjusted, third.p_adjusted) == pytest.approx(
        (0.04, 0.06, 0.06)
    )
    assert second.answer is Answer.IMPROVES
    assert first.answer is third.answer is Answer.NOT_IDENTIFIABLE
    assert "alone it would be improves (p = 0.020), but among the 4 verdicts" in first.reason
    assert "Holm's correction makes that p = 0.060" in first.reason
    assert first.numbers["p_adjusted"] == pytest.approx(0.06)
    assert silent.p_adjusted is None and "p_adjusted" not in silent.numbers


def test_one_tested_verdict_needs_no_correction() -> None:
    gate = check_gates(replace(SOUND, n_seeds=(2,) * 4))
    assert gate is not None
    one = (replace(verdict(study(-0.02, 0.001)), p_value=0.049), refuse(gate))
    assert holm(one) == one
    assert holm([]) == ()


def test_holm_keeps_the_order_and_never_exceeds_one() -> None:
    found = holm_of(0.049, 1e-9, 0.9)
    assert [x.p_value for x in found] == [0.049, 1e-9, 0.9]
    assert found[1].answer is Answer.IMPROVES
    assert all(x.p_adjusted is not None and x.p_adjusted <= 1.0 for x in found)


def test_a_closed_test_has_a_verdict_too() -> None:
    gate = check_gates(replace(SOUND, n_seeds=(2,) * 4))
    assert gate is not None
    assert refuse(gate) == Verdict(
        answer=Answer.NOT_IDENTIFIABLE,
        reason="Not identifiable: gate seeds: expected at least 3 a cell, got 2.",
        gate=gate,
    )


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
