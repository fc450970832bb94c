"""Names of the forecasts that a model is measured beside."""

from __future__ import annotations

REFERENCE = "reference"
"""Linear in past volatility and returns: skill and paired differences are measured against it."""
PRIOR = "prior"
LOGISTIC, LINEAR = "logistic", "linear"
BOOSTING = "boosting"
PERCEPTRON = "mlp"
BAYES = "bayes"
"""The planted odds themselves, where a market was made with some."""

BASELINES = (REFERENCE, PRIOR, LOGISTIC, LINEAR, BOOSTING, PERCEPTRON, BAYES)
"""All of them, from simple to rich."""
