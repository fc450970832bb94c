"""Joint law in parameters and samples, ``E + A N^-alpha + B D^-beta``, on positive losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finscale.laws.forms import JOINT
from finscale.laws.huber import LossFit, fit_loss
from finscale.laws.power import FitStatus

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class JointLaw:
    """A fitted ``E + A N^-alpha + B D^-beta``.

    Attributes
    ----------
    E : float
        Loss left at infinite size and data, in nats. NaN, like the other constants, where points
        let them change together without changing a loss, as D in proportion to N does.
    A, alpha : float
        Of the number of parameters N.
    B, beta : float
        Of the number of samples D.
    objective : float
        Mean Huber loss of the log residuals, in units of delta squared.
    n_points : int
    status : FitStatus
        ``bound_hit`` where an exponent, or E, A or B, lies at the end of what was searched;
        ``not_identifiable`` where the points do not tell A, alpha, B or beta from 0.
    """

    E: float
    A: float
    alpha: float
    B: float
    beta: float
    objective: float
    n_points: int
    status: FitStatus

    @property
    def constants(self) -> dict[str, float]:
        """The five constants by name."""
        return {name: getattr(self, name) for name in JOINT.constants}

    def predict(self, n_params: ArrayLike, n_samples: ArrayLike) -> Floats:
        """Loss at the given sizes and samples, in nats."""
        sizes = np.asarray(n_params, dtype=np.float64)
        samples = np.asarray(n_samples, dtype=np.float64)
        reducible = self.A * sizes**-self.alpha + self.B * samples**-self.beta
        return np.asarray(self.E + reducible, dtype=np.float64)

    def frontier(self, flops: ArrayLike, flops_per_pair: float = 6.0) -> tuple[Floats, Floats]:
        """Sizes and samples of least loss for a budget of compute: ``N*(C), D*(C)``.

        Hoffmann et al. 2022, arXiv:2203.15556, eq. 4, with C = `flops_per_pair` N D.

        Parameters
        ----------
        flops : array_like
            C, in floating-point operations.
        flops_per_pair : float
            Operations that a sample costs for each parameter.
        """
        pairs = np.asarray(flops, dtype=np.float64) / flops_per_pair
        total = self.alpha + self.beta
        balance = (self.alpha * self.A / (self.beta * self.B)) ** (1.0 / total)
        return balance * pairs ** (self.beta / total), pairs ** (self.alpha / total) / balance


def fit_joint_law(
    n_params: ArrayLike,
    n_samples: ArrayLike,
    loss: ArrayLike,
    *,
    huber_delta: float = 1e-3,
    start: JointLaw | None = None,
    max_evaluations: int = 2_000,
) -> JointLaw:
    """Fit the joint law by Huber's loss on log residuals: see `fit_loss`.

    Parameters
    ----------
    n_params, n_samples, loss : array_like, shape (P,)
        Parameters N, training samples D and the loss in nats, all positive.
    huber_delta : float
        Log residual beyond which a point counts linearly.
    start : JointLaw, optional
        Of a neighbouring fit: refined alone, as a bootstrap does.
    max_evaluations : int
        Limit of each refinement; a fit stopped by it says so in its status.

    Raises
    ------
    DataError
        If lengths differ, a value is not positive and finite, there are fewer than six points,
        or fewer than three sizes or amounts of data differ.

    Examples
    --------
    >>> import numpy as np
    >>> from finscale.laws import fit_joint_law
    >>> n_params, n_samples = np.meshgrid([1e6, 1e7, 1e8, 1e9], [1e8, 1e9, 1e10])
    >>> loss = 1.7 + 400 * n_params**-0.34 + 410 * n_samples**-0.28
    >>> law = fit_joint_law(n_params.ravel(), n_samples.ravel(), loss.ravel())
    >>> round(law.E, 2), round(law.alpha, 2), round(law.beta, 2)
    (1.7, 0.34, 0.28)
    """
    found = fit_loss(
        JOINT,
        n_params,
        n_samples,
        loss,
        huber_delta=huber_delta,
        start=_as_fit(start) if start else None,
        max_evaluations=max_evaluations,
    )
    return JointLaw(
        **found.constants,
        objective=found.objective,
        n_points=found.n_points,
        status=found.status,
    )


def _as_fit(law: JointLaw) -> LossFit:
    # A law that could not be fitted has no constants to start from; NaN tells the fit so.
    heights = [math.log(height) for height in (law.E, law.A, law.B)]
    theta = np.array([*heights, law.alpha, law.beta])
    return LossFit(JOINT, theta, np.zeros(2), law.objective, law.n_points, law.status)
