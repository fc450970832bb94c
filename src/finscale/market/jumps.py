"""Detection of price moves that look like an unadjusted split, another unit or a misprint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Bools = NDArray[np.bool]
Floats = NDArray[np.float64]

OUTLIER_SIGMAS = 10.0
# Ratios of common splits, and of units that files mix (cents, thousands).
RATIOS = (2, 3, 4, 5, 6, 7, 8, 10, 20, 25, 50, 100, 1000)
# The market also moves on the day of a split. The tolerance is two usual moves within these bounds.
NEAR, NEAR_AT_MOST = 0.02, 0.06
# Largest plausible ratio, up or down, of a close to the one before, or of a high to its low. Even
# XIV's fall of 2018-02-06 (99.00 to 7.35, a thirteenth) was smaller, and small shares and crypto
# currencies that rise tenfold in a session are rare. A larger ratio is nearly always a cent taken
# for a dollar, a split of 20 or a lost digit; the few exceptions (LUNA in May 2022) can be listed
# in the universe's file.
LARGEST_MOVE = 15.0
# Number of sessions on either side that decide whether a jump stays.
AROUND = 20


@dataclass(frozen=True)
class Jump:
    """A session whose prices are suspiciously far from those of the session before.

    Attributes
    ----------
    row : int
        Position of the session in the bars.
    day, day_before : date
    before, after : float
        The two closes; for a suspicious range, the session's low and high.
    stays : bool
        Whether the following sessions lie on the new level.
    is_range : bool
        Whether the range of one session is suspicious, not a move between two closes.
    """

    row: int
    day: date
    day_before: date
    before: float
    after: float
    stays: bool
    is_range: bool

    @property
    def factor(self) -> float:
        """Ratio of the larger price to the smaller one."""
        return max(self.after / self.before, self.before / self.after)

    @property
    def is_impossible(self) -> bool:
        """Whether the move is larger than almost any market has ever made."""
        return self.factor >= LARGEST_MOVE

    @property
    def guess(self) -> str:
        """The likely cause, in words."""
        if self.is_range or not self.stays:
            return "a misprint?"
        is_unit = any(abs(self.factor / unit - 1.0) < 0.2 for unit in (100, 1000))
        return "another unit?" if is_unit else "a split that is not adjusted for?"

    @property
    def text(self) -> str:
        """Description of the jump with its dates."""
        if self.is_range:
            return f"low {self.before:.6g} and high {self.after:.6g} on {self.day} ({self.guess})"
        up = self.after > self.before
        times = f"{self.factor:.3g} times it" if up else f"1/{self.factor:.3g} of it"
        stays = "and it stays" if self.stays else "and it does not stay"
        return (
            f"close {self.before:.6g} on {self.day_before}, then {self.after:.6g} on {self.day}: "
            f"{times}, {stays} ({self.guess})"
        )


def find_jumps(bars: pd.DataFrame) -> tuple[Jump, ...]:
    """Return the suspicious moves of validated bars in order of date.

    A move is suspicious if it is an outlier near a ratio of `RATIOS`, or larger than almost any
    market has ever made.
    """
    close = bars["close"].to_numpy()
    if len(close) < 2 or (bars[["low", "close"]] <= 0).any(axis=None):
        return ()
    limit = np.log(LARGEST_MOVE)
    moves = np.diff(np.log(close), prepend=np.log(close[0]))
    odd = (np.abs(moves) >= limit) | (outliers(close) & near_ratio(bars))
    ranges = np.log(bars["high"].to_numpy() / bars["low"].to_numpy()) >= limit
    rows = np.flatnonzero(odd | ranges)
    return tuple(_jump(bars, int(row), is_range=not odd[row]) for row in rows)


def outliers(close: Floats) -> Bools:
    """Mark moves larger than ten usual ones; none if a value is 0 or below (no log returns)."""
    odd = np.zeros(len(close), dtype=bool)
    if len(close) < 2 or (close <= 0).any():
        return odd
    moves = np.diff(np.log(close))
    usual = _usual(moves)
    # A series that mostly does not move has no usual move.
    odd[1:] = (np.abs(moves - np.median(moves)) > OUTLIER_SIGMAS * usual) & (usual > 0)
    return odd


def near_ratio(bars: pd.DataFrame) -> Bools:
    """Mark sessions whose open or close is near a multiple or fraction of the previous close."""
    near = np.zeros(len(bars), dtype=bool)
    prices = bars[["open", "close"]].to_numpy()
    if len(bars) < 2 or (prices <= 0).any():
        return near
    close = prices[:, 1]
    tolerance = np.clip(2.0 * _usual(np.diff(np.log(close))), NEAR, NEAR_AT_MOST)
    wanted = np.array([*RATIOS, *(1.0 / n for n in RATIOS)])
    ratios = prices[1:] / close[:-1, None]
    away = np.abs(ratios[:, :, None] / wanted - 1.0)
    near[1:] = (away <= tolerance).any(axis=(1, 2))
    return near


def _usual(moves: Floats) -> float:
    """Return a robust standard deviation of moves, from their median absolute deviation."""
    return float(1.4826 * np.median(np.abs(moves - np.median(moves))))


def _jump(bars: pd.DataFrame, row: int, is_range: bool) -> Jump:
    index, close = pd.DatetimeIndex(bars.index), bars["close"].to_numpy()
    before, after = (
        (close[row - 1], close[row]) if not is_range else bars[["low", "high"]].iloc[row]
    )
    return Jump(
        row=row,
        day=index[row].date(),
        day_before=index[max(row - 1, 0)].date(),
        before=float(before),
        after=float(after),
        stays=not is_range and _stays(np.log(close), row),
        is_range=is_range,
    )


def _stays(level: Floats, row: int) -> bool:
    move = level[row] - level[row - 1]
    before = np.median(level[max(row - AROUND, 0) : row])
    shift = np.median(level[row : row + AROUND]) - before
    return bool(abs(shift - move) < abs(move) / 2)
