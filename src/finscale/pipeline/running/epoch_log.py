"""Epochs on their way into the store: live, and never so often that they slow a model down."""

from __future__ import annotations

import math
import time

from finscale.pipeline.running.renewal import RENEW_S
from finscale.tracking import Run, curve
from finscale.training import Epoch, OnEpoch, Signal

FLUSH_S = 2.0
"""How far the curves of epochs shorter than that may be behind."""


class EpochLog:
    """What `fit` reports to: it logs, renews leases, and asks how to go on.

    Parameters
    ----------
    own : Run or None
        The run of this command, whose lease is renewed with `run`'s.
    done : int
        Last step an interrupted attempt has logged already: a curve has no point twice.
    decide : callable
        Told each epoch too; its answer is passed on.
    offset : int
        Steps of the folds before this one. Days that they forecast are validation here, so that
        its loss is looked at by early stopping alone, and logged nowhere.
    """

    def __init__(
        self, run: Run, own: Run | None, done: int, decide: OnEpoch, offset: int = 0
    ) -> None:
        self._run, self._own, self._decide = run, own, decide
        self._done, self._offset = done, offset
        self._waiting: dict[int, dict[str, float]] = {}
        self._flushed = self._renewed = -math.inf

    def __call__(self, epoch: Epoch) -> Signal:
        """Log an epoch, now or with those that follow soon."""
        step = self._offset + epoch.number
        if step > self._done:
            self._waiting[step] = self._curves(epoch)
        if time.monotonic() - self._flushed >= FLUSH_S:
            self.flush()
        if time.monotonic() - self._renewed >= RENEW_S:
            self._renew()
        return self._decide(epoch)

    def flush(self) -> None:
        """Write what waits, in one call: before a checkpoint, and at the end."""
        if self._waiting:
            self._run.epochs(self._waiting)
            self._waiting = {}
        self._flushed = time.monotonic()

    def _curves(self, epoch: Epoch) -> dict[str, float]:
        curves = {
            curve("train_loss"): epoch.train_loss,
            curve("learning_rate"): epoch.learning_rate,
        }
        return curves if self._offset else curves | {curve("val_loss"): epoch.val_loss}

    def _renew(self) -> None:
        for held in (self._run, self._own):
            if held:
                held.renew_lease()
        self._renewed = time.monotonic()
