"""`train`: trains the best trials of a search again with several seeds and registers the best.

The single best of many noisy trials looks better than it is. So the best few are trained again
with seeds that no trial has used, and the configuration with the best *mean* is kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from finscale.config import (
    StoreError,
    TrainConfig,
    counted,
    format_budget,
    options,
    spell,
)
from finscale.evaluation import REFERENCE
from finscale.pipeline.finals import Chosen, choose, mark
from finscale.pipeline.hpo import NEAREST, hpo
from finscale.pipeline.problem import (
    ProblemData,
    Recipe,
    against_reference,
    ensure_baselines,
    from_params,
    load_problem,
    precision_of,
    rows,
    search_identity,
    targets_of,
    train_identity,
)
from finscale.pipeline.running import Line, Listen, check_cool, check_devices, on_terminal, shown
from finscale.pipeline.searching import other_searches, own_trials, search_space
from finscale.tracking import (
    N_PARAMS,
    VAL_LOSS,
    Candidate,
    Kind,
    Promotion,
    Run,
    Status,
    Tag,
    alias_uri,
    finals,
    fingerprint,
    latest_choices,
    load_trial,
    models_obstacle,
    prepare_store,
    record_choice,
    study_tags,
    tell_invocation,
    verb_run,
)
from finscale.training import check_precision, pick_device

if TYPE_CHECKING:
    from finscale.pipeline.finals import CellContext

DONE = "done"
"""Value of the tag of a parent run after the promotion of its model was decided."""


@shown
def train(
    config: TrainConfig,
    run_id: str | None = None,
    *,
    listen: Listen = on_terminal,
    study: str | None = None,
) -> Run:
    """Train the finals of a cell, choose a configuration and register its best seed.

    Finals that the store already holds are not trained again. If the cell has no search, it is
    searched first.

    Returns
    -------
    Run
        The parent run of the finals.

    Raises
    ------
    StoreError
        If there are searches for this cell, but none with these options.
    """
    prepare_store(time.time())  # reports a wrong address before data are fetched
    data = load_problem(config, config.floors, listen)
    check_cool(config.health, pick_device(config.device))
    from finscale.pipeline.finals import CellContext  # imports torch: not before a refusal

    device = pick_device(config.device)
    check_precision(config.precision, device)
    check_devices(config.nproc, device)
    tags = {**data.tags(), Tag.CELL: config.cell_name, Tag.TARGETS: targets_of(config)}
    tags |= {Tag.RESOLVED_PRECISION: precision_of(config)}
    with verb_run(
        Kind.TRAIN,
        f"train {format_budget(config.budget)} {config.title}",
        run_id=run_id,
        params=options(config),
        tags=tags | study_tags(study),
        resume=spell("train", config),
        identity=train_identity(config, data),
    ) as runs:
        if obstacle := models_obstacle():
            listen(Line(f"{config.cell_name}: {obstacle}: finals are trained, no alias is set."))
        recipes = _best_recipes(config, data, listen, study)
        context = CellContext(
            config,
            data,
            runs.parent,
            runs.parent,
            device,
            ensure_baselines(data, study)[REFERENCE].val_loss,
            listen,
            study,
        )
        if runs.is_new:
            data.log_inputs(runs.parent)
        _train_and_choose(context, recipes)
        return runs.parent


def _train_and_choose(context: CellContext, recipes: Sequence[Recipe]) -> None:
    """Train the missing finals, choose a configuration, record the choice and register it."""
    from finscale.pipeline.finals import ensure_perceptron, train_finals

    config, data, parent = context.config, context.data, context.parent
    trained = train_finals(context, recipes)
    chosen = choose(trained)
    by_name = {recipe.fingerprint("configuration", data): recipe for recipe in recipes}
    ensure_perceptron(context, by_name[chosen.configuration], chosen.configuration)
    record_choice(parent, targets_of(config), chosen.configuration, [*by_name])
    kept = {choice.configuration for choice in latest_choices(config.problem_name)}
    mark(chosen, pd.concat([trained, finals(parent=parent.run_id)]), kept)
    parent.metric(_numbers(context, chosen))
    _write_note(context, chosen, _promoted(context, chosen))


@shown
def dry_run_train(
    config: TrainConfig, run_id: str | None = None, *, listen: Listen = on_terminal
) -> None:
    """Show what a cell has stored, what is left to train and what that would cost.

    Raises
    ------
    ConfigError
        If the cell can never be finished on this machine.
    """
    from finscale.pipeline.cells import (
        check_possible,
        cost_sentence,
        expected_seconds,
        look_ahead,
        table,
        with_room,
    )

    load_problem(config, config.floors, listen)  # reports faults of the data before the table
    device = pick_device(config.device)
    check_precision(config.precision, device)
    check_devices(config.nproc, device)
    prospects = with_room(look_ahead([config], listen), device)
    listen(Line(table(prospects)))
    check_possible(f"cell {config.cell_name}", prospects, "Nothing was begun.")
    text = cost_sentence(expected_seconds(prospects, device), 1, device)
    listen(Line(text))
    if run_id:
        tell_invocation(run_id, Kind.TRAIN, f"```\n{table(prospects)}\n```\n\n{text}")


def _best_recipes(
    config: TrainConfig, data: ProblemData, listen: Listen, study: str | None
) -> list[Recipe]:
    """Return the recipes of the best trials, read from their runs."""
    template = search_space(config, data).architectures[0]
    identity = search_identity(config, data)
    best = _best_trials(config, identity)
    if best is None and (others := other_searches(config, identity)):
        raise _no_such_search(config, others)
    if best is None or best.empty:
        listen(Line(f"{config.cell_name}: no finished search yet: searching first."))
        hpo(config.search, listen=listen, study=study)
        best = _best_trials(config, identity)
    if best is None or best.empty:
        raise StoreError(
            f"search {config.cell_name}",
            expected="at least one trial that finished with a loss",
            got="none",
            todo=f"Look at its failed trials, then go on: {spell('hpo', config)}",
        )
    return [from_params(row, template, config) for row in rows(best)]


def _best_trials(config: TrainConfig, identity: str) -> pd.DataFrame | None:
    """Return the best trials of a cell's search, or None if there is no search."""
    frame = own_trials(config.cell_name, identity)
    return None if frame is None else frame[frame["status"] == Status.OK].head(config.top_k)


def _no_such_search(config: TrainConfig, others: Sequence[str]) -> StoreError:
    return StoreError(
        "search",
        expected=f"one for {config.cell_name} with the values given",
        got=f"only {'; '.join(others[:NEAREST])}",
        todo=f"Give the values of one of these, or search first: {spell('hpo', config)}",
    )


def _promoted(context: CellContext, chosen: Chosen) -> Promotion:
    """Register the chosen model. The finals are kept if the registry fails."""
    try:
        promotion = _register(context, chosen)
    except StoreError as error:
        uri = alias_uri(context.config.problem_name, format_budget(context.config.budget))
        promotion = Promotion(False, uri, f"promotion waits: {error.line}", waits=True)
    state = promotion.reason if promotion.waits else DONE
    context.parent.tag({Tag.PROMOTION: state})
    return promotion


def _register(context: CellContext, chosen: Chosen) -> Promotion:
    from finscale.pipeline.problem import served, unscaled_samples
    from finscale.tracking import promote  # takes seconds to import

    data = context.data
    fold = data.folds[-1]  # the model of the last block is served: it was trained on the most data
    trained = load_trial(chosen.served.run_id)
    model = served(trained, fold)
    last = unscaled_samples(data, fold.at.validation[-2:], trained.arch.context_length)
    return promote(
        chosen.served,
        model,
        last.all_windows().numpy(),
        problem_name=context.config.problem_name,
        budget=format_budget(context.config.budget),
        candidate=Candidate(
            val_loss_mean=chosen.val_loss_mean,
            configuration=chosen.configuration,
            data_sha256=data.inputs.data_sha256,
            problem_sha256=fingerprint("problem", **data.identity()),
            split=context.config.split,
            collapsed=chosen.collapsed,
            n_seeds=chosen.n_seeds,
        ),
    )


def _numbers(context: CellContext, chosen: Chosen) -> dict[str, float]:
    """Return the metrics by which `train` runs are compared: means over seeds of the choice."""
    return {
        VAL_LOSS: chosen.val_loss_mean,
        "val_loss_ref": context.reference_loss,
        "val_skill": chosen.val_skill_mean,
        N_PARAMS: chosen.n_params,
        "n_seeds": chosen.n_seeds,
    }


def _write_note(context: CellContext, chosen: Chosen, promotion: Promotion) -> None:
    config = context.config
    n_seeds = counted(chosen.n_seeds, "seed")
    mean = f"{chosen.val_loss_mean:.4f} nats over {n_seeds}"
    standing = against_reference(chosen.val_loss_mean, context.reference_loss)
    moved = "now points to" if promotion.moved else "stays where it is:"
    pointer = f"{moved} {promotion.reason}"
    context.parent.note(
        f"Finals of `{config.cell_name}`.\n\n"
        f"- **Chosen**: [{chosen.name}]({chosen.served.link}), mean over {n_seeds} "
        f"in validation: {standing}\n"
        f"- **Registry**: `{promotion.uri}` {pointer}\n"
        f"- **Next**: `{spell('analyze', config)}` opens the test and gives a verdict\n"
    )
    context.listen(
        Line(
            f"{config.cell_name}: {chosen.name}, mean {mean}; reference "
            f"{context.reference_loss:.4f}. {promotion.uri} {pointer}."
        )
    )
