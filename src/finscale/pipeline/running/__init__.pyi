from .disk import disk_watched, is_disk_full
from .epoch_log import EpochLog
from .interruption import failure_reason, put_aside
from .once import one_at_a_time
from .progress import Line, Listen, Progress, Screen, duration
from .renewal import renewing
from .workers import Failure, available_cores, run_side_by_side

__all__ = [
    "EpochLog",
    "Failure",
    "Line",
    "Listen",
    "Progress",
    "Screen",
    "available_cores",
    "disk_watched",
    "duration",
    "failure_reason",
    "is_disk_full",
    "one_at_a_time",
    "put_aside",
    "renewing",
    "run_side_by_side",
]
