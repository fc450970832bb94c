"""Tests of the form of an improvement: power law, saturating power law, or unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from finscale.laws.gls import fit_linear, whitener
from finscale.laws.power import FitStatus, PowerLaw, alpha_interval, gain_interval, search_power_law
from finscale.laws.slope import quantile

Floats = NDArray[np.float64]

# Three constants, one size to be predicted, and two spare sizes.
MIN_FORM_SIZES = 6
LEVEL = 0.95


@dataclass(frozen=True)
class HeldOut:
    """Prediction of the largest size from the others.

    Attributes
    ----------
    observed, predicted : float
        Difference from the reference and the power law's forecast of it, in nats a day.
    low, high : float
        95 % prediction interval: of the law's constants and of the largest cell itself.
    error_power, error_log, error_constant : float
        Distance of the observed difference from each law's forecast.
    """

    observed: float
    predicted: float
    low: float
    high: float
    error_power: float
    error_log: float
    error_constant: float

    @property
    def is_inside(self) -> bool:
        """True if the observed value lies in the prediction interval."""
        return self.low <= self.observed <= self.high

    @property
    def is_closest(self) -> bool:
        """True if the power law predicted better than the logarithm and the constant."""
        return self.error_power < min(self.error_log, self.error_constant)


@dataclass(frozen=True)
class FormTest:
    """Results of the tests of a power law.

    Attributes
    ----------
    law : PowerLaw
        Fitted to all cells.
    p_misfit : float
        Of its chi squared; NaN, like what follows, where the fit has no exponent.
    alpha_low, alpha_high : float
        95 % interval of the exponent by profile likelihood.
    held_out : HeldOut or None
        None where the law cannot be fitted without the largest size.
    next_gain, next_gain_low, next_gain_high : float
        Predicted fall over the decade after the largest size, in nats a day, and its 95 %
        interval by profile likelihood.
    """

    law: PowerLaw
    p_misfit: float = math.nan
    alpha_low: float = math.nan
    alpha_high: float = math.nan
    held_out: HeldOut | None = None
    next_gain: float = math.nan
    next_gain_low: float = math.nan
    next_gain_high: float = math.nan

    @property
    def objection(self) -> str:
        """The first objection to a power law; empty if there is none."""
        if self.law.status is not FitStatus.CONVERGED:
            return f"no exponent fits ({self.law.status.value.replace('_', ' ')})"
        if self.p_misfit < 1.0 - LEVEL:
            return f"it does not fit (p = {self.p_misfit:.3f})"
        if self.alpha_low <= 0.0:
            return "a logarithm fits as well (the exponent's interval reaches 0)"
        if self.held_out is None:
            return "without the largest size no exponent fits"
        if not self.held_out.is_inside:
            return "the largest size lies outside its prediction interval"
        if not self.held_out.is_closest:
            return "another law predicts the largest size better"
        return ""

    @property
    def numbers(self) -> dict[str, float]:
        """Every number of the test by name."""
        found = {
            "law_E": self.law.E,
            "law_A": self.law.A,
            "law_alpha": self.law.alpha,
            "law_alpha_low": self.alpha_low,
            "law_alpha_high": self.alpha_high,
            "law_chi2": self.law.chi2,
            "law_chi2_dof": float(self.law.dof),
            "law_p": self.p_misfit,
            "next_decade_gain": self.next_gain,
            "next_decade_gain_low": self.next_gain_low,
            "next_decade_gain_high": self.next_gain_high,
        }
        if self.held_out:
            found |= {
                "held_out": self.held_out.observed,
                "held_out_predicted": self.held_out.predicted,
                "held_out_low": self.held_out.low,
                "held_out_high": self.held_out.high,
                "held_out_error_power": self.held_out.error_power,
                "held_out_error_log": self.held_out.error_log,
                "held_out_error_constant": self.held_out.error_constant,
            }
        return found


def check_form(n_params: Floats, difference: Floats, cov: Floats, dof: float) -> FormTest:
    """Test whether a power law fits, has an exponent, and predicts the largest size.

    Parameters
    ----------
    n_params, difference : ndarray, shape (J,)
    cov : ndarray, shape (J, J)
        Of the differences over days and seeds, in nats squared.
    dof : float
        Degrees of freedom behind its seed part: chi squared over its own is compared with F,
        the exponent and the prediction with Student's t.
    """
    law = search_power_law(n_params, difference, cov=cov)
    if law.status is not FitStatus.CONVERGED:
        return FormTest(law)
    reach = quantile(LEVEL, dof)
    alphas = alpha_interval(law, n_params, difference, cov=cov, reach=reach)
    gains = gain_interval(law, n_params, difference, cov=cov, reach=reach, alphas=alphas)
    return FormTest(
        law=law,
        # Infinite degrees of freedom make F a chi squared over its own: 10^9 are as good.
        p_misfit=float(fdtrc(law.dof, min(dof, 1e9), law.chi2 / law.dof)),
        alpha_low=alphas[0],
        alpha_high=alphas[1],
        held_out=_hold_out(n_params, difference, cov, dof),
        next_gain=law.next_gain(float(n_params.max())),
        next_gain_low=gains[0],
        next_gain_high=gains[1],
    )


def _hold_out(n_params: Floats, difference: Floats, cov: Floats, dof: float) -> HeldOut | None:
    is_kept = n_params < n_params.max()
    order = np.concatenate([np.flatnonzero(is_kept), np.flatnonzero(~is_kept)])
    n_kept = int(is_kept.sum())
    sizes, values, cov = n_params[order], difference[order], cov[np.ix_(order, order)]
    kept_cov = cov[:n_kept, :n_kept]
    law = search_power_law(sizes[:n_kept], values[:n_kept], cov=kept_cov)
    if law.status is not FitStatus.CONVERGED:
        return None
    # To first order the prediction is linear in the kept cells; so is its error, whose variance
    # then holds what the largest cell's error shares with theirs.
    pull = _pull(law, sizes[:n_kept], kept_cov)
    n_held = len(sizes) - n_kept
    tangent = _tangents(law, sizes[-1:])[0]
    weights = np.concatenate([-tangent @ pull, np.full(n_held, 1.0 / n_held)])
    reach = quantile(LEVEL, dof) * math.sqrt(weights @ cov @ weights)
    predicted, observed = float(law.predict(sizes[-1])), float(values[n_kept:].mean())

    whitening = whitener(kept_cov, n_kept)

    def error(design: Floats) -> float:
        fit = fit_linear(design[:n_kept], values[:n_kept], whitening)
        return abs(observed - float(design[-1] @ fit.coefficients))

    ones = np.ones((len(sizes), 1))
    return HeldOut(
        observed=observed,
        predicted=predicted,
        low=predicted - reach,
        high=predicted + reach,
        error_power=abs(observed - predicted),
        error_log=error(np.concatenate([ones, np.log(sizes / sizes[0])[:, None]], axis=1)),
        error_constant=error(ones),
    )


def _pull(law: PowerLaw, sizes: Floats, cov: Floats) -> Floats:
    """First-order change of E, of the fall (relative) and of alpha by each cell; shape (3, J)."""
    whitening = whitener(cov, len(sizes))
    found = np.linalg.pinv(whitening @ _tangents(law, sizes)) @ whitening
    return np.asarray(found, dtype=np.float64)


def _tangents(law: PowerLaw, sizes: Floats) -> Floats:
    """Derivatives of the law by E, by its fall (in units of it) and by alpha; shape (J, 3)."""
    fall = law.A * sizes**-law.alpha
    return np.stack([np.ones_like(sizes), fall, -np.log(sizes) * fall], axis=1)
