"""What is suspicious in a universe's bars is said; what no market did is refused.

Dates that the universe's file lists as true are neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from finscale.config import DataError, Universe
from finscale.market.jumps import LARGEST_MOVE, Jump, find_jumps

# Markets that are drawn are what they were drawn to be.
DRAWN = ("planted", "synthetic")
N_SAID = 5


def open_jumps(bars: pd.DataFrame, universe: Universe) -> tuple[Jump, ...]:
    """Return the suspicious moves of a ticker that the universe's file does not call true."""
    if universe.source in DRAWN:
        return ()
    return tuple(jump for jump in find_jumps(bars) if jump.day not in universe.true_jumps)


def jump_line(ticker: str, jumps: Sequence[Jump]) -> str:
    """Say what is suspicious in a ticker's bars, with dates, and what to do about it."""
    more = f"; and {len(jumps) - N_SAID} more" if len(jumps) > N_SAID else ""
    said = "; ".join(jump.text for jump in jumps[:N_SAID])
    return f"{ticker} looks wrong: {said}{more}. {_advice(jumps, 'Correct the data')}"


def refuse_impossible(
    bars: pd.DataFrame, universe: Universe, where: str, names: Sequence[str] = ()
) -> None:
    """Refuse bars in which a move is larger than what markets make.

    Parameters
    ----------
    names : sequence of str
        What the rows of the bars are called in their file, where they have names.

    Raises
    ------
    DataError
        Naming the first such moves, their dates and their rows.
    """
    jumps = [jump for jump in open_jumps(bars, universe) if jump.is_impossible]
    if jumps:
        said = [f"{jump.text}{f' in {names[jump.row]}' if names else ''}" for jump in jumps]
        more = f"; and {len(jumps) - N_SAID} more" if len(jumps) > N_SAID else ""
        raise DataError(
            where,
            expected=f"prices within {LARGEST_MOVE:g} times, or a {LARGEST_MOVE:g}th, of the "
            "session before, which hardly a market has ever left",
            got="; ".join(said[:N_SAID]) + more,
            todo=_advice(jumps, "Correct the data at their source"),
        )


def _advice(jumps: Sequence[Jump], correct: str) -> str:
    days = ", ".join(dict.fromkeys(str(jump.day) for jump in jumps[:N_SAID]))
    rest = ", ..." if len(jumps) > N_SAID else ""
    return (
        f"{correct}; where it is true, write true_jumps: [{days}{rest}] into the universe's file."
    )
