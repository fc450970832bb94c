"""The columns of the largest tier, by who computes them, for the tests of their numbers."""

from __future__ import annotations

import re

from finscale.dataset import TIERS

A500 = {feature.name: feature for feature in TIERS["a500"]}
_CALL = re.compile(r"TA-Lib \w+\((?:[\w.]+(?:, )?)*\)(?:, output \d)?")
_CANDLE = re.compile(r"(?:mean of \d+ of )?TA-Lib CDL\w+\(open, high, low, close\) / 100(?:; .*)?")
CANDLES = [name for name in A500 if _CANDLE.fullmatch(A500[name].formula)]
CALLED = [name for name in A500 if _CALL.fullmatch(A500[name].formula)]
"""Columns that are a function of TA-Lib and nothing else."""


def kind(name: str) -> str:
    """Return a column's name without its numbers.

    >>> kind("macd_hist_12_26_9")
    'macd_hist'
    """
    return re.sub(r"(_\d+)+$", "", name)


def numbers(name: str) -> list[int]:
    """Return the numbers that a column's name ends with.

    >>> numbers("macd_hist_12_26_9")
    [12, 26, 9]
    """
    return [int(word) for word in name.removeprefix(kind(name)).split("_") if word]
