"""Choice of the L2 penalty of a linear baseline with many columns.

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
# The penalty of 1 suits the 25 columns of a20; it is too weak for more than twice as many.
N_NARROW = 50
PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)


class Fitted(Protocol):
    """A fitted baseline."""

    def outputs(self, x: Floats, /) -> Floats:
        """Return raw outputs for every row of `x`."""


def choose_penalty(
    fit: Callable[[Floats, Floats, float], Fitted], x_NF: Floats, y_N: Floats, horizon: int
) -> float:
    """Return the L2 penalty with the lowest loss on the last part of training.

    It is 1 for up to `N_NARROW` columns, and if the first part has only one class.

    Parameters
    ----------
    fit : callable
        Fits a baseline to inputs and labels with a penalty.
    x_NF, y_N : ndarray
        Inputs and labels of the training rows, in order of time.
    horizon : int
        How many samples ahead a label looks: horizon - 1 samples before the last part are left out.
    """
    end, start = tail_cut(len(y_N), horizon)
    if x_NF.shape[1] <= N_NARROW or len(np.unique(y_N[:end])) < 2:
        return UNIT

    def tail_loss(penalty: float) -> float:
        fitted = fit(x_NF[:end], y_N[:end], penalty)
        loss = float(sample_losses(y_N[start:], fitted.outputs(x_NF[start:])).mean())
        return loss if math.isfinite(loss) else math.inf  # NaN would spoil comparisons

    return min(PENALTIES, key=tail_loss)
