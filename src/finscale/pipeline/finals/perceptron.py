"""Perceptron of the same size as a cell's PatchTST, trained in the same way, as a baseline."""

from __future__ import annotations

from dataclasses import asdict

import torch

from finscale.config import format_budget
from finscale.evaluation import PERCEPTRON
from finscale.model import MLP, MlpArchitecture, count_mlp_params, count_params, mlp_of_size
from finscale.pipeline.finals.context import CellContext
from finscale.pipeline.problem import (
    Outputs,
    Recipe,
    baseline_run,
    evaluation_positions,
    fit_network,
    log_forecast,
    outputs_at,
)
from finscale.pipeline.running import Progress
from finscale.tracking import (
    N_PARAMS,
    Kind,
    Status,
    Tag,
    find_result,
    fingerprint,
)
from finscale.training import Epoch, FitResult, Signal

_NOTE = (
    "A perceptron on the flattened window, of the same size as the PatchTST and trained with the "
    "same parameters. The difference between the two is due to attention and patches, not to size."
)


def ensure_perceptron(context: CellContext, recipe: Recipe, configuration: str) -> None:
    """Train the perceptron that matches a cell's chosen configuration, unless it is stored.

    It is trained once per cell, with the search's seed, because it is a baseline and not a result.
    """
    config, data = context.config, context.data
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
        name=PERCEPTRON,
        configuration=configuration,
        **data.identity(),
        **asdict(arch),
        **settings.identity(),
    )
    if find_result(Kind.BASELINE, identity) is not None:
        return
    outputs, result = _train(context, arch, recipe)
    title = f"{PERCEPTRON} {format_budget(config.budget)} {config.title}"
    with baseline_run(data, PERCEPTRON, title, identity, context.study) as run:
        run.tag({Tag.CELL: config.cell_name, Tag.CONFIGURATION: configuration})
        run.param({"budget": format_budget(config.budget), "width": arch.width})
        run.param({"dropout": arch.dropout, **asdict(settings)})
        run.metric({N_PARAMS: count_mlp_params(arch)})
        run.note(_NOTE)
        if result.status == Status.OK:
            log_forecast(run, data, outputs, context.reference_loss)
        run.end(Status(result.status), result.reason)


def _train(
    context: CellContext, arch: MlpArchitecture, recipe: Recipe
) -> tuple[list[Outputs], FitResult]:
    """Return outputs_NK of each fold and the last result. A model that diverges ends the loop."""
    config, data = context.config, context.data
    total = config.epochs * len(data.folds)
    key = f"{config.cell_name} perceptron"
    outputs: list[Outputs] = []
    context.listen(Progress(key, 0, total, "begins"))
    for number, fold in enumerate(data.folds):

        def on_epoch(epoch: Epoch, before: int = number * config.epochs) -> Signal:
            text = f"perceptron beside the finals, epoch {epoch.number}"
            context.listen(Progress(key, before + epoch.number, total, text))
            context.parent.renew_lease()
            return Signal.CONTINUE

        torch.manual_seed(config.seed)
        model = MLP(arch)
        result = fit_network(
            model,
            data,
            fold,
            recipe.settings(config.seed),
            context.device,
            on_epoch,
            context.guard,
        )
        if result.status != Status.OK:
            break
        outputs.append(outputs_at(model, data, fold, evaluation_positions(fold.at), context.device))
    context.listen(Progress(key, total, total, "done"))
    return outputs, result
