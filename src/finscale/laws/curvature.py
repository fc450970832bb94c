"""Identifiability of a law: standard errors of its constants, from the curvature at the solution.

Legend: `P` points, `K` constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finscale.laws.forms import Form
from finscale.laws.slope import quantile

Floats = NDArray[np.float64]

LEVEL = 0.95
# A combination of constants counts as undetermined when its singular value (columns scaled to
# unit length) is below this share of the largest: it changes predictions by rounding errors only.
RANK = 1e-6


@dataclass(frozen=True, eq=False)
class Curvature:
    """Derivatives of a law at its solution, and the noise around it.

    Attributes
    ----------
    slopes : ndarray, shape (P, K)
        Derivatives of the (whitened) residuals by the constants.
    noise : float
        Standard deviation of a residual.
    dof : float
        Degrees of freedom of `noise`; infinite where the noise is known.
    """

    slopes: Floats
    noise: float
    dof: float

    @property
    def is_full(self) -> bool:
        """True if every combination of constants changes the residuals."""
        unit, _ = self._columns()
        singular = np.linalg.svd(unit, compute_uv=False)
        return bool(singular[-1] > RANK * singular[0])

    def errors(self) -> Floats:
        """Standard errors of the constants, to first order; shape (K,)."""
        unit, length = self._columns()
        _, singular, basis = np.linalg.svd(unit, full_matrices=False)
        spread = np.linalg.norm(basis / singular[:, None], axis=0)
        return np.asarray(self.noise * spread / length, dtype=np.float64)

    def _columns(self) -> tuple[Floats, Floats]:
        length = np.linalg.norm(self.slopes, axis=0)
        length = np.where(length > 0.0, length, 1.0)
        return self.slopes / length, length


def identifies(curvature: Curvature, form: Form, constants: Floats, *, in_logs: bool) -> bool:
    """Return True if the data determine every falling term and its exponent.

    The 95 % intervals of the height and of the exponent, computed from the curvature, must exclude
    0. If the interval of the exponent contains 0, a logarithm fits as well.

    Parameters
    ----------
    constants : ndarray, shape (K,)
        The constants by which `curvature` is differentiated.
    in_logs : bool
        True if heights are given as logarithms; their errors are then relative.
    """
    if not curvature.is_full:
        return False
    reach = quantile(LEVEL, curvature.dof) * curvature.errors()
    size = np.abs(constants)
    if in_logs:
        size[: form.n_heights] = 1.0
    places = [place for height, exponent, _ in form.falls for place in (height, exponent)]
    return bool((reach[places] < size[places]).all())


def n_places(form: Form, x: Floats) -> int:
    """Count the distinct points in the variables that the form depends on.

    Parameters
    ----------
    x : ndarray, shape (P, V)
        Logarithms of the variables.
    """
    used = sorted({variable for _, _, variable in form.falls} or {0})
    return len(np.unique(x[:, used], axis=0))
