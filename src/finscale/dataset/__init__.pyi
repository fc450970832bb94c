from .catalogue.feature import Feature
from .drift import drift_report
from .features import (
    FEATURE_VERSION,
    TIERS,
    WARMUP_ROWS,
    build_features,
    tier_features,
)
from .floors import check_floors, effective_size
from .folds import Fold, Split, most_recent
from .inputs import ExtraSeries, build_inputs, check_warmup, first_position, warmup_rows
from .labels import LABEL_VERSION, make_labels
from .macro import MACRO, TERM_SPREAD
from .normalise import Scaler, fit_scaler, to_stationary
from .pool import MIN_POOLED, pool_end, pooled_positions
from .processed import (
    PreparedInputs,
    TickerInputs,
    dataset_sha256,
    prepare_inputs,
)
from .splitting import DIAGNOSTIC_SPLITS, split
from .tiers.multi import MULTI
from .vix import VIX

__all__ = [
    "DIAGNOSTIC_SPLITS",
    "FEATURE_VERSION",
    "LABEL_VERSION",
    "MACRO",
    "MIN_POOLED",
    "MULTI",
    "TERM_SPREAD",
    "TIERS",
    "VIX",
    "WARMUP_ROWS",
    "ExtraSeries",
    "Feature",
    "Fold",
    "PreparedInputs",
    "Scaler",
    "Split",
    "TickerInputs",
    "build_features",
    "build_inputs",
    "check_floors",
    "check_warmup",
    "dataset_sha256",
    "drift_report",
    "effective_size",
    "first_position",
    "fit_scaler",
    "make_labels",
    "most_recent",
    "pool_end",
    "pooled_positions",
    "prepare_inputs",
    "split",
    "tier_features",
    "to_stationary",
    "warmup_rows",
]
