"""`study`: runs all cells of a study in parallel, resumes them if stopped, and analyzes them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

from finscale.config import (
    AnalyzeConfig,
    Study,
    StudyConfig,
    TrainConfig,
    counted,
    options,
    spell,
)
from finscale.pipeline.analyze import analyze, rests_on, rules_text, study_rules
from finscale.pipeline.cells import (
    Prospect,
    State,
    check_possible,
    cost_sentence,
    expected_seconds,
    look_ahead,
    mark_members,
    members,
    study_cells,
    table,
    with_room,
)
from finscale.pipeline.hpo import hpo
from finscale.pipeline.problem import (
    ensure_baselines,
    ensure_page,
    load_problem,
    precision_of,
    study_identity,
    targets_of,
)
from finscale.pipeline.running import (
    Failure,
    Line,
    Listen,
    Screen,
    check_cool,
    check_devices,
    renewing,
    run_side_by_side,
    unfinished,
    workers_here,
)
from finscale.pipeline.train import DONE, train
from finscale.tracking import (
    Artifact,
    Kind,
    Run,
    Status,
    Tag,
    handle,
    in_study,
    models_obstacle,
    prepare_store,
    read_text,
    search,
    study_tags,
    tell_invocation,
    verb_run,
    where,
)
from finscale.training import check_precision, pick_device


def study(config: StudyConfig, run_id: str | None = None) -> None:
    """Finish every cell of a study, then analyze it. Finished work is not repeated.

    Raises
    ------
    ConfigError
        If a cell can never be finished. This is checked before any training.
    StoreError
        If some cells could not be finished. The others are kept; the same command resumes.
    """
    prepare_store(time.time())
    cells = study_cells(config.study, config)
    with Screen() as screen:
        prospects = _look_ahead(config, cells, screen)
    if _waiting(prospects):
        check_cool(config.health, pick_device(config.device))
    with (
        Screen(piece_weights(_waiting(prospects))) as screen,
        verb_run(
            Kind.STUDY,
            f"study {config.study.name}",
            run_id=run_id,
            params=options(config),
            tags={**study_tags(config.study.name), Tag.TARGETS: targets_of(cells[0])},
            resume=spell("study", config),
            identity=study_identity(config.study),
        ) as runs,
    ):
        _prepare(config.study, prospects, screen)
        if waiting := _waiting(prospects):
            to_do = f"{len(waiting)} of {counted(len(cells), 'cell')} to do."
            screen(Line(f"{config.study.question}\n{to_do}"))
            n_workers = _n_workers(config, prospects)
            listen = renewing(screen, runs.parent)
            failures = _run(waiting, config, n_workers, listen)
            if failures:
                what, resume = f"study {config.study.name}", spell("study", config)
                raise unfinished(what, "every cell to finish", failures, resume)
            prospects = look_ahead(cells, screen)
            _mark(config.study, prospects)
        else:
            screen(Line(f"Study {config.study.name}: {_all(_n_trained(prospects))} done already."))
        analysis = _conclude(config, prospects, screen)
        _write_note(runs.parent, config, prospects, analysis)


def dry_run_study(config: StudyConfig, run_id: str | None = None) -> None:
    """Show what a study would do with each cell and what it would cost, without training.

    Raises
    ------
    ConfigError
        If a cell can never be finished.
    """
    cells = study_cells(config.study, config)
    with Screen() as screen:
        prospects = _look_ahead(config, cells, screen)
        device = pick_device(config.device)
        seconds = expected_seconds(prospects, device)
        text = cost_sentence(seconds, _n_workers(config, prospects), device)
        screen(Line(text))
    if run_id:
        tell_invocation(run_id, Kind.STUDY, f"```\n{table(prospects)}\n```\n\n{text}")


def _look_ahead(
    config: StudyConfig, cells: Sequence[TrainConfig], listen: Listen
) -> list[Prospect]:
    """Show the table of cells. Refuse the study if a cell can never be finished."""
    device = pick_device(config.device)
    prospects = with_room(look_ahead(cells, listen), device)
    if any(each.state is State.TO_DO for each in prospects):
        check_precision(config.precision, device)
        check_devices(config.nproc, device)
    if any(each.state is not State.DONE for each in prospects):
        listen(Line(table(prospects)))
    todo = f"Correct study {config.study.name}, or take a machine that has room: nothing was begun."
    check_possible(f"study {config.study.name}", prospects, todo)
    return prospects


def run_cell(cell: TrainConfig, listen: Listen, study: str) -> None:
    """Search and then train one cell; workers call this function."""
    hpo(cell.search, listen=listen, study=study)
    train(cell, listen=listen, study=study)


def _prepare(study: Study, prospects: Sequence[Prospect], listen: Listen) -> None:
    """Prepare data and baselines once. Workers only read them."""
    problems: set[str] = set()
    for each in prospects:
        cell = each.cell
        if each.state is not State.REFUSED and cell.problem_name not in problems:
            data = load_problem(cell, cell.floors, listen)
            ensure_page(cell, data.inputs, listen, study.name)
            ensure_baselines(data, study.name)
            problems.add(cell.problem_name)
    _mark(study, prospects)


def _mark(study: Study, prospects: Sequence[Prospect]) -> None:
    finished = [each.finished for each in prospects if each.finished]
    mark_members(study.name, {each.cell.cell_name for each in prospects}, finished)


def _waiting(prospects: Sequence[Prospect]) -> list[TrainConfig]:
    """Return the cells that have work left, the largest budget first."""
    waiting = [
        each.cell
        for each in prospects
        if each.state is State.TO_DO
        or (each.finished and _waits_for_the_registry(each.finished.tags))
    ]
    return sorted(waiting, key=lambda cell: -cell.budget)


def _waits_for_the_registry(tags: Mapping[str, str]) -> bool:
    """Return True if a model waits for its registration and the registry is available."""
    return tags.get(Tag.PROMOTION, DONE) != DONE and not models_obstacle()


def _run(
    waiting: Sequence[TrainConfig], config: StudyConfig, n_workers: int, listen: Listen
) -> list[Failure]:
    job = partial(run_cell, study=config.study.name)
    cells = {cell.cell_name: cell for cell in waiting}
    n_workers, starts_others = min(n_workers, len(waiting)), config.nproc > 1
    return run_side_by_side(job, cells, n_workers, listen, starts_others=starts_others)


def _n_workers(config: StudyConfig, prospects: Sequence[Prospect]) -> int:
    """Return how many cells are worked on at a time."""
    if config.nproc > 1:
        return 1
    to_do = [each for each in prospects if each.state is State.TO_DO]
    largest = max((each.cell.budget for each in to_do), default=1)
    memory = max((each.memory_bytes for each in to_do), default=1)
    return config.workers or workers_here(largest, pick_device(config.device), memory)


def _conclude(config: StudyConfig, prospects: Sequence[Prospect], listen: Listen) -> Run:
    """Analyze the study, unless the same finals were analyzed for it already."""
    from finscale.pipeline.analysis import collect  # imports laws, which takes a second

    study = config.study
    precision = precision_of(prospects[0].cell)
    wanted = AnalyzeConfig(
        study=study.name,
        data_root=config.data_root,
        precision="auto" if precision == "float32" else precision,
    )
    found = members(study, prospects)
    basis = rests_on([collect(problem, mine) for problem, mine in found.choices.items()])
    digest, rules = basis[Tag.FINALS], rules_text(study_rules(study))
    same = where(KIND=Kind.ANALYSIS, STUDY=study.name, STATUS=Status.OK, FINALS=digest, RULES=rules)
    for run in search(same):
        tags = run.data.tags
        if Tag.PARTIAL not in tags and tags.get(Tag.CELLS) == basis.get(Tag.CELLS):
            listen(Line(read_text(run.info.run_id, Artifact.SUMMARY)))
            return handle(run)
    return analyze(wanted, listen=listen)


def piece_weights(cells: Sequence[TrainConfig]) -> dict[str, float]:
    """Return the relative cost of each piece of work, for the time left of the whole study.

    The cost of an epoch grows as budget**0.7: a model of 64 times the size takes 18 times as long.
    This was measured on two cores (7,500 samples a second for 51K, 422 for 3.2M parameters).
    """
    epoch = {cell.cell_name: cell.epochs * cell.budget**0.7 for cell in cells}
    searches = {f"{c.cell_name} search": epoch[c.cell_name] * c.n_trials for c in cells}
    finals = {f"{c.cell_name} finals": epoch[c.cell_name] * c.top_k * c.n_seeds for c in cells}
    return searches | finals


def _n_trained(prospects: Sequence[Prospect]) -> int:
    """Count the cells that are not below a floor."""
    return sum(each.state is not State.REFUSED for each in prospects)


def _all(n_cells: int) -> str:
    return "its one cell is" if n_cells == 1 else f"all {n_cells} cells are"


def _write_note(
    run: Run, config: StudyConfig, prospects: Sequence[Prospect], analysis: Run
) -> None:
    refused = [each for each in prospects if each.state is State.REFUSED]
    below = "".join(
        f"- **Refused**, below a floor: `{each.cell.cell_name}`: {each.why}\n" for each in refused
    )
    run.note(
        f"{config.study.question}\n\n"
        f"- **State**: {len(prospects) - len(refused)} of {counted(len(prospects), 'cell')} done\n"
        f"{below}"
        f"- **Verdict and report**: [analysis]({analysis.link})\n"
        f"- **All its runs**, also those that another study made: search for "
        f"`{in_study(config.study.name)}`\n"
        f"- **Again** (finds everything done): `{spell('study', config)}`\n"
    )
