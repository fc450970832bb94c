"""Logging of epochs to the store while a model trains, rarely enough not to slow it down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from finscale.pipeline.running.renewal import RENEW_S
from finscale.tracking import Run, curve
from finscale.training import Epoch, OnEpoch, Signal

FLUSH_S = 2.0
"""Seconds between two writes of curves. Shorter epochs are written together."""


class EpochLog:
    """Callback of `fit`: logs each epoch, renews leases and returns the decision of `decide`.

    Parameters
    ----------
    own : Run or None
        The run of this command; its lease is renewed together with that of `run`.
    done : int
        Last step that an interrupted attempt has logged. Steps up to it are not logged again.
    decide : callable
        Called with each epoch; its answer is returned to `fit`.
    offset : int
        Number of steps of the earlier folds. If it is above 0, the validation loss is not logged:
        this fold validates on days that earlier folds forecast, and only early stopping uses it.
    measured : callable
        Returns further curves of an epoch, such as its speed.
    """

    def __init__(
        self,
        run: Run,
        own: Run | None,
        done: int,
        decide: OnEpoch,
        offset: int = 0,
        measured: Callable[[Epoch], Mapping[str, float]] = lambda epoch: {},
    ) -> None:
        self._run, self._own, self._decide = run, own, decide
        self._done, self._offset, self._measured = done, offset, measured
        self._waiting: dict[int, dict[str, float]] = {}
        self._flushed = self._renewed = -math.inf

    def __call__(self, epoch: Epoch) -> Signal:
        """Log an epoch, at once or together with the next ones."""
        step = self._offset + epoch.number
        if step > self._done:
            self._waiting[step] = self._curves(epoch)
        if time.monotonic() - self._flushed >= FLUSH_S:
            self.flush()
        if time.monotonic() - self._renewed >= RENEW_S:
            self._renew()
        return self._decide(epoch)

    def flush(self) -> None:
        """Write all waiting epochs in one call: before a checkpoint and at the end."""
        if self._waiting:
            self._run.epochs(self._waiting)
            self._waiting = {}
        self._flushed = time.monotonic()

    def _curves(self, epoch: Epoch) -> dict[str, float]:
        curves = {
            curve("train_loss"): epoch.train_loss,
            curve("learning_rate"): epoch.learning_rate,
            **self._measured(epoch),
        }
        return curves if self._offset else curves | {curve("val_loss"): epoch.val_loss}

    def _renew(self) -> None:
        for held in (self._run, self._own):
            if held:
                held.renew_lease()
        self._renewed = time.monotonic()
