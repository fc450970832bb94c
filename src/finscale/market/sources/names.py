"""What the columns of a user's table are called, and which of them are taken."""

from __future__ import annotations

from collections.abc import Sequence

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume")
SYMBOL = "ticker"
ADJUSTED = "adj close"
DATE = "date"
# As written by exporters in English, German and French; letters and digits alone, since spellings
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
# What is taken where a column is not there, the best first. Columns without a name are an index
# that was written along, under the name that pandas or pyarrow gives it.
_STAND_INS = {
    DATE: ("time", "index", "indexlevel0", "level0", "unnamed0", ""),
    "close": (ADJUSTED, "last", "price"),
}


def known_name(written: str) -> str:
    """Return what a column is, by how it is written; a name that means nothing here stays."""
    plain = _plain(written)
    return _KNOWN.get(plain, written.strip().lower())


def is_known(written: str) -> bool:
    """Tell whether a name means a date or a number of the bars."""
    return _KNOWN.get(_plain(written)) in (DATE, ADJUSTED, "last", *NUMBERS)


def is_header_word(written: str) -> bool:
    """Tell whether a cell in the place of a date is part of a header instead."""
    return _KNOWN.get(_plain(written)) in (DATE, "price", SYMBOL)


def column_places(written: Sequence[str]) -> dict[str, list[int]]:
    """Return where each column of the bars stands: several places if it stands there twice.

    Missing dates and closes are taken from what may stand in for them.
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
    """Return the letters and digits of a name, without the number that some put before it."""
    return "".join(filter(str.isalnum, written.lower())).lstrip("0123456789")
