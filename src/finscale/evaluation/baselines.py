"""Names of the baseline forecasts that models are compared with."""

from __future__ import annotations

REFERENCE = "reference"
"""The reference for skill and paired differences, linear in past volatility and returns."""
PRIOR = "prior"
LOGISTIC, LINEAR = "logistic", "linear"
BOOSTING = "boosting"
PERCEPTRON = "mlp"
BAYES = "bayes"
"""The true odds of a planted market."""

BASELINES = (REFERENCE, PRIOR, LOGISTIC, LINEAR, BOOSTING, PERCEPTRON, BAYES)
"""All baselines, from simple to complex."""
