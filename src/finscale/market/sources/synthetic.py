"""Artificial bars with volatility clustering as in a market, for controls and tests.

The log return of a session is r(t) = drift / 252 + sqrt(h(t)) z(t), and its variance follows
GARCH(1,1):

    h(t+1) = (1 - alpha - beta) volatility^2 / 252 + alpha h(t) z(t)^2 + beta h(t)

with standard normal z. Opens, highs, lows and volumes look plausible: ranges are wider and volumes
larger when volatility is high. The direction is unpredictable, and tomorrow's volatility is fully
known.

Random numbers are drawn session by session, so that a later end continues the same path.

Legend: `T` bars.
"""

from __future__ import annotations

import zlib
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.config import Synthetic
from finscale.market.sources.flat import flat_bars

Floats = NDArray[np.float64]
SESSIONS_A_YEAR = 252
N_DRAWS = 5


def synthetic_bars(synthetic: Synthetic, ticker: str, start: date, end: date) -> pd.DataFrame:
    """Draw the sessions from `start` to `end`, Mondays to Fridays; each ticker has its own path."""
    index = pd.bdate_range(start, end)
    # Five columns of normal draws: surprise, open, upper wick, lower wick, volume.
    z_T, gap_T, up_T, down_T, trade_T = _draws(synthetic, ticker, len(index)).T
    variance_T = _variances(synthetic, z_T)[:-1]
    sigma_T = np.sqrt(variance_T)
    return_T = synthetic.drift / SESSIONS_A_YEAR + sigma_T * z_T
    close_T = 100.0 * np.exp(np.cumsum(return_T))
    # A quarter of the session's move happens overnight, plus a move that is undone by the close.
    open_T = close_T * np.exp(-0.75 * return_T + 0.3 * sigma_T * gap_T)
    body = np.stack([open_T, close_T])
    busy_T = np.sqrt(variance_T * SESSIONS_A_YEAR) / synthetic.volatility
    return pd.DataFrame(
        {
            "open": open_T,
            "high": body.max(axis=0) * np.exp(0.4 * sigma_T * np.abs(up_T)),
            "low": body.min(axis=0) * np.exp(-0.4 * sigma_T * np.abs(down_T)),
            "close": close_T,
            "volume": np.round(1e6 * busy_T * np.exp(0.2 * np.abs(z_T) + 0.2 * trade_T)),
        },
        index=index,
    )


def synthetic_vix(synthetic: Synthetic, ticker: str, start: date, end: date) -> pd.DataFrame:
    """Return the true volatility of `ticker` in the next session, in per cent a year."""
    index = pd.bdate_range(start, end)
    variance_T = _variances(synthetic, _draws(synthetic, ticker, len(index))[:, 0])[1:]
    return flat_bars(pd.Series(100.0 * np.sqrt(SESSIONS_A_YEAR * variance_T), index))


def _draws(synthetic: Synthetic, ticker: str, n_sessions: int) -> Floats:
    rng = np.random.default_rng([synthetic.seed, zlib.crc32(ticker.encode())])
    return rng.standard_normal((n_sessions, N_DRAWS))


def _variances(synthetic: Synthetic, z_T: Floats) -> Floats:
    """Return the variance of every session and of the one after the last, shape (T + 1,)."""
    long_run = synthetic.volatility**2 / SESSIONS_A_YEAR
    base = (1.0 - synthetic.alpha - synthetic.beta) * long_run
    variances = [long_run]
    for weight in synthetic.alpha * z_T**2 + synthetic.beta:
        variances.append(base + weight * variances[-1])
    return np.asarray(variances)
