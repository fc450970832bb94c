"""`study`: a whole matrix of cells, side by side, resumed where it stopped, then concluded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from finscale.config import (
    AnalyzeConfig,
    HpoConfig,
    RefusedError,
    SearchConfig,
    StoreError,
    Study,
    StudyConfig,
    TrainConfig,
    counted,
    options,
    spell,
)
from finscale.pipeline.analyze import analyze, rules_text, study_rules
from finscale.pipeline.baselines import ensure_baselines
from finscale.pipeline.data_page import ensure_page
from finscale.pipeline.hpo import hpo
from finscale.pipeline.membership import finished_train, study_cells, study_parents
from finscale.pipeline.problem import load_problem
from finscale.pipeline.progress import Line, Listen, Screen
from finscale.pipeline.renewal import renewing
from finscale.pipeline.train import DONE, train
from finscale.pipeline.workers import Failure, available_cores, run_side_by_side
from finscale.tracking import (
    Artifact,
    Kind,
    Run,
    Status,
    Tag,
    finals_sha256,
    fingerprint,
    handle,
    models_obstacle,
    prepare_store,
    read_text,
    search,
    verb_run,
    where,
)
from finscale.training import pick_device


def study(config: StudyConfig, run_id: str | None = None) -> None:
    """Finish every cell of the study, then analyze it; done work is not done again.

    Raises
    ------
    StoreError
        If cells could not be finished: the rest is kept, and the same line goes on.
    """
    prepare_store(time.time())
    plan = config.study
    cells = study_cells(plan, config)
    with (
        Screen(_weights(cells)) as screen,
        verb_run(
            Kind.STUDY,
            f"study {plan.name}",
            run_id=run_id,
            params=options(config),
            tags={Tag.STUDY: plan.name},
            identity=_identity(plan),
        ) as opened,
    ):
        waiting, refused = _waiting(cells, plan, screen)
        if waiting:
            screen(Line(f"{plan.question}\n{len(waiting)} of {counted(len(cells), 'cell')} to do."))
            failures = _run(waiting, config, renewing(screen, opened.parent))
            if failures:
                raise _unfinished(failures, config)
        else:
            screen(Line(f"Study {plan.name}: {_all(len(cells))} done already."))
        analysis = _conclude(config, plan, screen)
        _write_note(opened.parent, config, len(cells), refused, analysis)


def run_cell(cell: TrainConfig, listen: Listen, study: str) -> None:
    """Search, then train: what a worker does with a cell."""
    shared = {name: getattr(cell, name) for name in SearchConfig.model_fields}
    hpo(HpoConfig.model_validate(shared), listen=listen, study=study)
    train(cell, listen=listen, study=study)


def _waiting(
    cells: Sequence[TrainConfig], plan: Study, listen: Listen
) -> tuple[list[TrainConfig], list[str]]:
    """Return cells with work to do, the largest first, and those below a floor.

    Data and baselines are prepared here, once: workers only read them.
    """
    waiting: list[TrainConfig] = []
    refused: list[str] = []
    problems: set[str] = set()
    for cell in cells:
        try:
            finished = finished_train(cell, listen)
            if finished is None or _waits_for_the_registry(finished):
                waiting.append(cell)
            if cell.problem_name not in problems:
                data = load_problem(cell, cell.floors, listen)
                ensure_page(cell, data.inputs, listen, plan.name)
                ensure_baselines(data, plan.name)
                problems.add(cell.problem_name)
        except RefusedError as error:
            listen(Line(f"{cell.cell_name} is refused: {error.line}"))
            refused.append(f"`{cell.cell_name}`: {error.line}")
    return sorted(waiting, key=lambda cell: -cell.budget), refused


def _waits_for_the_registry(finished: Run) -> bool:
    """Tell whether a model is still to be registered, and now perhaps can be."""
    return finished.tags().get(Tag.PROMOTION, DONE) != DONE and not models_obstacle()


def _run(waiting: Sequence[TrainConfig], config: StudyConfig, listen: Listen) -> list[Failure]:
    # An accelerator takes one model at a time; on the CPU small models leave cores idle.
    on_cpu = pick_device(config.device).type == "cpu"
    n_workers = config.workers or (min(2, available_cores()) if on_cpu else 1)
    job = partial(run_cell, study=config.study.name)
    cells = {cell.cell_name: cell for cell in waiting}
    return run_side_by_side(job, cells, min(n_workers, len(waiting)), listen)


def _conclude(config: StudyConfig, plan: Study, listen: Listen) -> Run:
    """Analyze, unless these very finals have been analyzed for this study already."""
    from finscale.pipeline.evidence import collect  # laws: a second

    wanted = AnalyzeConfig(study=plan.name, data_root=config.data_root)
    parents = study_parents(plan, config, listen).parents
    finals = [p for name, ids in parents.items() for p in collect(name, ids).finals["fingerprint"]]
    digest, rules = finals_sha256(finals), rules_text(study_rules(plan))
    same = where(KIND=Kind.ANALYSIS, STUDY=plan.name, STATUS=Status.OK, FINALS=digest, RULES=rules)
    for run in search(same):
        if Tag.PARTIAL not in run.data.tags:
            listen(Line(read_text(run.info.run_id, Artifact.SUMMARY)))
            return handle(run)
    return analyze(wanted, listen=listen)


def _weights(cells: Sequence[TrainConfig]) -> dict[str, float]:
    """Return the cost of each piece of work: an epoch of 64 times the size takes 18 times as long.

    So it was on two cores, 7,500 samples a second for 51K and 422 for 3.2M: small models use a
    machine less well.
    """
    epoch = {cell.cell_name: cell.epochs * cell.budget**0.7 for cell in cells}
    searches = {f"{c.cell_name} search": epoch[c.cell_name] * c.n_trials for c in cells}
    finals = {f"{c.cell_name} finals": epoch[c.cell_name] * c.top_k * c.n_seeds for c in cells}
    return searches | finals


def _all(n_cells: int) -> str:
    return "its one cell is" if n_cells == 1 else f"all {n_cells} cells are"


def _identity(plan: Study) -> str:
    apart = {"question", "n_trials", "top_k", "n_seeds"}
    values = {name: value for name, value in plan.values().items() if name not in apart}
    if plan.split != "walk-forward":
        for universe in values["universes"] if "universes" in values else [values["universe"]]:
            del universe["evaluation_start"]  # no other split looks at it
    return fingerprint(Kind.STUDY, **values)


def _unfinished(failures: Sequence[Failure], config: StudyConfig) -> StoreError:
    return StoreError(
        f"study {config.study.name}",
        expected="every cell to finish",
        got="; ".join(f"{failure.name}: {failure.line}" for failure in failures),
        todo=f"What is finished is kept. Go on: {spell('study', config)}",
    )


def _write_note(
    run: Run, config: StudyConfig, n_cells: int, refused: Sequence[str], analysis: Run
) -> None:
    below = "".join(f"- **Refused**, below a floor: {line}\n" for line in refused)
    run.note(
        f"{config.study.question}\n\n"
        f"- **State**: {n_cells - len(refused)} of {counted(n_cells, 'cell')} done\n{below}"
        f"- **Verdict and report**: [analysis]({analysis.link})\n"
        f"- **Again** (finds everything done): `{spell('study', config)}`\n"
    )
