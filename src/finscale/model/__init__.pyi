from .architecture import Architecture
from .grid import TOLERANCE, architectures, fits
from .memory import activation_bytes, training_memory_bytes
from .mlp import MLP, MlpArchitecture, count_mlp_params, mlp_of_size
from .patchtst import PatchTST, run_layer
from .served import ServedModel
from .sizing import (
    ParamCount,
    count_params,
    forward_flops,
)
from .stacked import StackedPatchTST
from .storage import load_weights, save_weights
from .units import LabelUnits

__all__ = [
    "MLP",
    "TOLERANCE",
    "Architecture",
    "LabelUnits",
    "MlpArchitecture",
    "ParamCount",
    "PatchTST",
    "ServedModel",
    "StackedPatchTST",
    "activation_bytes",
    "architectures",
    "count_mlp_params",
    "count_params",
    "fits",
    "forward_flops",
    "load_weights",
    "mlp_of_size",
    "run_layer",
    "save_weights",
    "training_memory_bytes",
]
