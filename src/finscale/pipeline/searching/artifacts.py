"""Retention of weights: selects the trials of a search whose weights are removed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from finscale.config import Artifacts
from finscale.tracking import VAL_LOSS, Run, remove_weights, trials

LARGE_BYTES = 100_000_000
N_BEST = 3


@dataclass(frozen=True)
class StoredWeights:
    """A trial with its loss (None or NaN if it has none) and the size of its weights (or 0)."""

    number: int
    val_loss: float | None
    n_bytes: int

    @property
    def loss(self) -> float:
        """Return the loss for the ranking: infinite if there is none."""
        return math.inf if self.val_loss is None or math.isnan(self.val_loss) else self.val_loss


@dataclass(frozen=True)
class Removal:
    """A trial whose weights are removed, and the reason to record."""

    number: int
    why: str


def superfluous(
    stored: Sequence[StoredWeights], policy: Artifacts, max_bytes: int
) -> list[Removal]:
    """Return the trials whose weights are to be removed, in this order.

    Parameters
    ----------
    stored : sequence of StoredWeights
        All trials so far. Trials without weights count in the ranking too.
    policy : str
        "best" keeps weights above 100 MB only for the best three trials, and smaller ones for all.
        "all" keeps every trial's weights. "none" stores no weights; those that an earlier command
        has stored are kept.
    max_bytes : int
        Limit for all weights together, under every policy. Above it, the oldest weights are
        removed first. The best stored weights are kept even if they alone exceed the limit.
    """
    ranked = sorted(stored, key=lambda trial: (trial.loss, trial.number))
    kept = sorted((trial for trial in stored if trial.n_bytes), key=lambda trial: trial.number)
    removals: list[Removal] = []
    if policy == "best":
        best = [trial for trial in ranked[:N_BEST] if trial.loss < math.inf]
        too_large = [trial for trial in kept if trial.n_bytes > LARGE_BYTES and trial not in best]
        kept = [trial for trial in kept if trial not in too_large]
        why = f"removed: large, and not of the best {N_BEST}"
        removals += [Removal(trial.number, why) for trial in too_large]
    protected = next((trial for trial in ranked if trial in kept), None)
    excess = sum(trial.n_bytes for trial in kept) - max_bytes
    for trial in kept:
        if excess > 0 and trial != protected:
            removals.append(Removal(trial.number, "removed: beyond max_artifact_gib"))
            excess -= trial.n_bytes
    return removals


def thin_out(parent: Run, policy: Artifacts, max_bytes: float) -> None:
    """Remove the superfluous weights of a search."""
    frame = trials(parent=parent.run_id)
    sizes = pd.to_numeric(frame["weights_bytes"]).fillna(0).astype(int)
    stored = [
        StoredWeights(int(number), float(loss), size)
        for number, loss, size in zip(frame["trial_number"], frame[VAL_LOSS], sizes, strict=True)
    ]
    runs = {
        int(n): run_id for n, run_id in zip(frame["trial_number"], frame["run_id"], strict=True)
    }
    for removal in superfluous(stored, policy, int(max_bytes)):
        remove_weights(Run(runs[removal.number], parent.experiment_id), removal.why)
