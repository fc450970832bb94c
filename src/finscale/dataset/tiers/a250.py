"""The fifty features that tier a250 adds to a200, chosen for low correlation with earlier ones.

Within each group, the next feature was always the candidate whose largest correlation with the
columns chosen before was smallest, on the bundled indices. The table itself is fixed.
"""

from __future__ import annotations

import talib

from finscale.dataset.catalogue import (
    averages,
    calendar,
    crossing,
    momentum,
    patterns,
    ranges,
    statistics,
    trend,
    volatility,
    volume,
)

A250_ADDS = (
    # trend
    trend.aroon_down(14),
    trend.aroon_up(10),
    trend.vertical_filter(50),
    trend.time_correlation(5),
    trend.aroon_up(200),
    trend.vertical_filter(100),
    trend.vortex_up(7),
    averages.linear_end(5),
    trend.dx(14),
    trend.simple_gap(5, 10),
    # momentum
    momentum.cycle(0),
    momentum.detrended(10),
    momentum.acceleration(60),
    momentum.past_return(2),
    momentum.cycle_sine(1),
    momentum.acceleration(3),
    momentum.acceleration(120),
    momentum.acceleration(20),
    momentum.acceleration(10),
    # volatility
    volatility.volatility_of_volatility(20, 120),
    volatility.jump_share(10),
    volatility.range_to_realised(10),
    volatility.realised_ratio(60, 250),
    volatility.down_share(120),
    ranges.range_to_average(120),
    volatility.jump_share(250),
    volatility.jump_share(60),
    # volume
    volume.volume_spread(120),
    volume.since_busiest(20),
    volume.volume_with_size(60),
    volume.volume_spread(20),
    volume.volume_spread(5),
    volume.volume_change(1),
    volume.volume_trend(5),
    # price pattern
    patterns.candle(talib.CDLXSIDEGAP3METHODS),
    patterns.candle_balance(talib.CDLHIGHWAVE, 10),
    patterns.candle(talib.CDL3OUTSIDE),
    patterns.candle(talib.CDLMATCHINGLOW),
    patterns.outside_bars(20),
    # statistical
    statistics.range_autocorrelation(1, 20),
    statistics.autocorrelation(1, 10),
    statistics.autocorrelation(10, 120),
    statistics.variance_ratio(20, 230),
    statistics.order_entropy(60),
    statistics.tail_balance(20),
    # calendar
    calendar.year_end(),
    calendar.quarter_end(),
    # cross-timescale
    crossing.coarse(volume.volume_ratio(2, 8)),
    crossing.range_so_far(),
    crossing.volatility_gap(60, 12),
)
