"""Detection of unadjusted splits by comparing the close with the adjusted close."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from finscale.market.jumps import NEAR, RATIOS
from finscale.market.rows import Fetched, Note


def split_notes(fetched: Fetched, adjusted: pd.Series[Any]) -> tuple[Note, ...]:
    """Return a note for each day on which close / adjusted close changes by the ratio of a split.

    Parameters
    ----------
    fetched : Fetched
        Bars in order of date.
    adjusted : Series
        Adjusted closes of the same rows, as the file has them; cells without a number are ignored.
    """
    close = fetched.frame["close"].to_numpy()
    other = pd.to_numeric(adjusted.astype(object), errors="coerce").to_numpy(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = close / other
        steps = factor[1:] / factor[:-1]
        ratios = np.maximum(steps, 1.0 / steps)
    near = np.abs(ratios[:, None] / np.array(RATIOS) - 1.0) <= NEAR
    return tuple(
        _note(fetched, int(row) + 1, float(ratios[row])) for row in np.flatnonzero(near.any(axis=1))
    )


def _note(fetched: Fetched, row: int, ratio: float) -> Note:
    day = pd.DatetimeIndex(fetched.frame.index)[row].date()
    return Note(
        day,
        f"{fetched.where}: a split of about {ratio:.3g} on {day}{fetched.rows.place(row)} is in "
        "Close and not in Adj Close. Close is used: adjust open, high, low and close for it.",
    )
