"""Two indices that come with the installed ``arch`` package: no network, no account."""

from __future__ import annotations

import pandas as pd

from finscale.config import DataError


def bundled_bars(ticker: str) -> pd.DataFrame:
    """Return daily bars 1999-2018 of ^GSPC or ^IXIC, index values and units traded.

    Raises
    ------
    DataError
        For any other ticker.
    """
    # arch takes a second to import, and a store that is up to date never needs it.
    from arch.data import nasdaq, sp500

    datasets = {"^GSPC": sp500, "^IXIC": nasdaq}
    if ticker not in datasets:
        raise DataError(
            f"ticker {ticker} of source bundled",
            expected=f"one of {', '.join(datasets)}",
            got=repr(ticker),
            todo="Take one of them, or source yahoo or csv.",
        )
    frame: pd.DataFrame = datasets[ticker].load()
    return frame.rename(columns=str.lower)
