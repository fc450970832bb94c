"""Scores, reference forecasts and paired comparison: what a loss means, and how sure it is."""

from finscale.evaluation.bootstrap import block_length, bootstrap_means, covariance, intervals
from finscale.evaluation.forecasts import Logit, Prior, fit_logit, fit_prior, reference_inputs
from finscale.evaluation.scores import Scores, bce_with_logits, is_collapsed, score, skill

__all__ = [
    "Logit",
    "Prior",
    "Scores",
    "bce_with_logits",
    "block_length",
    "bootstrap_means",
    "covariance",
    "fit_logit",
    "fit_prior",
    "intervals",
    "is_collapsed",
    "reference_inputs",
    "score",
    "skill",
]
