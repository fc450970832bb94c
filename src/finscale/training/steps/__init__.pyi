from .engine import Engine, choose_engine, compile_layers
from .fixed_shape import FixedShapeStep, cuda_graph, repeated
from .gain import Gain, measure_gain
from .measuring import measure_flops_per_second
from .prediction import predict
from .shared_step import SharedStep, must_shard, shared_micro
from .steps import OneModelStep, StackedStep, Step, make_optimiser

__all__ = [
    "Engine",
    "FixedShapeStep",
    "Gain",
    "OneModelStep",
    "SharedStep",
    "StackedStep",
    "Step",
    "choose_engine",
    "compile_layers",
    "cuda_graph",
    "make_optimiser",
    "measure_flops_per_second",
    "measure_gain",
    "must_shard",
    "predict",
    "repeated",
    "shared_micro",
]
