"""PatchTST of an exact size: the network, its size by formula, the architecture grid."""

from finscale.model.architecture import Architecture
from finscale.model.grid import TOLERANCE, Axes, architectures, fits
from finscale.model.mlp import MLP, MlpArchitecture, count_mlp_params, mlp_of_size
from finscale.model.patchtst import PatchTST
from finscale.model.served import ServedModel
from finscale.model.sizing import (
    ParamCount,
    count_params,
    forward_flops,
    training_memory_bytes,
)
from finscale.model.storage import load_weights, save_weights
from finscale.model.units import LabelUnits

__all__ = [
    "MLP",
    "TOLERANCE",
    "Architecture",
    "Axes",
    "LabelUnits",
    "MlpArchitecture",
    "ParamCount",
    "PatchTST",
    "ServedModel",
    "architectures",
    "count_mlp_params",
    "count_params",
    "fits",
    "forward_flops",
    "load_weights",
    "mlp_of_size",
    "save_weights",
    "training_memory_bytes",
]
