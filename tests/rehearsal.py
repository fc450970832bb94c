"""A study of two small cells, whose work is done in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from finscale.config import (
    FinscaleError,
    Space,
    Study,
    StudyConfig,
    TrainConfig,
    load_space,
    load_task,
)
from finscale.pipeline.running import Failure, Listen
from finscale.pipeline.study import study
from tests.lab import TINY, Lab

DOT = Space(
    **load_space("demo").values()
    | {
        "name": "dot",
        "d_model": (16, 32),
        "n_layers": (2,),
        "n_heads": (2,),
        "ff_ratio": (2,),
        "batch_size": (128,),
    }
)
PLAN = Study(
    name="rehearsal",
    question="Does it?",
    universes=(TINY,),
    tasks=(load_task("threshold_1pct"),),
    horizons=(1,),
    feature_tiers=("a20",),
    budgets=("9K", "25K"),
    space=DOT,
    n_trials=1,
    epochs=1,
    top_k=1,
    n_seeds=1,
)
KINDS = ("study", "hpo", "trial", "train", "final", "baseline", "analysis")


def one_after_another(
    job: Callable[..., None],
    cells: Mapping[str, TrainConfig],
    _: int,
    listen: Listen,
    **__: object,
) -> list[Failure]:
    """Do in this process what workers do in theirs."""
    failures = []
    for name, cell in cells.items():
        try:
            job(cell, listen)
        except FinscaleError as error:
            failures.append(Failure(name, error.line))
    return failures


def knows(patch: pytest.MonkeyPatch, plan: Study) -> None:
    """Let `analyze` find a study that is in no file."""
    for module in ("config.study", "pipeline.analyze"):
        patch.setattr(f"finscale.{module}.load_study", lambda _: plan)


def finish(lab: Lab, plan: Study, **options: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(study.__globals__, "run_side_by_side", one_after_another)
        knows(patch, plan)
        study(StudyConfig(study=plan, data_root=lab.data_root, device="cpu", **options))


def counts(lab: Lab) -> dict[str, int]:
    return {kind: len(lab.runs(kind)) for kind in KINDS}
