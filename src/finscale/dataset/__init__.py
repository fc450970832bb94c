"""Bars to samples that a model can take: features, labels, purged splits, windows."""

from finscale.dataset.catalogue.feature import Feature
from finscale.dataset.drift import drift_report
from finscale.dataset.features import (
    FEATURE_VERSION,
    TIERS,
    WARMUP_ROWS,
    build_features,
    tier_features,
)
from finscale.dataset.floors import check_floors, effective_size
from finscale.dataset.folds import Fold, Split
from finscale.dataset.inputs import Beside, build_inputs, first_position, warmup_rows
from finscale.dataset.labels import LABEL_VERSION, make_labels
from finscale.dataset.macro import MACRO, TERM_SPREAD
from finscale.dataset.normalise import Scaler, fit_scaler, to_stationary
from finscale.dataset.partition import DIAGNOSTIC_SPLITS, split
from finscale.dataset.pool import MIN_POOLED, pool_end, pooled_positions
from finscale.dataset.processed import (
    PreparedInputs,
    TickerInputs,
    dataset_sha256,
    prepare_inputs,
)
from finscale.dataset.tiers.multi import MULTI
from finscale.dataset.vix import VIX
from finscale.dataset.windows import take_windows, window_positions

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
    "Beside",
    "Feature",
    "Fold",
    "PreparedInputs",
    "Scaler",
    "Split",
    "TickerInputs",
    "build_features",
    "build_inputs",
    "check_floors",
    "dataset_sha256",
    "drift_report",
    "effective_size",
    "first_position",
    "fit_scaler",
    "make_labels",
    "pool_end",
    "pooled_positions",
    "prepare_inputs",
    "split",
    "take_windows",
    "tier_features",
    "to_stationary",
    "warmup_rows",
    "window_positions",
]
