"""Normalisation of features: stationary values, then a scale fitted on training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finscale.dataset.catalogue.feature import Feature
from finscale.dataset.features import tier_features
from finscale.dataset.indicators import TRAILING, FloatArray, trailing_sum

# Interquartile range of the standard normal distribution.
NORMAL_IQR = 1.349


def to_stationary(features: pd.DataFrame, tier: str = "a20") -> pd.DataFrame:
    """Remove price levels and market size from a tier's features.

    Parameters
    ----------
    features : DataFrame, shape (T, C)
        All rows that `build_features` returned.

    Returns
    -------
    DataFrame, shape (T, C)
        The same columns without units; NaN only in the warm-up. A row depends on no later row.
    """
    return stationary_table(features, tier_features(tier), features["close"], features["volume"])


def stationary_table(
    table: pd.DataFrame,
    features: tuple[Feature, ...],
    close: pd.Series[float],
    volume: pd.Series[float],
) -> pd.DataFrame:
    """Remove price levels and market size from the given features.

    Parameters
    ----------
    table : DataFrame, shape (T, C)
        All rows that `build_table` returned for the same features.
    close, volume : Series, shape (T,)
        Closes and volumes of the same bars.
    """
    price = np.asarray(close, dtype=np.float64)
    mean_volume = trailing_sum(np.asarray(volume, dtype=np.float64)) / TRAILING
    values_CT = np.empty((len(features), len(table)))
    for row, feature in zip(values_CT, features, strict=True):
        row[:] = feature.rule(table[feature.name].to_numpy(), price, mean_volume)
    names = [feature.name for feature in features]
    return pd.DataFrame(values_CT.T, index=table.index, columns=names, copy=False)


@dataclass(frozen=True, eq=False)
class Scaler:
    """Robust centre and scale of each column: z = clip((x - center) / scale, -clip, clip).

    Attributes
    ----------
    center_C, scale_C : ndarray of float64, shape (C,)
    columns : tuple of str
        Names of the C inputs, in order.
    clip : float
        Largest scaled value, so that a single extreme day does not saturate a model.
    """

    center_C: FloatArray
    scale_C: FloatArray
    columns: tuple[str, ...]
    clip: float = 10.0

    def transform(self, values_TC: FloatArray) -> NDArray[np.float32]:
        """Scale values of shape (..., C); NaN stays NaN."""
        assert values_TC.shape[-1] == len(self.columns), "the last axis must be the columns"
        scaled = (values_TC - self.center_C) / self.scale_C
        return np.clip(scaled, -self.clip, self.clip).astype(np.float32)


def fit_scaler(inputs: pd.DataFrame, rows: NDArray[np.int64]) -> Scaler:
    """Fit a scaler on the given rows of `inputs`: the training rows after the warm-up.

    The centre is the median and the scale the interquartile range / 1.349, which is the standard
    deviation for a normal distribution (F. Mosteller and J. W. Tukey, *Data Analysis and
    Regression*, 1977) and is robust to outliers. A column without spread has scale 1.

    Parameters
    ----------
    inputs : DataFrame, shape (T, C)
        Stationary inputs, as `to_stationary` returns them.
    rows : ndarray of int64
        Positions of the rows to fit on.
    """
    values = inputs.to_numpy(dtype=np.float64)[rows]
    assert len(values) > 0, "a scaler needs rows"
    assert np.isfinite(values).all(), "a scaler must not be fitted on warm-up rows"
    low, center, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    spread = (high - low) / NORMAL_IQR
    scale = np.where(spread > 0, spread, 1.0)
    center.setflags(write=False)
    scale.setflags(write=False)
    return Scaler(center, scale, tuple(inputs.columns))
