"""Holm's correction of p-values for multiple testing."""

from __future__ import annotations

from collections.abc import Sequence


def holm_adjusted(p_values: Sequence[float], n_tested: int) -> list[float]:
    """Multiply the k-th smallest of m p-values by m - k + 1; none below the one before it.

    Holm 1979, Scand. J. Stat. 6.

    Parameters
    ----------
    p_values : sequence of float
        The smallest of them all.
    n_tested : int
        How many hypotheses m there are: those without a p-value here have larger ones.

    Returns
    -------
    list of float
        In the order given, at most 1.
    """
    assert n_tested >= len(p_values), "every p-value is of a hypothesis"
    adjusted, largest = [1.0] * len(p_values), 0.0
    for k, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (n_tested - k) * p_values[i]))
        adjusted[i] = largest
    return adjusted
