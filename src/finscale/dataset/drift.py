"""Drift of the input columns from training to validation.

Legend: `T` bars, `C` columns.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from finscale.dataset.indicators import FloatArray
from finscale.dataset.normalise import fit_scaler

N_BINS = 10
# Naeem Siddiqi, Credit Risk Scorecards, 2006, chapter 10: above .25, a population has shifted.
SHIFTED = 0.25


def drift_report(inputs: pd.DataFrame, train_end: date, validation_end: date) -> pd.DataFrame:
    """Compare each column's distribution in validation with that in training.

    Parameters
    ----------
    inputs : DataFrame, shape (T, C)
        Stationary inputs, not scaled; rows with NaN (the warm-up) are left out.

    Returns
    -------
    DataFrame, one row a column, the most drifted first
        ``median_shift``: validation median minus training median, in units of the training scale
        (interquartile range / 1.349). ``spread_ratio``: validation scale over training scale.
        ``psi``: population stability index over training deciles. ``ks``: largest distance
        between the two distribution functions (Kolmogorov and Smirnov). ``clipped``: share of
        validation values beyond the scaler's clip. ``has_shifted``: whether psi exceeds .25.
    """
    known = inputs.dropna()
    train = known.loc[: pd.Timestamp(train_end)]
    after = known.index > pd.Timestamp(train_end)
    validation = known.loc[after & (known.index <= pd.Timestamp(validation_end))]
    if train.empty or validation.empty:
        return pd.DataFrame()
    scaler = fit_scaler(train, np.arange(len(train)))
    old, new = (
        (part.to_numpy() - scaler.center_C) / scaler.scale_C for part in (train, validation)
    )
    rows = [_row(old[:, at], new[:, at], scaler.clip) for at in range(old.shape[1])]
    table = pd.DataFrame(rows, index=pd.Index(inputs.columns, name="column"))
    return table.sort_values("psi", ascending=False, kind="stable")


def _row(old_T: FloatArray, new_T: FloatArray, clip: float) -> dict[str, float | bool]:
    spread = [float(np.subtract(*np.quantile(part, [0.75, 0.25]))) for part in (old_T, new_T)]
    psi = stability_index(old_T, new_T)
    return {
        "median_shift": float(np.median(new_T) - np.median(old_T)),
        "spread_ratio": spread[1] / spread[0] if spread[0] > 0 else float("nan"),
        "psi": psi,
        "ks": float(ks_2samp(old_T, new_T, method="asymp").statistic),
        "clipped": float(np.mean(np.abs(new_T) > clip)),
        "has_shifted": psi > SHIFTED,
    }


def stability_index(old_T: FloatArray, new_T: FloatArray) -> float:
    """Return the population stability index, Σ (q - p) ln(q / p) over the deciles of `old_T`.

    Siddiqi 2006, chapter 10. Half a count is added to every bin, so that an empty bin gives a
    finite term.
    """
    edges = np.unique(np.quantile(old_T, np.linspace(0, 1, N_BINS + 1)[1:-1]))
    counts = [
        np.bincount(np.digitize(part, edges), minlength=len(edges) + 1) for part in (old_T, new_T)
    ]
    p, q = ((count + 0.5) / (count.sum() + 0.5 * len(count)) for count in counts)
    return float(np.sum((q - p) * np.log(q / p)))
