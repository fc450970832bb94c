"""Do points identify a law: what its curvature at the solution says of every constant.

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
# Singular values below this share of the largest, columns of unit length: what lies along them
# changes no prediction that a double could hold apart.
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
        Behind `noise`; infinite where it is known.
    """

    slopes: Floats
    noise: float
    dof: float

    @property
    def is_full(self) -> bool:
        """Whether no combination of constants can change without changing the residuals."""
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
    """Whether every falling term is there, with an exponent of its own.

    The 95 % intervals of its height and of its exponent, by curvature, must leave 0 out: where
    that of the exponent holds 0, a logarithm fits as well.

    Parameters
    ----------
    constants : ndarray, shape (K,)
        Those that `curvature` is by.
    in_logs : bool
        Whether heights stand by their logarithms, whose errors are shares of them.
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
    """Count the points that differ in what the form depends on.

    Parameters
    ----------
    x : ndarray, shape (P, V)
        Logarithms of the variables.
    """
    used = sorted({variable for _, _, variable in form.falls} or {0})
    return len(np.unique(x[:, used], axis=0))
