"""The verbs: the only room in which the others meet."""

from finscale.pipeline.analyze import analyze
from finscale.pipeline.data import data
from finscale.pipeline.dictionary import dictionary
from finscale.pipeline.dry_run import dry_run
from finscale.pipeline.hpo import hpo
from finscale.pipeline.relocate import relocate
from finscale.pipeline.study import study
from finscale.pipeline.train import train
from finscale.pipeline.verify import verify

__all__ = [
    "analyze",
    "data",
    "dictionary",
    "dry_run",
    "hpo",
    "relocate",
    "study",
    "train",
    "verify",
]
