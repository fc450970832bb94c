"""Parameter budgets: the only place where "20M" becomes 20_000_000."""

from __future__ import annotations

import re

from finscale.config.errors import ConfigError, quoted

_UNITS = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}
_PATTERN = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)([KMB]?)", re.ASCII)


def parse_budget(text: str | int) -> int:
    """Turn a parameter budget into a number of parameters.

    Parameters
    ----------
    text : str or int
        "500K", "2.5M", "20M", "2B", or a plain whole number.

    Raises
    ------
    ConfigError
        If the text is not a number of parameters, or the number is not whole or not positive.

    Examples
    --------
    >>> from finscale.config import parse_budget
    >>> parse_budget("20M"), parse_budget("2.5M"), parse_budget(500_000)
    (20000000, 2500000, 500000)
    """
    match = _PATTERN.fullmatch(str(text).strip().upper())
    if match:
        number, unit = match.groups()
        whole, _, decimals = number.partition(".")
        # Integer arithmetic throughout: 2.3 * 1_000_000 is not a whole number in floats.
        tenths: int = 10 ** len(decimals)
        value, remainder = divmod(int(whole + decimals) * _UNITS[unit], tenths)
        if value > 0 and remainder == 0:
            return value
    raise ConfigError(
        "budget",
        expected="a number of parameters such as 500K, 2.5M, 20M or 2B",
        got=quoted(text),
        todo="Pass for example -P budget=20M.",
    )


def format_budget(n_params: int) -> str:
    """Write a budget without a dot, as tags and registry aliases require.

    >>> format_budget(20_000_000), format_budget(2_500_000)
    ('20M', '2500K')
    """
    for unit in ("B", "M", "K"):
        if n_params % _UNITS[unit] == 0:
            return f"{n_params // _UNITS[unit]}{unit}"
    return str(n_params)


def format_size(n_params: int) -> str:
    """Write a size with three digits, as run names and figures show it.

    >>> format_size(19_640_001), format_size(32_100)
    ('19.6M', '32.1K')
    """
    for unit in ("B", "M", "K"):
        if 10_000 * n_params >= 9_995 * _UNITS[unit]:  # 999,600 is 1M, not 1e+03K
            return f"{n_params / _UNITS[unit]:.3g}{unit}"
    return str(n_params)
