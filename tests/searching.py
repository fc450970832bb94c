"""Searches for tests: what they propose, and whole ones in processes of their own.

Such a process is ``python -m tests.searching <JSON>``, for tests that stop it. The JSON holds
options of the search and, under "test", how it is changed for the test: "instant" (what a trial
comes to is made up, in no time), "checkpoint_s" (least seconds between checkpoints), "pause_s"
(taken after each epoch, so that a signal finds a trial at work).
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finscale.config import load_space
from finscale.model import architectures
from finscale.search import Methods, Params, PastTrial, Search, SearchSpace, SearchTrial
from tests.lab import ROOT, SMALL, Lab

GRID = architectures(125_000, n_channels=25)
SPACE = SearchSpace(GRID, load_space("demo"), {})
PINS: Params = {
    "learning_rate": 3e-4,
    "weight_decay": 1e-4,
    "warmup_steps": 50,
    "dropout": 0.1,
    "batch_size": 64,
    "revin": True,
}
STATUSES = ("ok", "ok", "pruned", "diverged", "ok", "failed", "ok")


def judged(number: int, params: Params) -> PastTrial:
    """Make the past trial that a point would have become: a loss it determines alone."""
    loss = 0.4 + 0.05 * abs(math.log10(params["learning_rate"]) + 3.5) + params["dropout"] / 10
    status = STATUSES[number % len(STATUSES)]
    curve = (loss + 0.1, loss)
    return PastTrial(params, status, loss if status == "ok" else None, curve)


def remembered(past: Sequence[PastTrial]) -> list[SearchTrial]:
    return [SearchTrial(number, f"run {number}", trial) for number, trial in enumerate(past)]


def searching(
    seed: int, past: Sequence[PastTrial] = (), space: SearchSpace = SPACE, **methods: Any
) -> Search:
    """Start a search as a process does that finds these trials in the store."""
    search = Search(space, Methods(seed, **methods))
    search.align(remembered(past))
    return search


def proposed(search: Search, n_trials: int) -> Params | None:
    trial = search.propose(n_trials)
    return trial.past.params if trial else None


def walk(search: Search, n: int, n_trials: int, past: Sequence[PastTrial] = ()) -> list[PastTrial]:
    """Propose and finish `n` times more."""
    trials = list(past)
    for number in range(len(trials), len(trials) + n):
        trial = search.propose(n_trials)
        assert trial is not None and trial.number == number
        search.attach(number, f"run {number}")
        trials.append(judged(number, trial.past.params))
        search.finish(number, trials[-1])
    return trials


def start(lab: Lab, *, test: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """Start a search in the lab's store, in a process group of its own."""
    order = {"data_root": str(lab.data_root), "test": test or {}, **options}
    variables = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.searching", json.dumps(order)],
        cwd=lab.folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: Any, timeout: float = 240) -> str:
    """Wait until a search has ended well; return what it said."""
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 0, err[-3000:]
    return str(out)


def main(order: dict[str, Any]) -> None:
    """Search as `hpo` does."""
    from finscale.config import HpoConfig
    from finscale.pipeline import hpo
    from finscale.pipeline.running import checkpoints
    from finscale.pipeline.searching import cost, trial, turns
    from finscale.search import Search
    from finscale.training.inputs import pace

    test = order.pop("test")
    order["data_root"] = Path(order["data_root"])
    vars(cost)["measure_flops_per_second"] = lambda *_, **__: 1e9
    vars(turns)["POLL_S"] = 0.05
    if "checkpoint_s" in test:
        vars(checkpoints)["CHECKPOINT_EVERY_S"] = test["checkpoint_s"]
        vars(pace)["WAIT_PER_TURN"] = 0.0
    if "instant" in test:
        vars(trial)["train_model"] = _instant
    if "pause_s" in test:
        _pause(Search, test["pause_s"])
    hpo.hpo(HpoConfig(**(SMALL | order)), listen=_say)


def _say(event: Any) -> None:
    sys.stdout.write(f"{event}\n")
    sys.stdout.flush()


def _instant(recipe: Any, _: Any, fold: Any, budget: int, seed: int, *__: Any) -> Any:
    """Return an untrained model with a loss that its learning rate decides."""
    import numpy as np

    from finscale.pipeline.problem.fitting import Trained, build_model
    from finscale.training import FitResult

    loss = 0.4 + 0.05 * abs(math.log10(recipe.learning_rate) + 3.5)
    result = FitResult("ok", "completed", 1, loss, 1, len(fold.at.train), 0.1, 1e3, 1 << 20)
    outputs_NK = np.linspace(-3.0, 1.0, len(fold.at.validation))[:, None]
    return Trained(build_model(recipe, budget, seed), recipe, result, outputs_NK)


def _pause(search: Any, seconds: float) -> None:
    report = search.report

    def slowly(self: Any, *arguments: Any) -> None:
        report(self, *arguments)
        time.sleep(seconds)

    search.report = slowly


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
