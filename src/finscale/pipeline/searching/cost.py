"""Estimate of training time, from a few real steps of a few architectures on this machine."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from finscale.config import SearchConfig
from finscale.model import Architecture, activation_bytes, count_params, forward_flops
from finscale.search import SearchSpace, extremes
from finscale.training import measure_flops_per_second

if TYPE_CHECKING:
    import torch

LARGE = 5_000_000
"""Number of parameters from which even a few steps take long."""
N_MEASURED = 5
MEASURE_S = 0.4
"""Seconds per measured architecture: the estimate must be ready within seconds."""
N_LAYERS = 8


@dataclass(frozen=True)
class Cost:
    """Seconds that a window's forward and backward pass take, for arithmetic and for memory.

    A deep, narrow model computes little and moves much data: its rate in FLOP/s is a twentieth of
    a wide model's. A single rate would be wrong by this factor.
    """

    seconds_a_flop: float
    seconds_a_byte: float

    def seconds(self, arch: Architecture, n_windows: int) -> float:
        """Return the seconds that training on `n_windows` windows takes."""
        a_window = self.seconds_a_flop * _flops(arch) + self.seconds_a_byte * _kept_bytes(arch)
        return a_window * n_windows

    def gigaflops(self, architectures: Sequence[Architecture]) -> float:
        """Return the overall training rate of these architectures, in GFLOP/s."""
        seconds = sum(self.seconds(arch, 1) for arch in architectures)
        return sum(map(_flops, architectures)) / seconds / 1e9


def measured_cost(config: SearchConfig, space: SearchSpace, device: torch.device) -> Cost:
    """Measure the cost by training temporary models, from the cheapest to the dearest."""
    by_cost = sorted(set(space.architectures), key=_kept_bytes)
    places = np.linspace(0, len(by_cost) - 1, min(N_MEASURED, len(by_cost))).round()
    several = [by_cost[int(place)] for place in places]
    batch_size = config.batch_size or int(statistics.median(config.space.batch_size))
    seconds = [_flops(arch) / _rate(arch, batch_size, device) for arch in several]
    return _fitted(several, seconds)


def search_seconds(
    config: SearchConfig, space: SearchSpace, cost: Cost, n_train: int, n_done: int
) -> float:
    """Return the seconds that the remaining trials take at most.

    The extreme architectures, which are tried first, count with their own cost and all further
    trials with the mean cost.
    """
    n_left = max(0, config.n_trials - n_done)
    windows = most_windows(config, n_train)
    corners = extremes(space.architectures, config.n_trials)[n_done:][:n_left]
    mean = statistics.fmean(cost.seconds(arch, windows) for arch in space.architectures)
    first = sum(cost.seconds(arch, windows) for arch in corners)
    return first + (n_left - len(corners)) * mean


def most_windows(config: SearchConfig, n_train: int) -> int:
    """Return how many windows a training processes at most."""
    in_epochs = n_train * config.epochs
    in_steps = config.max_steps * (config.batch_size or max(config.space.batch_size))
    return min(in_epochs, in_steps or in_epochs)


def _rate(arch: Architecture, batch_size: int, device: torch.device) -> float:
    """Measure the rate in FLOP/s. All layers cost the same, so a few of them are enough."""
    n_params = count_params(arch).total
    is_large = n_params >= LARGE
    few = replace(arch, n_layers=min(2 if is_large else N_LAYERS, arch.n_layers))
    size = 8 if is_large else batch_size
    return measure_flops_per_second(few, size, device, at_most_s=MEASURE_S, n_params=n_params)


def _fitted(several: Sequence[Architecture], seconds: Sequence[float]) -> Cost:
    """Fit both costs by least squares of relative errors; both are at least 0."""
    costs = np.array([(_flops(arch), _kept_bytes(arch)) for arch in several], dtype=float)
    relative = costs / np.array(seconds)[:, None]
    scale = relative.max(axis=0)
    both = np.linalg.lstsq(relative / scale, np.ones(len(seconds)))[0] / scale
    if (both >= 0).all() and both.any():
        return Cost(*map(float, both))
    alone = relative.sum(axis=0) / (relative**2).sum(axis=0)
    errors = ((relative * alone - 1) ** 2).sum(axis=0)
    return Cost(float(alone[0]), 0.0) if errors[0] <= errors[1] else Cost(0.0, float(alone[1]))


def _flops(arch: Architecture) -> float:
    return 3.0 * forward_flops(arch)


def _kept_bytes(arch: Architecture) -> float:
    """Return the bytes that a window keeps in memory for the backward pass."""
    return activation_bytes(arch, 1)
