"""Gates: conditions of a verdict that can be checked before the test is opened."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """Thresholds of the procedure, fixed before looking at the data.

    Attributes
    ----------
    delta_share : float
        Smallest slope that matters, per decade, as a share of the loss scale.
    min_seeds : int
        Seeds of every cell.
    min_effective_days : float
        Days whose label intervals do not overlap.
    min_sizes : int
        Distinct true parameter counts.
    min_decades : float
        Decades that these span.
    """

    delta_share: float = 0.01
    min_seeds: int = 3
    min_effective_days: float = 60.0
    min_sizes: int = 4
    min_decades: float = 1.5


DEFAULT_RULES = Rules()

# Cells that differ in one of these answer different questions: their days cannot be paired.
_IDENTITIES = ("data digest", "label version", "split")


@dataclass(frozen=True)
class Conditions:
    """Properties of a study that are known before its test is opened.

    Attributes
    ----------
    n_params : tuple of int, length J
        True parameter count of every cell.
    n_seeds : tuple of int, length J
        Finals of every cell.
    n_days, n_effective : int, float
        Evaluation days, and how many of them do not overlap in their labels.
    data_digests, label_versions, splits : tuple of str
        Of the cells; repeats allowed, in any order.
    carries_verdict : bool
        False for the diagnostic splits chunk and cpcv, whose training sees days after an
        evaluated one.
    precisions : tuple of str
        Arithmetic in which the cells were trained; repeats allowed, in any order.
    """

    n_params: tuple[int, ...]
    n_seeds: tuple[int, ...]
    n_days: int
    n_effective: float
    data_digests: tuple[str, ...]
    label_versions: tuple[str, ...]
    splits: tuple[str, ...]
    carries_verdict: bool = True
    precisions: tuple[str, ...] = ("float32",)


@dataclass(frozen=True)
class Gate:
    """A condition that does not hold.

    Attributes
    ----------
    name : str
        ``data digest``, ``label version``, ``split``, ``diagnostic split``, ``precision``,
        ``seeds``, ``effective days``, ``sizes`` or ``decades``.
    expected, got : str
        What the procedure asks for, and what there is.
    """

    name: str
    expected: str
    got: str

    @property
    def sentence(self) -> str:
        """The gate as text: ``gate seeds: expected ..., got ...``."""
        return f"gate {self.name}: expected {self.expected}, got {self.got}"

    @property
    def is_comparable(self) -> bool:
        """True if losses can still be paired by day: they may be looked at, without a verdict."""
        return self.name not in _IDENTITIES


def check_gates(conditions: Conditions, rules: Rules = DEFAULT_RULES) -> Gate | None:
    """Return the first gate that does not hold, or None.

    Gates need no loss. They are checked before the test is opened, so that a study without a
    possible verdict leaves the test closed.
    """
    assert len(conditions.n_params) == len(conditions.n_seeds), "one count of seeds a cell"
    return next(_failures(conditions, rules), None)


def _failures(conditions: Conditions, rules: Rules) -> Iterator[Gate]:
    identities = (conditions.data_digests, conditions.label_versions, conditions.splits)
    for name, values in zip(_IDENTITIES, identities, strict=True):
        distinct = sorted(set(values))
        if len(distinct) != 1:
            shown = 12 if name == "data digest" else None
            got = ", ".join(value[:shown] for value in distinct) or "none"
            yield Gate(name, "one and the same for all cells", got)
    if not conditions.carries_verdict:
        expected = "a split that never trains after an evaluated day"
        yield Gate("diagnostic split", expected, ", ".join(sorted(set(conditions.splits))))
    # Days can be paired, but a slope over sizes would also be one over precisions.
    if len(set(conditions.precisions)) > 1:
        used = ", ".join(sorted(set(conditions.precisions)))
        yield Gate("precision", "one and the same for all cells", used)
    fewest = min(conditions.n_seeds, default=0)
    if fewest < rules.min_seeds:
        yield Gate("seeds", f"at least {rules.min_seeds} a cell", str(fewest))
    if not conditions.n_effective >= rules.min_effective_days:
        floor = f"at least {rules.min_effective_days:g}"
        yield Gate("effective days", floor, f"{conditions.n_effective:g}")
    yield from _size_failures(conditions.n_params, rules)


def _size_failures(n_params: tuple[int, ...], rules: Rules) -> Iterator[Gate]:
    sizes = sorted(set(n_params))
    if len(sizes) < rules.min_sizes:
        yield Gate("sizes", f"at least {rules.min_sizes} true sizes", str(len(sizes)))
    decades = math.log10(sizes[-1] / sizes[0]) if sizes else 0.0
    # A factor of exactly 10^1.5 must not fail because of rounding.
    if decades < rules.min_decades - 1e-9:
        expected = f"at least {rules.min_decades:g} decades of true parameters"
        yield Gate("decades", expected, f"{decades:.2f}")
