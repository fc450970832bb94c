"""Calendar: features of a day's date, which are known in advance, and of earlier sessions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from finscale.dataset.catalogue.feature import PURE, Feature
from finscale.dataset.indicators import FloatArray, IntArray, month_number, week_number

Flags = NDArray[np.bool_]
Dates = Callable[[IntArray], FloatArray]


def weekday_sine() -> Feature:
    """Day of the week as a sine with a period of seven days (French 1980)."""
    return _date("weekday_sin", "sin(2 pi weekday / 7)", lambda day: _sine(weekday(day), 7))


def weekday_cosine() -> Feature:
    """Day of the week as a cosine with a period of seven days."""
    return _date("weekday_cos", "cos(2 pi weekday / 7)", lambda day: _cosine(weekday(day), 7))


def month_day_sine() -> Feature:
    """Day of the month as a sine."""
    return _date("month_day_sin", "sin(2 pi day / days of month)", lambda day: np.sin(_moon(day)))


def month_day_cosine() -> Feature:
    """Day of the month as a cosine."""
    return _date("month_day_cos", "cos(2 pi day / days of month)", lambda day: np.cos(_moon(day)))


def year_sine() -> Feature:
    """Day of the year as a sine."""
    return _date("year_sin", "sin(2 pi day of year / 366)", lambda day: _sine(year_day(day), 366))


def year_cosine() -> Feature:
    """Day of the year as a cosine."""
    return _date("year_cos", "cos(2 pi day of year / 366)", lambda day: _cosine(year_day(day), 366))


def quarter_sine() -> Feature:
    """Day of the quarter as a sine."""
    return _date(
        "quarter_sin", "sin(2 pi day of quarter / 92)", lambda day: _sine(quarter_day(day), 92)
    )


def quarter_cosine() -> Feature:
    """Day of the quarter as a cosine."""
    return _date(
        "quarter_cos", "cos(2 pi day of quarter / 92)", lambda day: _cosine(quarter_day(day), 92)
    )


def election_sine() -> Feature:
    """Month between two US presidential elections as a sine (Allvine and O'Neill 1980)."""
    return _date(
        "election_sin",
        "sin(2 pi months since January of a leap year / 48)",
        lambda day: _sine(_election(day), 48),
    )


def election_cosine() -> Feature:
    """Month between two US presidential elections as a cosine."""
    return _date(
        "election_cos",
        "cos(2 pi months since January of a leap year / 48)",
        lambda day: _cosine(_election(day), 48),
    )


def turn_of_month() -> Feature:
    """1 near the turn of a month, from two dates before its end to its third date (Ariel 1987)."""
    return _date(
        "turn_of_month",
        "1 where 2 dates or less are left in the month or it is its 3rd or earlier (Ariel 1987)",
        lambda day: _flag((month_day(day) <= 3) | (days_left(day) < 2)),
    )


def january() -> Feature:
    """1 in January (Rozeff and Kinney 1976)."""
    return _date("january", "1 in January", lambda day: _flag(month_number(day) % 12 == 0))


def winter_half() -> Feature:
    """1 from November to April (Bouman and Jacobsen 2002)."""
    return _date(
        "winter_half",
        "1 from November to April (Bouman, Jacobsen 2002)",
        lambda day: _flag((month_number(day) + 2) % 12 < 6),
    )


def expiry_week() -> Feature:
    """1 in the week of the month's third Friday, when options expire."""
    return _date(
        "expiry_week", "1 in the week of the third Friday", lambda day: _flag(_in_expiry_week(day))
    )


def quarterly_expiry() -> Feature:
    """1 in the weeks in which futures and options expire together."""
    return _date(
        "quarterly_expiry",
        "1 in the week of the third Friday of March, June, September, December",
        lambda day: _flag(_in_expiry_week(day) & (month_number(day) % 3 == 2)),
    )


def days_to_expiry() -> Feature:
    """Days to the month's third Friday, divided by 31; negative after it."""
    return _date(
        "days_to_expiry", "(third Friday - date) / 31", lambda day: (third_friday(day) - day) / 31.0
    )


def quarter_end() -> Feature:
    """1 in the last ten dates of a quarter."""
    return _date(
        "quarter_end",
        "1 in the last ten dates of a quarter",
        lambda day: _flag((month_number(day) % 3 == 2) & (days_left(day) < 10)),
    )


def year_end() -> Feature:
    """1 in the last week of a year and the first days of the next (Hirsch 1972)."""
    return _date(
        "year_end",
        "1 from 25 December to 3 January",
        lambda day: _flag(
            ((month_number(day) % 12 == 11) & (days_left(day) < 7))
            | ((month_number(day) % 12 == 0) & (month_day(day) <= 3))
        ),
    )


def monday() -> Feature:
    """1 on Mondays (Cross 1973)."""
    return _date("monday", "1 on Mondays (Cross 1973)", lambda day: _flag(weekday(day) == 0))


def friday() -> Feature:
    """1 on Fridays."""
    return _date("friday", "1 on Fridays", lambda day: _flag(weekday(day) == 4))


def days_since_session() -> Feature:
    """Days since the previous bar: 1, 3 over a weekend, more over holidays (French 1980)."""
    return Feature(
        "days_since_session",
        "calendar",
        "min(days since the bar before, 10) / 10",
        ("date",),
        (),
        1,
        PURE,
        lambda bars: np.minimum(np.diff(bars.day.astype(np.float64), prepend=np.nan), 10.0) / 10.0,
    )


def sessions_this_week() -> Feature:
    """Number of sessions in the week so far, including this one."""
    return _counted("sessions_this_week", "week", 5, week_number)


def business_days_left() -> Feature:
    """Number of weekdays left in the month, from the date alone."""
    return _date(
        "business_days_left",
        "Mondays to Fridays after this date in its month / 23",
        lambda day: np.busday_count(_stamp(day + 1), _stamp(_month_start(day, 1))) / 23.0,
    )


def weekday(day: IntArray) -> IntArray:
    """Return 0 for Monday to 6 for Sunday."""
    return (day + 3) % 7


def month_day(day: IntArray) -> IntArray:
    """Return the day of the month, 1 for the first."""
    return day - _month_start(day) + 1


def days_left(day: IntArray) -> IntArray:
    """Return how many dates are left in the month, 0 for the last."""
    return _month_start(day, 1) - day - 1


def year_day(day: IntArray) -> IntArray:
    """Return the day of the year, 0 for the first of January."""
    return day - _first_of(month_number(day) // 12 * 12)


def quarter_day(day: IntArray) -> IntArray:
    """Return the day of the quarter, 0 for the first."""
    return day - _first_of(month_number(day) // 3 * 3)


def third_friday(day: IntArray) -> IntArray:
    """Return the day number of the third Friday in each day's month."""
    first = _month_start(day)
    return first + (4 - weekday(first)) % 7 + 14


def _in_expiry_week(day: IntArray) -> Flags:
    inside: Flags = week_number(day) == week_number(third_friday(day))
    return inside


def _election(day: IntArray) -> IntArray:
    # January 1972, in a leap year with an election, is 24 months after January 1970.
    return (month_number(day) - 24) % 48


def _moon(day: IntArray) -> FloatArray:
    length = _month_start(day, 1) - _month_start(day)
    return 2.0 * np.pi * (month_day(day) - 1) / length


def _month_start(day: IntArray, later: int = 0) -> IntArray:
    return _first_of(month_number(day) + later)


def _first_of(month: IntArray) -> IntArray:
    return month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _stamp(day: IntArray) -> NDArray[np.datetime64]:
    return day.astype("datetime64[D]")


def _sine(number: IntArray, cycle: int) -> FloatArray:
    return np.sin(2.0 * np.pi * number / cycle)


def _cosine(number: IntArray, cycle: int) -> FloatArray:
    return np.cos(2.0 * np.pi * number / cycle)


def _flag(condition: Flags) -> FloatArray:
    return condition.astype(np.float64)


def _date(name: str, formula: str, of_day: Dates) -> Feature:
    return Feature(name, "calendar", formula, ("date",), (), 0, PURE, lambda bars: of_day(bars.day))


def _counted(name: str, word: str, most: int, number: Callable[[IntArray], IntArray]) -> Feature:
    """Make a feature that counts the bars of the period up to this one."""

    def of_day(day: IntArray) -> FloatArray:
        period = number(day)
        return (np.arange(len(day)) - np.searchsorted(period, period) + 1.0) / most

    return _date(name, f"bars of the {word} up to this one / {most}", of_day)
