"""The perceptron beside a cell's PatchTST: as large, and trained in the same way."""

from __future__ import annotations

from dataclasses import asdict

import torch

from finscale.config import format_budget
from finscale.evaluation import score_outputs
from finscale.model import MLP, MlpArchitecture, count_mlp_params, count_params, mlp_of_size
from finscale.pipeline.baselines import MLP_NAME
from finscale.pipeline.finals import Bench
from finscale.pipeline.fitting import fit_network, outputs_at
from finscale.pipeline.predictions import (
    Outputs,
    evaluation_positions,
    log_predictions,
    predictions_frame,
)
from finscale.pipeline.progress import Work
from finscale.pipeline.recipe import Recipe
from finscale.tracking import (
    N_PARAMS,
    Kind,
    Status,
    Tag,
    create_run,
    find_result,
    fingerprint,
    score_metrics,
    unbroken,
)
from finscale.training import Epoch, FitResult

_NOTE = (
    "A perceptron on the flattened window, of its PatchTST's size, trained with the same "
    "parameters: what attention and patches add, size alone has not."
)


def ensure_perceptron(bench: Bench, recipe: Recipe, configuration: str) -> None:
    """Train the size-matched perceptron of a cell's chosen configuration, unless it is there.

    It takes the search's seed: one run a cell, a yardstick and not a result.
    """
    config, data = bench.config, bench.data
    arch = mlp_of_size(
        count_params(recipe.arch).total,
        n_channels=data.n_channels,
        context_length=config.context_length,
        n_outputs=config.task.n_outputs,
        dropout=recipe.arch.dropout,
    )
    settings = recipe.settings(config.seed)
    identity = fingerprint(
        Kind.BASELINE,
        name=MLP_NAME,
        configuration=configuration,
        **data.identity(),
        **asdict(arch),
        **asdict(settings),
    )
    if find_result(Kind.BASELINE, identity) is not None:
        return
    outputs, result = _train(bench, arch, recipe)
    with unbroken():
        run = create_run(
            Kind.BASELINE,
            f"{MLP_NAME} {config.cell_name}",
            tags={
                **data.tags(),
                Tag.FINGERPRINT: identity,
                Tag.BASELINE: MLP_NAME,
                Tag.CELL: config.cell_name,
                Tag.CONFIGURATION: configuration,
                **({Tag.STUDY: bench.study} if bench.study else {}),
            },
        )
        run.param({**data.params(), "baseline": MLP_NAME, "budget": format_budget(config.budget)})
        run.param({"width": arch.width, "dropout": arch.dropout, **asdict(settings)})
        data.log_inputs(run)
        run.note(_NOTE)
        run.metric({**data.sample_metrics(), N_PARAMS: count_mlp_params(arch)})
        if result.status == Status.OK:
            validation = data.folds[0].at.validation
            scores = score_outputs(data.labels_T[validation], outputs[0][: len(validation)])
            log_predictions(run, predictions_frame(data, outputs))
            run.metric(score_metrics("val", scores, bench.reference_loss))
        run.end(Status(result.status), result.reason)


def _train(bench: Bench, arch: MlpArchitecture, recipe: Recipe) -> tuple[list[Outputs], FitResult]:
    """Return outputs_NK of each fold; a model that diverges is the last one."""
    config, data = bench.config, bench.data
    total = config.epochs * len(data.folds)
    outputs: list[Outputs] = []
    for number, fold in enumerate(data.folds):

        def told(epoch: Epoch, before: int = number * config.epochs) -> bool:
            text = f"perceptron beside it, epoch {before + epoch.number} of {total}"
            bench.listen(Work(f"{config.cell_name} finals", total, total, text))
            bench.parent.renew_lease()
            return False

        torch.manual_seed(config.seed)
        model = MLP(arch)
        result = fit_network(model, data, fold, recipe.settings(config.seed), bench.device, told)
        if result.status != Status.OK:
            break
        outputs.append(outputs_at(model, data, fold, evaluation_positions(fold.at), bench.device))
    return outputs, result
