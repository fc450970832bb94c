"""Tag of a study's runs, which also marks runs that another study has created."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from finscale.pipeline.cells.finished import Finished
from finscale.tracking import (
    IN_STUDY,
    Kind,
    Run,
    Tag,
    finals,
    finals_of,
    handle,
    in_study,
    search,
    study_tag,
    where,
)


def mark_members(name: str, cells: Collection[str], finished: Sequence[Finished]) -> None:
    """Tag the runs of a study, and untag the runs of cells that no longer belong to it.

    Parameters
    ----------
    cells : collection of str
        Names of all cells of the study.
    finished : sequence of Finished
        Its finished cells.
    """
    members = {run for cell in finished for run in _runs_of(cell)}
    for stored in search(in_study(name)):
        run = handle(stored)
        # Runs of a problem or of the whole study have no cell and keep their tag.
        if run not in members and stored.data.tags.get(Tag.CELL) not in {None, *cells}:
            run.untag(study_tag(name))
        members.discard(run)
    for run in members:
        run.tag({study_tag(name): IN_STUDY})


def _runs_of(cell: Finished) -> Iterator[Run]:
    """Yield the runs of a cell: search, trials, finals, data and baselines."""
    searches = map(handle, search(where(KIND=Kind.HPO, FINGERPRINT=cell.search)))
    for parent in (cell.parent, *searches):
        yield parent
        yield from map(handle, search(where(PARENT=parent.run_id)))
    problem, dataset = cell.tags[Tag.PROBLEM], cell.tags[Tag.DATASET_SHA256]
    for row in finals_of(cell.choice, finals(problem=problem)).itertuples():
        yield Run(str(row.run_id), str(row.experiment_id))
    yield from map(handle, search(where(KIND=Kind.DATA, DATASET_SHA256=dataset)))
    for run in search(where(KIND=Kind.BASELINE, PROBLEM=problem, DATASET_SHA256=dataset)):
        if run.data.tags.get(Tag.CONFIGURATION) in {None, cell.choice.configuration}:
            yield handle(run)
