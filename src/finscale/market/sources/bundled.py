"""Three indices that come with the installed ``arch`` package: no network, no account."""

from __future__ import annotations

import pandas as pd

from finscale.config import DataError
from finscale.market.sources.flat import flat_bars


def bundled_bars(ticker: str) -> pd.DataFrame:
    """Return daily bars of ^GSPC or ^IXIC (1999-2018), or of ^VIX (2014-2018).

    Prices are index values, volumes are units traded. ^VIX has closes only, which become flat bars;
    holidays without a close are left out.

    Raises
    ------
    DataError
        If the ticker is another one.
    """
    # Imported here because arch takes a second to import, and an up-to-date store needs no arch.
    from arch.data import nasdaq, sp500, vix

    datasets = {"^GSPC": sp500, "^IXIC": nasdaq, "^VIX": vix}
    if ticker not in datasets:
        raise DataError(
            f"ticker {ticker} of source bundled",
            expected=f"one of {', '.join(datasets)}",
            got=repr(ticker),
            todo="Use one of them, or source yahoo or csv.",
        )
    frame: pd.DataFrame = datasets[ticker].load().rename(columns=str.lower)
    return flat_bars(frame["vix"]) if ticker == "^VIX" else frame
