from .batches import MicroBatch, fit_memory_bytes, least_memory_bytes, micro_batch, spared_bytes
from .devices import available_memory_bytes, peak_memory_bytes, pick_device, release_memory
from .health import Sensor, ThermalGuard, check_heat, sensors
from .precision import autocast, check_precision, resolve_precision, tf32_products
from .ranks import Ranks, is_shard, is_sharded, joined, whole
from .rates import matrix_flops_per_second
from .threads import LARGE, default_threads, threads_of, using_threads

__all__ = [
    "LARGE",
    "MicroBatch",
    "Ranks",
    "Sensor",
    "ThermalGuard",
    "autocast",
    "available_memory_bytes",
    "check_heat",
    "check_precision",
    "default_threads",
    "fit_memory_bytes",
    "is_shard",
    "is_sharded",
    "joined",
    "least_memory_bytes",
    "matrix_flops_per_second",
    "micro_batch",
    "peak_memory_bytes",
    "pick_device",
    "release_memory",
    "resolve_precision",
    "sensors",
    "spared_bytes",
    "tf32_products",
    "threads_of",
    "using_threads",
    "whole",
]
