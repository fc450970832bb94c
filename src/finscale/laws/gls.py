"""Generalised least squares, and the checks of points that all fits share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cholesky, solve_triangular

from finscale.config import DataError

Floats = NDArray[np.float64]

# Cells that make the same forecast have a singular covariance. This share of the mean
# variance on the diagonal keeps the fit defined, and moves sound fits by no more than it.
RIDGE = 1e-10


@dataclass(frozen=True)
class LinearFit:
    """A linear fit: coefficients (P,), their covariance (P, P), and the residual chi squared."""

    coefficients: Floats
    covariance: Floats
    chi2: float


def whitener(cov: ArrayLike | None, n_points: int) -> Floats:
    """Matrix W, shape (J, J), that gives correlated rows unit variance: ``W cov W' = 1``.

    It is the inverse of the lower Cholesky factor; the identity for None.

    Raises
    ------
    DataError
        If `cov` is not a finite, symmetric, positive semi-definite (J, J) matrix.
    """
    if cov is None:
        return np.eye(n_points)
    matrix = np.asarray(cov, dtype=np.float64)
    if matrix.shape != (n_points, n_points):
        raise _bad_covariance(f"shape {matrix.shape}")
    try:
        lower = cholesky(ridged(matrix, np.zeros(n_points)), lower=True)
    except np.linalg.LinAlgError:
        raise _bad_covariance("one with a negative eigenvalue") from None
    inverse = solve_triangular(lower, np.eye(n_points), lower=True)
    return np.asarray(inverse, dtype=np.float64)


def ridged(day_cov: Floats, seed_variance: Floats) -> Floats:
    """Full covariance of the cells over days and seeds, kept from being singular.

    Raises
    ------
    DataError
        If it is not finite and symmetric with one row a cell, or has no variance at all.
    """
    n_points = len(seed_variance)
    if day_cov.shape != (n_points, n_points) or not np.isfinite(day_cov).all():
        raise _bad_covariance(f"shape {day_cov.shape}, or values that are not finite")
    matrix = day_cov + np.diag(seed_variance)
    scale = float(np.trace(matrix)) / n_points
    if scale <= 0.0 or not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12 * abs(scale)):
        raise _bad_covariance("one without variance or not symmetric")
    return np.asarray(matrix + RIDGE * scale * np.eye(n_points), dtype=np.float64)


def check_variances(seed_variance: ArrayLike, n_points: int) -> Floats:
    """Variances from seeds as a float64 vector, shape (J,).

    Raises
    ------
    DataError
        If there is not one for each cell, or one is negative or not finite.
    """
    variances = np.asarray(seed_variance, dtype=np.float64)
    if variances.shape != (n_points,) or not (np.isfinite(variances) & (variances >= 0.0)).all():
        raise _bad_covariance("seed variances that are negative, not finite, or not one a cell")
    return variances


def fit_linear(design: Floats, y: Floats, whitening: Floats) -> LinearFit:
    """Fit ``y = design @ coefficients`` by GLS (Aitken 1936, Proc. R. Soc. Edinburgh 55).

    Parameters
    ----------
    design : ndarray, shape (J, P)
    y : ndarray, shape (J,)
    whitening : ndarray, shape (J, J)
        Of the covariance of `y`.
    """
    basis, target = whitening @ design, whitening @ y
    q, r = np.linalg.qr(basis)
    inverse = np.linalg.inv(r)
    coefficients = inverse @ (q.T @ target)
    residual = target - basis @ coefficients
    return LinearFit(
        coefficients=np.asarray(coefficients, dtype=np.float64),
        covariance=np.asarray(inverse @ inverse.T, dtype=np.float64),
        chi2=float(residual @ residual),
    )


def check_points(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Sizes and values as float64 vectors, shape (J,) each.

    Raises
    ------
    DataError
        If lengths differ, a value is not finite, a size is not positive, or all sizes agree.
    """
    sizes, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if sizes.ndim != 1 or sizes.shape != values.shape:
        raise _bad_points("one value for each size", f"shapes {sizes.shape} and {values.shape}")
    if not (np.isfinite(sizes).all() and np.isfinite(values).all() and (sizes > 0.0).all()):
        raise _bad_points("positive sizes and finite values", "zero, negative, NaN or infinity")
    if np.unique(sizes).size < 2:
        raise _bad_points("two sizes or more that differ", f"{np.unique(sizes).size} size")
    return sizes, values


def in_order(
    sizes: Floats, values: Floats, cov: ArrayLike | None
) -> tuple[Floats, Floats, Floats | None]:
    """Sort points by size and value, and their covariance with them.

    Sums depend on the order of what is added: sorted, the same points give the same constants to
    the last digit, however a table listed them.

    Parameters
    ----------
    sizes, values : ndarray, shape (J,)
    cov : array_like, shape (J, J), optional
        One of another shape is returned as it is, for `whitener` to refuse.
    """
    if cov is None:
        order = np.lexsort((values, sizes))
        return sizes[order], values[order], None
    matrix = np.asarray(cov, dtype=np.float64)
    if matrix.shape != 2 * sizes.shape:
        return sizes, values, matrix
    # Points with equal size and value are ordered by their variances.
    shared = np.sort(matrix, axis=1).T[::-1]
    order = np.lexsort((*shared, np.diag(matrix), values, sizes))
    return sizes[order], values[order], np.ascontiguousarray(matrix[np.ix_(order, order)])


def _bad_points(expected: str, got: str) -> DataError:
    return DataError(
        "points of a scaling fit", expected=expected, got=got, todo="Look at the cells' finals."
    )


def _bad_covariance(got: str) -> DataError:
    return DataError(
        "covariance of the cells",
        expected="a symmetric, positive semi-definite matrix, one row a cell",
        got=got,
        todo="Look at the cells' losses.",
    )
