"""The finals of a cell: recipes trained with several seeds, each a run with its predictions."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import pandas as pd
import torch

from finscale.config import StoreError, TrainConfig, format_budget
from finscale.evaluation import score
from finscale.pipeline.fitting import (
    Trained,
    collapse_tag,
    epoch_logger,
    log_model,
    result_metrics,
    samples,
    serve_predictions,
    train_model,
)
from finscale.pipeline.hpo import failure_reason
from finscale.pipeline.predictions import evaluation_positions, log_predictions, predictions_frame
from finscale.pipeline.problem import ProblemData
from finscale.pipeline.progress import Listen, Work
from finscale.pipeline.recipe import Recipe
from finscale.pipeline.trials import architecture_name
from finscale.tracking import (
    Kind,
    Run,
    Status,
    Tag,
    create_run,
    finals,
    find_result,
    val_curve,
)
from finscale.training import Epoch, predict


@dataclass(frozen=True, eq=False)
class Bench:
    """What every final of a cell needs."""

    config: TrainConfig
    data: ProblemData
    parent: Run
    device: torch.device
    reference_loss: float
    listen: Listen
    study: str | None


def train_finals(bench: Bench, recipes: list[Recipe]) -> pd.DataFrame:
    """Train what is missing; return the finals of every configuration and seed, one row each."""
    config = bench.config
    seeds = [config.seed + 1 + k for k in range(config.n_seeds)]  # the trials' own seed is taken
    wanted = [(recipe, seed) for recipe in recipes for seed in seeds]
    identities = [recipe.fingerprint(Kind.FINAL, bench.data, seed) for recipe, seed in wanted]
    for number, ((recipe, seed), identity) in enumerate(zip(wanted, identities, strict=True)):
        bench.listen(_progress(bench, number, len(wanted), 0, ""))
        if find_result(Kind.FINAL, identity) is None:
            _train_final(bench, recipe, seed, identity, number, len(wanted))
    bench.listen(_progress(bench, len(wanted), len(wanted), 0, "done"))
    # A result may belong to the cell of a neighbouring budget: it is not trained twice.
    stored = finals(problem=config.problem_name)
    rows = stored[stored["fingerprint"].isin(identities) & (stored["status"] == Status.OK)]
    if rows.empty:
        raise StoreError(
            f"finals of {config.cell_name}",
            expected="at least one that did not diverge or fail",
            got="none",
            todo="Look at their runs: their tags say why.",
        )
    return rows.reset_index(drop=True)


def _progress(bench: Bench, number: int, n_finals: int, epoch: int, text: str) -> Work:
    epochs = bench.config.epochs
    key = f"{bench.config.cell_name} finals"
    return Work(key, number * epochs + epoch, n_finals * epochs, text)


def _train_final(
    bench: Bench, recipe: Recipe, seed: int, identity: str, number: int, n_finals: int
) -> None:
    run = _open_final(bench, recipe, seed, identity)

    def show(epoch: Epoch) -> bool:
        text = f"seed {seed}, epoch {epoch.number}: {epoch.val_loss:.4f} nats"
        bench.listen(_progress(bench, number, n_finals, epoch.number, text))
        return False

    on_epoch = epoch_logger(run, bench.parent, len(val_curve(run.run_id)), show)
    try:
        trained = train_model(recipe, bench.data, bench.config.budget, seed, bench.device, on_epoch)
        _log_final(bench, run, trained, seed)
    except KeyboardInterrupt:
        run.interrupt("interrupted")
        raise
    except Exception as error:
        run.fail(failure_reason(error), traceback.format_exc())
        raise


def _open_final(bench: Bench, recipe: Recipe, seed: int, identity: str) -> Run:
    """Take up the run of an interrupted final, or make a new one."""
    config, data = bench.config, bench.data
    run = _interrupted(bench.parent, identity)
    if run:
        run.reopen()
    else:
        run = create_run(
            Kind.FINAL,
            f"final {architecture_name(recipe.arch)} seed {seed}",
            parent=bench.parent,
            tags={
                **data.tags(),
                Tag.CELL: config.cell_name,
                Tag.FINGERPRINT: identity,
                Tag.CONFIGURATION: recipe.fingerprint("configuration", data),
                **({Tag.STUDY: bench.study} if bench.study else {}),
            },
        )
    # An interrupted one may have died before this: what it has already stays.
    budget = {"budget": format_budget(config.budget), "seed": seed}
    run.param({**data.params(), **budget, **recipe.params()})
    data.log_inputs(run)
    return run


def _interrupted(parent: Run, identity: str) -> Run | None:
    stored = finals(parent=parent.run_id)
    if stored.empty:
        return None
    status = stored["status"] if "status" in stored else pd.Series(pd.NA, stored.index)
    mine = stored[(stored["fingerprint"] == identity) & status.isna()]
    if mine.empty:
        return None
    return Run(mine.iloc[0]["run_id"], mine.iloc[0]["experiment_id"])


def _log_final(bench: Bench, run: Run, trained: Trained, seed: int) -> None:
    """Store weights, predictions of validation and test, and scores of validation alone."""
    data, status = bench.data, Status(trained.result.status)
    if status is Status.OK:
        outputs_N = serve_predictions(trained.model, data, evaluation_positions(data), bench.device)
        n = len(data.fold.validation)
        scores = score(data.labels_T[data.fold.validation], outputs_N[:n])
        log_model(run, trained, data, seed)
        log_predictions(run, predictions_frame(data, outputs_N))
        run.tag(collapse_tag(outputs_N[:n]))
        metrics = result_metrics(trained, data, scores, bench.reference_loss)
        run.metric_once({**metrics, "train_loss": _train_loss(trained, data)})
    run.end(status, trained.result.reason)


def _train_loss(trained: Trained, data: ProblemData) -> float:
    """Return the kept weights' loss on training samples: tells poor fits from poor forecasts."""
    logits_N = predict(trained.model, samples(data, data.fold.train)).squeeze(1).double().numpy()
    return score(data.labels_T[data.fold.train], logits_N).loss
