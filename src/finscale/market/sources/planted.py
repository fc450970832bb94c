"""Artificial bars with a planted signal, so that the best possible forecast is known.

A session's open lies at a random place between 0.4 % below and 0.4 % above its close, and
tomorrow's direction depends on this place. The log odds that the next close is above today's, for
lags j < n, are

    z(t) = strength / sqrt(n) * sum_j s_j x(t - j),    x(t) = sqrt(3) * open(t)'s place in [-1, 1]

with fixed random signs s_j. With one lag, the smallest model learns the whole signal. With as many
lags as a window has bars, every patch needs projections of its own, and a model narrower than a
patch cannot hold them all: then a wider model is truly better.

Legend: `T` bars.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import Planted

Floats = NDArray[np.float64]

# Largest distance of an open from its close, as a share of the close.
REACH = 0.004
# Smallest and largest move from close to close, as a share of the close.
MOVES = (0.002, 0.008)


def planted_bars(planted: Planted, start: date, end: date) -> pd.DataFrame:
    """Draw the sessions from `start` to `end`, Mondays to Fridays.

    The place of the open predicts tomorrow's direction with the planted odds; moves, wicks and
    volumes carry no signal. The reference forecast uses neither opens nor volumes.
    """
    index = pd.bdate_range(start, end)
    rng = np.random.default_rng(planted.seed)
    place_T = rng.uniform(-1.0, 1.0, len(index))
    # The first session has no yesterday, so its direction is random.
    odds_T = np.concatenate([[0.0], _log_odds(place_T, planted)[:-1]])
    up_T = rng.uniform(size=len(index)) < 1.0 / (1.0 + np.exp(-odds_T))
    move_T = np.minimum(MOVES[0] * (1.0 + rng.standard_normal(len(index)) ** 2), MOVES[1])
    close_T = 100.0 * np.exp(np.cumsum(np.where(up_T, move_T, -move_T)))
    open_T = close_T * (1.0 + REACH * place_T)
    body = np.stack([open_T, close_T])
    wick_up_T, wick_down_T = rng.uniform(0.0, 0.003, (2, len(index)))
    return pd.DataFrame(
        {
            "open": open_T,
            "high": body.max(axis=0) * (1.0 + wick_up_T),
            "low": body.min(axis=0) * (1.0 - wick_down_T),
            "close": close_T,
            "volume": np.round(1e6 * np.exp(0.3 * rng.standard_normal(len(index)))),
        },
        index=index,
    )


def planted_log_odds(bars: pd.DataFrame, planted: Planted) -> Floats:
    """Return the true log odds that the next close is above each session's, shape (T,).

    No forecast has a lower expected loss than these odds, whose loss is the Bayes loss.
    """
    place_T = (bars["open"].to_numpy() / bars["close"].to_numpy() - 1.0) / REACH
    return _log_odds(place_T, planted)


def _log_odds(place_T: Floats, planted: Planted) -> Floats:
    n_lags = planted.n_lags
    if n_lags == 0:
        return np.zeros(len(place_T))
    signs = np.random.default_rng(planted.seed + 1).choice([-1.0, 1.0], n_lags)
    signs[0] = 1.0
    weights = planted.strength * np.sqrt(3.0 / n_lags) * signs
    # Sessions before the first count as if their open lay in the middle.
    return np.asarray(np.convolve(place_T, weights)[: len(place_T)])
