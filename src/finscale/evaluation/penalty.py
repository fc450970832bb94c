"""How strongly a linear baseline of many columns is held back: chosen as trees choose their number.

Legend: `N` samples, `F` columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from finscale.evaluation.outputs import sample_losses
from finscale.evaluation.standardise import Floats, tail_cut

UNIT = 1.0
# The unit penalty was set for the 25 columns of a20; beyond twice as many it holds nothing back.
N_NARROW = 50
PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)


class Fitted(Protocol):
    """A fitted baseline."""

    def outputs(self, x: Floats, /) -> Floats:
        """Give raw outputs for every row of `x`."""


def choose_penalty(
    fit: Callable[[Floats, Floats, float], Fitted], x_NF: Floats, y_N: Floats, horizon: int
) -> float:
    """Return the L2 penalty that the last part of training likes best.

    Up to `N_NARROW` columns it is 1, and so where the first part holds one label alone.

    Parameters
    ----------
    fit : callable
        From inputs, labels and a penalty to a baseline.
    x_NF, y_N : ndarray
        Of the training rows, in order of time.
    horizon : int
        Samples that a label reaches ahead: so many less one before the last part are left out.
    """
    end, start = tail_cut(len(y_N), horizon)
    if x_NF.shape[1] <= N_NARROW or len(np.unique(y_N[:end])) < 2:
        return UNIT

    def tail_loss(penalty: float) -> float:
        fitted = fit(x_NF[:end], y_N[:end], penalty)
        loss = float(sample_losses(y_N[start:], fitted.outputs(x_NF[start:])).mean())
        return loss if math.isfinite(loss) else math.inf  # NaN would win every comparison

    return min(PENALTIES, key=tail_loss)
