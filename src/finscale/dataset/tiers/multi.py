"""Indicators of finished weeks and months that the timescale daily+multi adds to daily ones."""

from __future__ import annotations

from finscale.dataset.catalogue import averages, crossing, momentum, ranges

MULTI = (
    crossing.weekly(momentum.roc(4)),
    crossing.weekly(momentum.roc(13)),
    crossing.weekly(averages.sma(10)),
    crossing.weekly(averages.sma(26)),
    crossing.weekly(momentum.rsi(10)),
    crossing.weekly(crossing.percent_b(20)),
    crossing.weekly(ranges.natr(10)),
    crossing.weekly(crossing.range_of_bar()),
    crossing.monthly(momentum.roc(1)),
    crossing.monthly(momentum.roc(3)),
    crossing.monthly(momentum.roc(6)),
    crossing.monthly(averages.sma(6)),
    crossing.monthly(momentum.rsi(6)),
    crossing.monthly(crossing.range_of_bar()),
)
