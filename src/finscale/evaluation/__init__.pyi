from .baselines import BASELINES, BAYES, BOOSTING, LINEAR, LOGISTIC, PERCEPTRON, PRIOR, REFERENCE
from .boosting import (
    BoostedGaussian,
    Boosting,
    fit_boosted_gaussian,
    fit_boosting,
)
from .bootstrap import (
    block_length,
    bootstrap_means,
    covariance,
    intervals,
    seed_variance,
)
from .calibration import Reliability, coverage_curve, reliability
from .comparison import (
    Comparison,
    SuperiorAbility,
    compare_two,
    model_confidence_set,
    selection_optimism,
    superior_predictive_ability,
)
from .forecasts import Logit, Prior, fit_logit, fit_prior, reference_inputs
from .gaussian import (
    GaussianPrior,
    LinearGaussian,
    fit_gaussian_prior,
    fit_linear_gaussian,
)
from .outputs import (
    calibration_of,
    is_collapsed_forecast,
    sample_losses,
    score_outputs,
    skill_of,
)
from .penalty import choose_penalty
from .regression import (
    RegressionScores,
    conformal_multiplier,
    density_skill,
    gaussian_nll,
    is_collapsed_regression,
    score_regression,
)
from .scores import Scores, bce_with_logits, cross_entropy, is_collapsed, score, skill

__all__ = [
    "BASELINES",
    "BAYES",
    "BOOSTING",
    "LINEAR",
    "LOGISTIC",
    "PERCEPTRON",
    "PRIOR",
    "REFERENCE",
    "BoostedGaussian",
    "Boosting",
    "Comparison",
    "GaussianPrior",
    "LinearGaussian",
    "Logit",
    "Prior",
    "RegressionScores",
    "Reliability",
    "Scores",
    "SuperiorAbility",
    "bce_with_logits",
    "block_length",
    "bootstrap_means",
    "calibration_of",
    "choose_penalty",
    "compare_two",
    "conformal_multiplier",
    "covariance",
    "coverage_curve",
    "cross_entropy",
    "density_skill",
    "fit_boosted_gaussian",
    "fit_boosting",
    "fit_gaussian_prior",
    "fit_linear_gaussian",
    "fit_logit",
    "fit_prior",
    "gaussian_nll",
    "intervals",
    "is_collapsed",
    "is_collapsed_forecast",
    "is_collapsed_regression",
    "model_confidence_set",
    "reference_inputs",
    "reliability",
    "sample_losses",
    "score",
    "score_outputs",
    "score_regression",
    "seed_variance",
    "selection_optimism",
    "skill",
    "skill_of",
    "superior_predictive_ability",
]
