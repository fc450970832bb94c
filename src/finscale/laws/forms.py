"""Functional forms of positive losses: logarithms of their terms, with derivatives.

Legend: `P` points, `V` variables (log N, or log N and log D, around their middle), `K` constants.
Heights (E, A, B) are fitted by their logarithms, and forms added up in logarithms, so that neither
huge nor vanishing terms overflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
# Logarithm of a term (P,) and its derivatives (P, K).
Term = tuple[Floats, Floats]

# Range in which exponents are searched, and their starting values.
EXPONENTS = (1e-3, 5.0)
GRID = tuple(float(value) for value in np.geomspace(0.03, 2.0, 16))


@dataclass(frozen=True)
class Form:
    """A sum of positive terms.

    Attributes
    ----------
    name : str
        In the words of the field.
    constants : tuple of str
        Names of theta's K entries; the heights come first, and are in theta by their logarithms.
    n_heights : int
        Terms, each with a height of its own.
    terms : callable
        theta (K,) and variables (P, V) to the terms.
    shapes : callable
        Variables (P, V) to what starts are made of: thetas whose heights are still 0.
    low, high : tuple of float
        Bounds of the constants after the heights.
    falls : tuple of (int, int, int)
        Places of a height and of its exponent, and the variable that they belong to.
    breaks : tuple of int
        Places of sizes.
    logs : tuple of int
        Places of what stands by its logarithm, besides the heights.
    """

    name: str
    constants: tuple[str, ...]
    n_heights: int
    terms: Callable[[Floats, Floats], list[Term]]
    shapes: Callable[[Floats], list[Floats]]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    falls: tuple[tuple[int, int, int], ...] = ()
    breaks: tuple[int, ...] = ()
    logs: tuple[int, ...] = ()

    def log_value(self, theta: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Log of the form, shape (P,), and its derivatives by theta, shape (P, K)."""
        terms = self.terms(theta, x)
        logs = np.array([log for log, _ in terms])
        highest = logs.max(axis=0)
        shares = np.exp(logs - highest)
        total = shares.sum(axis=0)
        shares /= total
        # The derivatives of each term are weighted by its share of the sum.
        derivatives = shares[0][:, None] * terms[0][1]
        for share, (_, by) in zip(shares[1:], terms[1:], strict=True):
            derivatives += share[:, None] * by
        return highest + np.log(total), derivatives

    def around(self, theta: Floats, centre: Floats) -> Floats:
        """Return the constants of the same law for variables counted from `centre`."""
        moved = theta.copy()
        for height, exponent, variable in self.falls:
            moved[height] -= theta[exponent] * centre[variable]
        for place in self.breaks:
            moved[place] -= centre[0]
        return moved


def constant(theta: Floats, x: Floats) -> list[Term]:
    """``E``: size does not matter."""
    return [_level(theta, x)]


def log_linear(theta: Floats, x: Floats) -> list[Term]:
    """``level (1 - share log x)``: every decade gains as much (the limit of a power law at 0)."""
    # Beyond the point where a line reaches 0 it has no logarithm: this small value replaces it.
    left = np.maximum(1.0 - theta[1] * x[:, 0], 1e-12)
    return [(theta[0] + np.log(left), np.stack([np.ones_like(left), -x[:, 0] / left], axis=1))]


def power_law(theta: Floats, x: Floats) -> list[Term]:
    """``A x^-alpha`` (Kaplan et al. 2020, arXiv:2001.08361, eq. 1.1)."""
    return [_fall(theta, x[:, 0], 0, 1)]


def floored_power_law(theta: Floats, x: Floats) -> list[Term]:
    """``E + A x^-alpha`` (Henighan et al. 2020, arXiv:2010.14701, eq. 1.1)."""
    return [_level(theta, x), _fall(theta, x[:, 0], 1, 2)]


def data_law(theta: Floats, x: Floats) -> list[Term]:
    """``E + B D^-beta``: the same in samples alone (Henighan et al. 2020, eq. 1.1)."""
    return [_level(theta, x), _fall(theta, x[:, 1], 1, 2)]


def joint_law(theta: Floats, x: Floats) -> list[Term]:
    """``E + A N^-alpha + B D^-beta`` (Hoffmann et al. 2022, arXiv:2203.15556, eq. 2)."""
    return [_level(theta, x), _fall(theta, x[:, 0], 1, 3), _fall(theta, x[:, 1], 2, 4)]


def broken_power_law(theta: Floats, x: Floats) -> list[Term]:
    """``E + A x^-alpha (1 + (x / d)^(1/f))^(-c f)``: exponent alpha, and alpha + c beyond d.

    Caballero et al. 2023, arXiv:2210.14891, eq. 1 with one break; theta holds log E, log A,
    alpha, c, log d and log f.
    """
    _, a, alpha, c, log_d, log_f = theta
    f, offset = math.exp(log_f), x[:, 0]
    z = (offset - log_d) / f
    # log(1 + e^z) without overflow, and its derivative.
    bend, share = np.logaddexp(0.0, z), expit(z)
    by = [0 * z, np.ones_like(z), -offset, -f * bend, c * share, -c * f * (bend - z * share)]
    log = a - alpha * offset - c * f * bend
    return [_level(theta, x), (np.asarray(log), np.stack(by, axis=1))]


def _level(theta: Floats, x: Floats) -> Term:
    by = np.zeros((len(x), len(theta)))
    by[:, 0] = 1.0
    return np.full(len(x), theta[0]), by


def _fall(theta: Floats, offset: Floats, height: int, exponent: int) -> Term:
    by = np.zeros((len(offset), len(theta)))
    by[:, height], by[:, exponent] = 1.0, -offset
    return theta[height] - theta[exponent] * offset, by


def _grid(n_heights: int, n_exponents: int, _: Floats) -> list[Floats]:
    exponents = product(GRID, repeat=n_exponents)
    return [np.array([0.0] * n_heights + list(chosen)) for chosen in exponents]


def _shares(x: Floats) -> list[Floats]:
    # Just below the slope at which the line reaches 0 within the points.
    reach = float(np.abs(x[:, 0]).max())
    return [np.array([0.0, share / reach]) for share in np.linspace(-0.9, 0.9, 19)]


def _broken_shapes(x: Floats) -> list[Floats]:
    breaks = np.quantile(x[:, 0], (0.25, 0.5, 0.75))
    shapes = product((0.05, 0.2, 0.6), (-0.15, 0.2, 0.8), breaks, (-2.0, 0.0))
    return [np.array([0.0, 0.0, *shape]) for shape in shapes]


LOW, HIGH = EXPONENTS
CONSTANT = Form("constant", ("E",), 1, constant, partial(_grid, 1, 0))
# The level at the middle of the points, and the relative gain by a factor of e in size.
LOG_LINEAR = Form("log-linear", ("level", "share"), 1, log_linear, _shares, (-HIGH,), (HIGH,))
POWER = Form(
    "power law", ("A", "alpha"), 1, power_law, partial(_grid, 1, 1), (LOW,), (HIGH,), ((0, 1, 0),)
)
FLOORED = Form(
    "power law with floor",
    ("E", "A", "alpha"),
    2,
    floored_power_law,
    partial(_grid, 2, 1),
    (LOW,),
    (HIGH,),
    ((1, 2, 0),),
)
DATA = Form(
    "data-only",
    ("E", "B", "beta"),
    2,
    data_law,
    partial(_grid, 2, 1),
    (LOW,),
    (HIGH,),
    ((1, 2, 1),),
)
JOINT = Form(
    "joint",
    ("E", "A", "B", "alpha", "beta"),
    3,
    joint_law,
    partial(_grid, 3, 2),
    (LOW, LOW),
    (HIGH, HIGH),
    ((1, 3, 0), (2, 4, 1)),
)
BROKEN = Form(
    "broken power law",
    ("E", "A", "alpha", "c", "d", "f"),
    2,
    broken_power_law,
    _broken_shapes,
    # A break lies within 30 factors of e of the middle, and is a hundredth to ten of them wide.
    (LOW, -HIGH, -30.0, math.log(0.01)),
    (HIGH, HIGH, 30.0, math.log(10.0)),
    ((1, 2, 0),),
    (4,),
    (4, 5),
)
