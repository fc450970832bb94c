"""What a trial of 30 epochs costs beyond its training, from the first to the 2,000th.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/search_overhead.py [n_trials ...]

`hpo` as it is, 2M models of few layers, sqlite, with a training that takes no time and tells of its
epochs. All else is counted: proposing, the run, every epoch's log, report and pruning decision,
scores, weights, predictions, the note. Earlier trials are written straight into the tables of
MLflow and of Optuna, as copies of a real one. ExtraSeries it MLflow's own storage for Optuna and
Optuna's callback for MLflow, 30 reported epochs a trial and no artifacts. Each epoch is a write to
the disk: with TMPDIR=/dev/shm none waits for it. Tables for docs/benchmarks.md.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import optuna  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import entrypoints  # noqa: E402, F401  (puts src on the path, silences chatter)
import finscale.search  # noqa: E402
from finscale.config import HpoConfig  # noqa: E402
from finscale.pipeline import hpo  # noqa: E402
from finscale.pipeline.problem.data import load_problem  # noqa: E402
from finscale.pipeline.problem.fitting import Trained, build_model  # noqa: E402
from finscale.pipeline.problem.recipe import from_params  # noqa: E402
from finscale.pipeline.searching import trial  # noqa: E402
from finscale.pipeline.searching.setup import search_space  # noqa: E402
from finscale.search import Params, search_pictures  # noqa: E402
from finscale.training import Epoch, FitResult  # noqa: E402

EPOCHS = 30
SIZES = [1, 50, 200, 500, 2_000]
BESIDE = [50, 200, 500]
MEASURED = 10
TRIAL_TABLES = {
    "trial_params": "param_id",
    "trial_values": "trial_value_id",
    "trial_intermediate_values": "trial_intermediate_value_id",
    "trial_user_attributes": "trial_user_attribute_id",
}
HEAD = (
    "| finished trials | a trial, s | slowest, s | its 30 epochs, s | the rest, s "
    "| processor time, s | figures, s |"
)
HEAD_BESIDE = "| finished trials | `finscale`, s | `MlflowStorage`, s | `MLflowCallback`, s |"


Seconds = NDArray[np.float64]


def now() -> Seconds:
    """Return the time by the clock and that of this process's processor."""
    return np.array([time.perf_counter(), time.process_time()])


@dataclass
class Meter:
    """A training that takes no time, and a clock for all that is not training.

    Attributes
    ----------
    epochs, others : list of array
        Seconds, and those of the processor, of each trial within its epochs' reports, and outside
        of its training.
    """

    epochs: list[Seconds] = field(default_factory=list)
    others: list[Seconds] = field(default_factory=list)
    _left: Seconds | float = math.nan

    def train(self, recipe: Any, _: Any, fold: Any, budget: int, seed: int, *rest: Any) -> Any:
        """Stand in for `train_model`: every curve is alike, so that none is pruned."""
        self.others.append(now() - self._left)
        model = build_model(recipe, budget, seed)
        on_epoch = rest[1]
        began = now()
        for number in range(1, EPOCHS + 1):
            loss = 0.4 + 0.1 / number
            on_epoch(Epoch(number, loss, loss, recipe.learning_rate))
        self.epochs.append(now() - began)
        n_seen = EPOCHS * len(fold.at.train)
        result = FitResult("ok", "completed", EPOCHS, 0.4, EPOCHS, n_seen, 1.0, 1e3, 1 << 20)
        slope = 1.0 + abs(math.log10(recipe.learning_rate) + 3.5)
        outputs_NK = np.linspace(-slope, slope, len(fold.at.validation))[:, None]
        self._left = now()
        return Trained(model, recipe, result, outputs_NK)

    def clear(self) -> None:
        """Forget what was measured; the next trial is the first of its command and left out."""
        self.epochs, self.others, self._left = [], [], math.nan

    def seconds(self) -> Seconds:
        """Return those of each trial that followed another, by part (epochs, rest) and clock."""
        return np.stack([self.epochs[1:], self.others[1:]], axis=1)


def main(sizes: list[int]) -> None:
    """Print both tables."""
    ours: dict[int, float] = {}
    with TemporaryDirectory() as folder:
        print(f"{HEAD}\n{'|---' * 6}|", flush=True)
        for size, seconds, pictures in measure(Path(folder), sizes):
            whole = seconds.sum(axis=1)
            ours[size], cpu = np.median(whole, axis=0)
            epochs, rest = np.median(seconds[:, :, 0], axis=0)
            print(
                f"| {size:,} | {ours[size]:.2f} | {whole[:, 0].max():.2f} | {epochs:.2f} "
                f"| {rest:.2f} | {cpu:.2f} | {pictures:.1f} |",
                flush=True,
            )
    print(f"\n{HEAD_BESIDE}\n{'|---' * 4}|", flush=True)
    for size in [size for size in BESIDE if size in ours]:
        storage, callback = (alone(way, size) for way in (mlflow_storage, mlflow_callback))
        print(f"| {size:,} | {ours[size]:.2f} | {storage:.2f} | {callback:.2f} |", flush=True)


def measure(folder: Path, sizes: list[int]) -> Any:
    """Yield each number of finished trials, the next ones' seconds, and the figures'."""
    meter = Meter()
    enter(folder)
    vars(trial)["train_model"] = meter.train
    # Of a search, and not of a trial: timed on its own, and left out.
    vars(finscale.search)["search_pictures"] = lambda study: {}
    vars(hpo)["ensure_optimism"] = lambda *_: None
    search(folder, 1)  # makes the store, the data and the baselines
    for size in sizes:
        fill(folder, size)
        meter.clear()
        search(folder, size + 1 + MEASURED)
        yield size, meter.seconds(), figures(folder)


def enter(folder: Path) -> None:
    """Work in a folder with a store of its own."""
    os.chdir(folder)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")


def config_of(folder: Path, n_trials: int) -> HpoConfig:
    return HpoConfig(
        budget="2M", space="demo", epochs=EPOCHS, n_trials=n_trials, device="cpu", data_root=folder
    )


def search(folder: Path, n_trials: int) -> None:
    hpo.hpo(config_of(folder, n_trials), listen=lambda event: None, study="benchmark")


def figures(folder: Path) -> float:
    """Return the seconds that the page's figures take: a search spends 5 % on them at most."""
    storage = f"sqlite:///{study_file(folder)}"
    name = optuna.get_all_study_names(storage)[0]
    study = optuna.load_study(study_name=name, storage=storage)
    began = time.perf_counter()
    search_pictures(study)
    return time.perf_counter() - began


def study_file(folder: Path) -> Path:
    return next((folder / "searches").glob("*.db"))


def fill(folder: Path, n_trials: int) -> None:
    """Copy the first trial until there are `n_trials`, each at a random point of the space."""
    config = config_of(folder, n_trials)
    space = search_space(config, load_problem(config, config.floors, lambda event: None))
    random = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=n_trials))
    store, study = (sqlite3.connect(path) for path in (folder / "mlflow.db", study_file(folder)))
    with store, study:
        keys = "SELECT trial_id, value_json FROM trial_user_attributes WHERE key = 'key'"
        there = study.execute(f"{keys} ORDER BY trial_id").fetchall()
        trial_id, run_id = there[0][0], json.loads(there[0][1])
        for number in range(len(there), n_trials):
            drawn = random.ask(space.distributions())
            params = space.complete(drawn.params)
            recipe = from_params(params, space.architectures[0], config)
            loss = 0.4 + 0.1 * math.sin(number) ** 2
            key = copy_run(store, run_id, number, recipe.params(), loss)
            copy_trial(study, trial_id, number, params, key, loss)
    for connection in (store, study):
        connection.close()


def copy_run(
    connection: sqlite3.Connection, source: str, number: int, params: Params, loss: float
) -> str:
    """Write a run into MLflow's tables, with all that the source has; return its id."""
    run_id = uuid.uuid4().hex
    for table in ("runs", "tags", "params", "metrics", "latest_metrics"):
        copy_rows(connection, table, {"run_uuid": source}, {"run_uuid": run_id})
    tag = "UPDATE tags SET value = ? WHERE run_uuid = ? AND key = 'optuna.trial_number'"
    connection.execute(tag, (str(number), run_id))
    for key, value in params.items():
        param = "UPDATE params SET value = ? WHERE run_uuid = ? AND key = ?"
        connection.execute(param, (str(value), run_id, key))
    for table in ("metrics", "latest_metrics"):
        update = f"UPDATE {table} SET value = ? WHERE run_uuid = ? AND key = 'val_loss'"
        connection.execute(update, (loss, run_id))
    return run_id


def copy_trial(
    connection: sqlite3.Connection, source: int, number: int, params: Params, key: str, loss: float
) -> None:
    """Write a trial into Optuna's tables, with all that the source has."""
    trial_id = source + number
    copy_rows(connection, "trials", {"trial_id": source}, {"trial_id": trial_id, "number": number})
    mine = "SELECT param_name, distribution_json FROM trial_params WHERE trial_id = ?"
    distributions = connection.execute(mine, (source,)).fetchall()
    for table, column in TRIAL_TABLES.items():
        copy_rows(connection, table, {"trial_id": source}, {"trial_id": trial_id, column: None})
    for name, text in distributions:
        value = optuna.distributions.json_to_distribution(text).to_internal_repr(params[name])
        param = "UPDATE trial_params SET param_value = ? WHERE trial_id = ? AND param_name = ?"
        connection.execute(param, (value, trial_id, name))
    attribute = "UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = ? AND key = ?"
    for name, content in {"params": params, "key": key}.items():
        connection.execute(attribute, (json.dumps(content), trial_id, name))
    connection.execute("UPDATE trial_values SET value = ? WHERE trial_id = ?", (loss, trial_id))


def copy_rows(connection: sqlite3.Connection, table: str, where: Params, changes: Params) -> None:
    """Copy a table's rows with some columns changed; None lets sqlite number them."""
    ((column, value),) = where.items()
    found = connection.execute(f"SELECT * FROM {table} WHERE {column} = ?", (value,))
    names = [part[0] for part in found.description]
    rows = [tuple((dict(zip(names, row, strict=True)) | changes).values()) for row in found]
    connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", rows)


def alone(way: Callable[[Path, int], list[float]], size: int) -> float:
    """Return the median seconds of a trial, in a store that is new."""
    with TemporaryDirectory() as folder:
        enter(Path(folder))
        return statistics.median(way(Path(folder), size))


def mlflow_storage(folder: Path, size: int) -> list[float]:
    """Time trials of a study that MLflow itself keeps."""
    from mlflow.optuna.storage import MlflowStorage

    del folder
    experiment = mlflow.MlflowClient().create_experiment("beside")
    study = optuna.create_study(storage=MlflowStorage(experiment), sampler=sampler())
    study.add_trials(finished(size))
    return timed(study, objective)


def mlflow_callback(folder: Path, size: int) -> list[float]:
    """Time trials of a study in sqlite that Optuna's callback copies into MLflow."""
    try:
        from optuna_integration import MLflowCallback
    except ImportError:
        sys.exit("expected optuna-integration beside finscale: pip install optuna-integration")
    study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", sampler=sampler())
    study.add_trials(finished(size))
    callback = MLflowCallback(metric_name="val_loss")

    @callback.track_in_mlflow()
    def tracked(asked: optuna.Trial) -> float:
        return objective(asked, lambda loss, epoch: mlflow.log_metric("loss", loss, epoch))

    return timed(study, tracked, callback)


def sampler() -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=0, multivariate=True, group=True)


def space() -> dict[str, optuna.distributions.BaseDistribution]:
    """Return ten dimensions, as a search of ours has."""
    return {f"x{n}": optuna.distributions.FloatDistribution(0.0, 1.0) for n in range(10)}


def finished(size: int) -> list[optuna.trial.FrozenTrial]:
    """Return trials at random points, with the same curve as ours."""
    random = np.random.default_rng(0)
    curve = {number: 0.4 + 0.1 / number for number in range(1, EPOCHS + 1)}
    return [
        optuna.trial.create_trial(
            params={name: float(random.random()) for name in space()},
            distributions=space(),
            value=float(random.random()),
            intermediate_values=curve,
        )
        for _ in range(size)
    ]


def objective(asked: optuna.Trial, log: Callable[[float, int], Any] | None = None) -> float:
    """Report 30 epochs, ask after each whether to go on, and train nothing."""
    params = [asked.suggest_float(name, 0.0, 1.0) for name in space()]
    for number in range(1, EPOCHS + 1):
        loss = 0.4 + 0.1 / number
        asked.report(loss, number)
        if log:
            log(loss, number)
        asked.should_prune()
    return float(np.mean(params))


def timed(study: optuna.Study, tried: Any, *callbacks: Any) -> list[float]:
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        study.optimize(tried, n_trials=1, callbacks=callbacks)
        seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or SIZES)
