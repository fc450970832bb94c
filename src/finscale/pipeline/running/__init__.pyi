from .checkpoints import checkpoint_path, checkpoints_of
from .devices import check_devices
from .ends import Fault, closing, closing_all, fault_of
from .epoch_log import EpochLog
from .health import check_cool, guard_of, speed_curves
from .locking import one_at_a_time
from .progress import Line, Listen, Progress, Screen, duration
from .renewal import renewing
from .shown import on_terminal, shown
from .workers import (
    Failure,
    failure_lines,
    run_side_by_side,
    unfinished,
    workers_here,
    workers_that_fit,
    workers_that_pay,
)

__all__ = [
    "EpochLog",
    "Failure",
    "Fault",
    "Line",
    "Listen",
    "Progress",
    "Screen",
    "check_cool",
    "check_devices",
    "checkpoint_path",
    "checkpoints_of",
    "closing",
    "closing_all",
    "duration",
    "failure_lines",
    "fault_of",
    "guard_of",
    "on_terminal",
    "one_at_a_time",
    "renewing",
    "run_side_by_side",
    "shown",
    "speed_curves",
    "unfinished",
    "workers_here",
    "workers_that_fit",
    "workers_that_pay",
]
