"""The features that tier a100 adds to a50: the classic indicators of every group."""

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

A100_ADDS = (
    # trend
    averages.ema(26),
    averages.kama(10),
    averages.sar(0.02, 0.2),
    averages.supertrend(10, 3),
    trend.average_gap(50, 200),
    trend.slope(20),
    trend.time_correlation(50),
    trend.plus_di(14),
    trend.minus_di(14),
    trend.channel_place(50),
    # momentum
    momentum.rsi(2),
    momentum.rsi(28),
    momentum.stochastic(14, 3, 1),
    momentum.trix(15),
    momentum.true_strength(25, 13),
    momentum.chande(10),
    momentum.intraday_strength(14),
    momentum.risk_adjusted(60),
    momentum.skipping(250, 20),
    momentum.coppock(10, 11, 14),
    momentum.percent_rank(100),
    # volatility
    volatility.smoothed(33),
    ranges.yang_zhang(60),
    volatility.realised_ratio(5, 60),
    volatility.downside(20),
    volatility.ulcer(14),
    ranges.true_range(),
    volatility.range_to_realised(20),
    # volume
    volume.relative_volume(50),
    volume.force(13),
    volume.balance_change(20),
    volume.volume_gap(12, 26),
    volume.illiquidity(20),
    # price pattern
    patterns.candle(talib.CDLENGULFING),
    patterns.candle(talib.CDLDOJI),
    patterns.upper_shadow(1),
    patterns.lower_shadow(1),
    patterns.streak(),
    # statistical
    statistics.skewness(60),
    statistics.kurtosis(60),
    statistics.autocorrelation(1, 60),
    statistics.up_share(20),
    statistics.since_high(120),
    statistics.since_low(120),
    # calendar
    calendar.month_day_sine(),
    calendar.expiry_week(),
    calendar.days_since_session(),
    # cross-timescale
    crossing.coarse(momentum.roc(2)),
    crossing.place_in_coarse(),
    crossing.coarse(momentum.cci(14)),
)
