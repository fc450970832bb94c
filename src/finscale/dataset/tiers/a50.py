"""The thirty features that tier a50 adds to a20: the most common indicators."""

from __future__ import annotations

from finscale.dataset.catalogue import (
    calendar,
    momentum,
    patterns,
    ranges,
    statistics,
    trend,
    volatility,
    volume,
)

A50_ADDS = (
    # trend
    trend.aroon_up(25),
    trend.aroon_down(25),
    # momentum
    momentum.log_return_over(2),
    momentum.log_return_over(5),
    momentum.log_return_over(10),
    momentum.log_return_over(20),
    momentum.log_return_over(60),
    momentum.past_return(1),
    momentum.roc(120),
    momentum.roc(40),
    momentum.cci(20),
    momentum.williams(14),
    momentum.ultimate(7, 14, 28),
    momentum.macd_histogram(12, 26, 9),
    # volatility
    volatility.realised(5),
    volatility.realised(20),
    volatility.realised(60),
    ranges.parkinson(20),
    ranges.garman_klass(10),
    volatility.band_width(20),
    # volume
    volume.money_flow(14),
    volume.chaikin_flow(20),
    volume.volume_ratio(5, 20),
    # price pattern
    patterns.body(),
    # statistical
    statistics.drawdown(120),
    # calendar
    calendar.weekday_sine(),
    calendar.weekday_cosine(),
    calendar.year_sine(),
    calendar.year_cosine(),
    calendar.turn_of_month(),
)
