"""The page of a search in the UI: description, state, next commands and pictures."""

from __future__ import annotations

from finscale.config import counted, format_budget, spell
from finscale.model import count_params
from finscale.pipeline.problem import from_params
from finscale.pipeline.running import duration
from finscale.pipeline.searching.context import SearchContext
from finscale.pipeline.searching.trials import trial_name
from finscale.search import SearchTrial, Standing
from finscale.tracking import N_PARAMS, VAL_LOSS, Run, Tag


def refresh(context: SearchContext, standing: Standing) -> None:
    """Update the page while the search runs; the pictures less often."""
    write_note(context, standing)
    if context.pace.is_due():
        with context.pace.taken():
            write_pictures(context, standing)


def write_pictures(context: SearchContext, standing: Standing) -> None:
    """Draw Optuna's figures of the trials so far, unless they are up to date."""
    if context.parent.tags().get(Tag.PICTURED) == str(standing.n_finished):
        return
    from finscale.search import search_pictures  # imports matplotlib

    for name, png in search_pictures(context.search.study).items():
        context.parent.picture(name, png)
    context.parent.tag({Tag.PICTURED: standing.n_finished})


def write_note(
    context: SearchContext, standing: Standing, how: str = "", optimism: float | None = None
) -> None:
    """Write the note on the parent's page and the metrics by which searches are compared.

    Parameters
    ----------
    how : str
        How the search ended; empty while it runs, because a killed process could not correct it.
    """
    config = context.config
    context.parent.metric(_numbers(context, standing), step=standing.n_finished)
    n_grid = len(context.space.architectures)
    context.parent.note(
        f"Search for the best PatchTST of {format_budget(config.budget)} parameters on "
        f"`{config.problem_name}`.\n\n"
        f"- **State**: {f'{how}, ' if how else ''}{standing.n_finished} of "
        f"{counted(config.n_trials, 'trial')} finished"
        f"{_counted(standing)}\n"
        f"{_best(context, standing, optimism)}{_front(context, standing)}"
        f"- **Seen**: {standing.n_architectures} of the grid's {counted(n_grid, 'architecture')}\n"
        f"{_left(context, standing)}"
        f"- **Go on** (as it is, or with a larger `n_trials`): `{spell('hpo', config)}`\n"
        f"- **Next**: `{spell('train', config)}` trains the best with several seeds\n"
    )


def _numbers(context: SearchContext, standing: Standing) -> dict[str, float]:
    counted: dict[str, float] = {"n_trials": standing.n_finished}
    if standing.best is None or standing.best.past.loss is None:
        return counted
    recipe = from_params(standing.best.past.params, context.template, context.config)
    size = count_params(recipe.arch).total
    return counted | {VAL_LOSS: standing.best.past.loss, N_PARAMS: size}


def best_name(context: SearchContext, standing: Standing) -> str:
    """Return the name of the best trial, which is the name of its run."""
    assert standing.best
    return _name(context, standing.best)


def front_lines(context: SearchContext, standing: Standing) -> list[str]:
    """Return a line for each trial of the Pareto front, with its cost and its loss."""
    return [
        f"{_name(context, trial)}: {trial.past.flops:.2e} FLOPs, {trial.past.loss:.4f} nats"
        for trial in standing.front
    ]


def _name(context: SearchContext, trial: SearchTrial) -> str:
    recipe = from_params(trial.past.params, context.template, context.config)
    return trial_name(trial.number, recipe.arch)


def _counted(standing: Standing) -> str:
    return f", {standing.n_failed} failed, {standing.n_pruned} pruned"


def _best(context: SearchContext, standing: Standing, optimism: float | None) -> str:
    best = standing.best
    if best is None or best.key is None:
        return ""
    link = Run(best.key, context.parent.experiment_id).link
    chosen = f"- **Best**: [{best_name(context, standing)}]({link}), {best.past.loss:.4f} nats"
    if optimism is not None:
        chosen += f"; because it was selected, it looks about {optimism:.4f} better than it is"
    return f"{chosen}\n"


def _front(context: SearchContext, standing: Standing) -> str:
    lines = front_lines(context, standing)
    return f"- **Pareto front** of cost and loss: {'; '.join(lines)}\n" if lines else ""


def _left(context: SearchContext, standing: Standing) -> str:
    left = context.config.n_trials - standing.n_finished
    if left <= 0 or standing.seconds_a_trial is None:
        return ""
    seconds = standing.seconds_a_trial * left / min(context.n_workers, left)
    return f"- **To expect**: about {duration(seconds)} for {counted(left, 'more trial')}\n"
