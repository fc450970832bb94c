"""Names of the columns in a user's table, and the choice of the columns to use."""

from __future__ import annotations

from collections.abc import Sequence

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume")
SYMBOL = "ticker"
ADJUSTED = "adj close"
DATE = "date"
# Spellings of exporters in English, German and French, reduced to letters and digits, because they
# differ in case, points, stars, brackets and spaces.
_SPELLINGS = {
    DATE: "date datetime timestamp tradedate datum",
    "open": "open openprice pxopen eröffnung eröffn eroeffnung ouverture ouv",
    "high": "high highprice pxhigh hoch tageshoch haut plushaut",
    "low": "low lowprice pxlow tief tagestief bas plusbas",
    "close": "close closeprice closelast schluss schlusskurs clôture cloture clot",
    "volume": "volume vol pxvolume volumen",
    ADJUSTED: "adjclose adjustedclose adjcloseprice",
    "last": "last lastprice pxlast zuletzt dernier",
    "price": "price",
    SYMBOL: "ticker symbol",
}
_KNOWN = {word: name for name, words in _SPELLINGS.items() for word in words.split()}
# Columns to use in place of a missing one, the best first. The names for a date include those that
# pandas and pyarrow give to an index without a name.
_STAND_INS = {
    DATE: ("time", "index", "indexlevel0", "level0", "unnamed0", ""),
    "close": (ADJUSTED, "last", "price"),
}


def known_name(written: str) -> str:
    """Return the standard name of a column; an unknown name is returned in lower case."""
    plain = _plain(written)
    return _KNOWN.get(plain, written.strip().lower())


def is_known(written: str) -> bool:
    """Tell whether a name means the date, a price or the volume."""
    return _KNOWN.get(_plain(written)) in (DATE, ADJUSTED, "last", *NUMBERS)


def is_header_word(written: str) -> bool:
    """Tell whether a cell in the date's column belongs to the header."""
    return _KNOWN.get(_plain(written)) in (DATE, "price", SYMBOL)


def column_places(written: Sequence[str]) -> dict[str, list[int]]:
    """Return the places of each column of the bars: several if a column occurs more than once.

    A missing date or close is replaced by the best column that can stand in for it.
    """
    names = [known_name(each) for each in written]
    places = {
        name: [at for at, each in enumerate(names) if each == name]
        for name in (DATE, *NUMBERS, ADJUSTED, SYMBOL)
    }
    for name, others in _STAND_INS.items():
        spelled = names if name == "close" else [_plain(each) or each.strip() for each in written]
        found = [spelled.index(other) for other in others if other in spelled]
        if not places[name] and found:
            places[name] = found[:1]
    return {name: found for name, found in places.items() if found}


def _plain(written: str) -> str:
    """Return the letters and digits of a name, without a leading number."""
    return "".join(filter(str.isalnum, written.lower())).lstrip("0123456789")
