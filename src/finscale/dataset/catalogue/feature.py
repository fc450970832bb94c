"""The definition of a feature, one column of a tier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from finscale.dataset.indicators import TRAILING, BarArrays, Indicator
from finscale.dataset.stationary import (
    Rule,
    distance_to_close,
    in_turnover,
    in_volumes,
    percent,
    share_of_close,
    unchanged,
)

Group = Literal[
    "price",
    "trend",
    "momentum",
    "volatility",
    "volume",
    "price pattern",
    "statistical",
    "calendar",
    "cross-timescale",
    "vix",
    "macro",
]
Number = int | float
Parameters = tuple[tuple[str, Number], ...]


@dataclass(frozen=True)
class UnitRule:
    """The unit in which a feature is computed, and the rule that removes the unit.

    Attributes
    ----------
    first : int
        First row at which the rule has a value.
    """

    unit: str
    rule: Rule
    first: int = 0


LEVEL = UnitRule("price", distance_to_close)
SPAN = UnitRule("price", share_of_close)
TRADED = UnitRule("units traded", in_volumes, TRAILING - 1)
TURNED_OVER = UnitRule("price * units traded", in_turnover, TRAILING - 1)
PERCENT = UnitRule("percent", percent)
PURE = UnitRule("none", unchanged)


@dataclass(frozen=True)
class Feature:
    """One column of a tier.

    Attributes
    ----------
    name : str
    group : Group
    formula : str
        Definition in one line, for people.
    inputs : tuple of str
        The columns of the bars that the formula uses; ``date`` for calendar features.
    parameters : tuple of (str, number)
    warmup : int
        First row of the stationary form that has a value, on any daily bars.
    unit_rule : UnitRule
        Unit of the computed values, and the rule that removes it.
    compute : callable
        Computes values in that unit, shape (T,), from bars; value t uses only bars up to t.
    """

    name: str
    group: Group
    formula: str
    inputs: tuple[str, ...]
    parameters: Parameters
    warmup: int
    unit_rule: UnitRule
    compute: Indicator

    @property
    def unit(self) -> str:
        """Unit of the computed values."""
        return self.unit_rule.unit

    @property
    def rule(self) -> Rule:
        """Rule that makes the values stationary."""
        return self.unit_rule.rule


def from_talib(
    group: Group,
    name: str,
    function: Callable[..., Any],
    inputs: tuple[str, ...],
    parameters: Parameters,
    warmup: int,
    unit_rule: UnitRule,
    output: int | None = None,
) -> Feature:
    """Make a feature from a TA-Lib function, or from one of its several outputs.

    Parameters
    ----------
    warmup : int
        First row at which the function has a value.
    """
    numbers = tuple(value for _, value in parameters)
    formula = f"TA-Lib {function.__name__}({', '.join([*inputs, *map(str, numbers)])})"
    if output is not None:
        formula += f", output {output + 1}"

    def compute(bars: BarArrays) -> Any:
        results = function(*(getattr(bars, column) for column in inputs), *numbers)
        return results if output is None else results[output]

    first = max(warmup, unit_rule.first)
    return Feature(name, group, formula, inputs, parameters, first, unit_rule, compute)


def of_period(
    group: Group,
    name: str,
    formula: str,
    inputs: tuple[str, ...],
    period: int,
    warmup: int,
    compute: Indicator,
    unit_rule: UnitRule = PURE,
) -> Feature:
    """Make a feature from a formula with a period, which becomes the last part of its name."""
    first = max(warmup, unit_rule.first)
    parameters = (("period", period),)
    return Feature(
        f"{name}_{period}", group, formula, inputs, parameters, first, unit_rule, compute
    )
