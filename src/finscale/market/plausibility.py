"""Plausibility of a universe's bars: suspicious moves are reported, impossible ones refused.

Moves on dates that the universe's file lists under ``true_jumps`` are neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from finscale.config import DataError, Universe
from finscale.market.jumps import LARGEST_MOVE, Jump, find_jumps

# The bars of artificial markets are right by construction.
DRAWN = ("planted", "synthetic")
N_SAID = 5


def open_jumps(bars: pd.DataFrame, universe: Universe) -> tuple[Jump, ...]:
    """Return a ticker's suspicious moves that the universe's ``true_jumps`` does not list."""
    if universe.source in DRAWN:
        return ()
    return tuple(jump for jump in find_jumps(bars) if jump.day not in universe.true_jumps)


def jump_line(ticker: str, jumps: Sequence[Jump]) -> str:
    """Describe the suspicious moves of a ticker, with dates and advice, in one line."""
    more = f"; and {len(jumps) - N_SAID} more" if len(jumps) > N_SAID else ""
    said = "; ".join(jump.text for jump in jumps[:N_SAID])
    return f"{ticker} looks wrong: {said}{more}. {_advice(jumps, 'Correct the data')}"


def refuse_impossible(
    bars: pd.DataFrame, universe: Universe, where: str, names: Sequence[str] = ()
) -> None:
    """Refuse bars with a move that is larger than markets make.

    Parameters
    ----------
    names : sequence of str
        Names of the rows in the user's file; empty for rows without names.

    Raises
    ------
    DataError
        If there are such moves; the message gives the first ones with dates and rows.
    """
    jumps = [jump for jump in open_jumps(bars, universe) if jump.is_impossible]
    if jumps:
        said = [f"{jump.text}{f' in {names[jump.row]}' if names else ''}" for jump in jumps]
        more = f"; and {len(jumps) - N_SAID} more" if len(jumps) > N_SAID else ""
        raise DataError(
            where,
            expected=f"prices within {LARGEST_MOVE:g} times, or a {LARGEST_MOVE:g}th, of the "
            "session before: hardly any market has moved further",
            got="; ".join(said[:N_SAID]) + more,
            todo=_advice(jumps, "Correct the data at their source"),
        )


def _advice(jumps: Sequence[Jump], correct: str) -> str:
    days = ", ".join(dict.fromkeys(str(jump.day) for jump in jumps[:N_SAID]))
    rest = ", ..." if len(jumps) > N_SAID else ""
    return (
        f"{correct}; if a move is real, write true_jumps: [{days}{rest}] into the universe's file."
    )
