"""Inputs of a model from a ticker's daily bars: tier, VIX and macro series on one timescale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from finscale.config import DataError, FredSeries, Timescale, Universe
from finscale.dataset.catalogue.feature import Feature
from finscale.dataset.features import build_table, tier_features
from finscale.dataset.joining import check_overlap, join_known
from finscale.dataset.macro import MACRO, macro_inputs
from finscale.dataset.normalise import stationary_table
from finscale.dataset.tiers.multi import MULTI
from finscale.dataset.vix import VIX
from finscale.market import bars_sha256, load_bars, load_known, resample


@dataclass(frozen=True, eq=False)
class ExtraSeries:
    """Series of the whole market that are added to each ticker's own features.

    Attributes
    ----------
    vix : DataFrame, optional
        Daily closes as flat bars.
    macro : mapping of series to DataFrame
        Flat bars, dated by the day from which each value may be used.
    digests : mapping of str to str
        `bars_sha256` of the stored bars, by ticker or series.
    """

    vix: pd.DataFrame | None = None
    macro: Mapping[FredSeries, pd.DataFrame] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


def load_extra_series(universe: Universe, root: Path, vix: bool) -> ExtraSeries:
    """Read the macro series of a universe, and its VIX if `vix` is true.

    Raises
    ------
    DataError
        If a series is not stored.
    """
    digests: dict[str, str] = {}
    frame: pd.DataFrame | None = None
    if vix:
        assert universe.vix is not None, "DataConfig ensures that the universe has one"
        frame = load_bars(universe, root, universe.vix)
        digests[universe.vix] = bars_sha256(frame, universe.end)
    # In the fixed order of the columns, whatever the order in the universe's file.
    listed = [series for series in MACRO if series in universe.fred]
    macro = {series: load_known(universe, root, series) for series in listed}
    for series in listed:
        digests[series] = bars_sha256(load_bars(universe, root, series), universe.end)
    return ExtraSeries(frame, macro, digests)


def extra_features(timescale: Timescale, vix: bool) -> tuple[Feature, ...]:
    """Return the features that are added to a tier's and have a warm-up."""
    return (*(MULTI if timescale == "daily+multi" else ()), *(VIX if vix else ()))


def warmup_rows(tier: str, timescale: Timescale = "daily", vix: bool = False) -> int:
    """Return the number of rows at the start that may hold NaN."""
    features = (*tier_features(tier), *extra_features(timescale, vix))
    return max(feature.warmup for feature in features)


def first_position(
    tier: str, context_length: int, *, timescale: Timescale = "daily", vix: bool = False
) -> int:
    """Return the first position whose context window lies after the warm-up."""
    return warmup_rows(tier, timescale, vix) + context_length - 1


def check_warmup(
    bars: pd.DataFrame, tier: str, timescale: Timescale, vix: bool, what: str
) -> pd.DataFrame:
    """Resample daily bars, and check that some are left after the warm-up.

    Parameters
    ----------
    bars : DataFrame, shape (T, 5)
        Daily bars.
    what : str
        Name of the bars in error messages: a file, a ticker.

    Raises
    ------
    DataError
        If no bar is left after the warm-up.
    """
    coarse = resample(bars, timescale)
    warmup = warmup_rows(tier, timescale, vix)
    if len(coarse) <= warmup:
        sessions = f"{bars.index[0]:%Y-%m-%d} to {bars.index[-1]:%Y-%m-%d}"
        raise DataError(
            f"{what} for features of tier {tier}",
            expected=f"more than {warmup} {timescale} bars, its warm-up",
            got=f"{len(coarse)}, {sessions}",
            todo="Give more sessions (more rows in the file, an earlier start of the universe), a "
            "finer timescale or a smaller tier; then the same line again.",
        )
    return coarse


def build_inputs(
    bars: pd.DataFrame,
    tier: str,
    timescale: Timescale = "daily",
    extra: ExtraSeries | None = None,
    what: str = "bars",
) -> pd.DataFrame:
    """Compute all stationary inputs of a ticker.

    Parameters
    ----------
    bars : DataFrame, shape (T, 5)
        Daily bars, as `finscale.market.load_bars` returns them.
    what : str
        Name of the bars in error messages.

    Returns
    -------
    DataFrame, shape (bars of the timescale, C)
        The tier's columns, then those of ``daily+multi``, the VIX and macro series; NaN only in
        the first `warmup_rows`. A row depends only on values that were known at its close.

    Raises
    ------
    DataError
        If no bar is left after the warm-up, or an extra series does not cover the bars.
    """
    extra = extra or ExtraSeries()
    coarse = check_warmup(bars, tier, timescale, extra.vix is not None, what)
    return inputs_of(bars, coarse, tier, timescale, extra)


def inputs_of(
    bars: pd.DataFrame,
    coarse: pd.DataFrame,
    tier: str,
    timescale: Timescale,
    extra: ExtraSeries,
) -> pd.DataFrame:
    """Compute the same as `build_inputs`, from bars that are already resampled.

    Parameters
    ----------
    bars, coarse : DataFrame
        Daily bars, and the bars that `check_warmup` returned for them.
    """
    warmup = warmup_rows(tier, timescale, extra.vix is not None)
    blocks = [_block(coarse, tier_features(tier), timescale)]
    if timescale == "daily+multi":
        blocks.append(_block(coarse, MULTI, timescale))
    if extra.vix is not None:
        blocks.append(_vix_block(bars, extra.vix, timescale))
    if extra.macro:
        blocks.append(macro_inputs(extra.macro, pd.DatetimeIndex(coarse.index)))
    table = pd.concat(blocks, axis=1)
    finite = np.isfinite(table.to_numpy()[warmup:]).all()
    assert finite, "an input is not finite after the warm-up"
    return table


def _block(bars: pd.DataFrame, features: tuple[Feature, ...], timescale: Timescale) -> pd.DataFrame:
    table = build_table(bars, features, timescale)
    return stationary_table(table, features, bars["close"], bars["volume"])


def _vix_block(bars: pd.DataFrame, vix: pd.DataFrame, timescale: Timescale) -> pd.DataFrame:
    """Join the VIX to the sessions, then resample it, so that its bars match the ticker's."""
    index = pd.DatetimeIndex(bars.index)
    check_overlap(vix, index, "the VIX")
    return _block(resample(join_known(vix, index), timescale), VIX, timescale)
