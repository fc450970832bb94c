"""Bars to samples that a model can take: features, labels, purged splits, windows."""

from finscale.dataset.catalogue.feature import Feature
from finscale.dataset.features import FEATURE_VERSION, TIERS, WARMUP_ROWS, build_features
from finscale.dataset.floors import check_floors, effective_size
from finscale.dataset.folds import Fold, Split
from finscale.dataset.labels import LABEL_VERSION, make_labels
from finscale.dataset.normalise import Scaler, fit_scaler, to_stationary
from finscale.dataset.processed import PreparedInputs, dataset_sha256, prepare_inputs
from finscale.dataset.split import DIAGNOSTIC_SPLITS, first_position, split
from finscale.dataset.windows import take_windows, window_positions

__all__ = [
    "DIAGNOSTIC_SPLITS",
    "FEATURE_VERSION",
    "LABEL_VERSION",
    "TIERS",
    "WARMUP_ROWS",
    "Feature",
    "Fold",
    "PreparedInputs",
    "Scaler",
    "Split",
    "build_features",
    "check_floors",
    "dataset_sha256",
    "effective_size",
    "first_position",
    "fit_scaler",
    "make_labels",
    "prepare_inputs",
    "split",
    "take_windows",
    "to_stationary",
    "window_positions",
]
