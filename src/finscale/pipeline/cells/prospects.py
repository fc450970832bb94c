"""Prospects of a study's cells: state, work left, memory and cost, before any training."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

from finscale.config import (
    AnalyzeConfig,
    ConfigError,
    DataError,
    RefusedError,
    StoreError,
    Study,
    StudyConfig,
    TrainConfig,
    listed,
    spell,
)
from finscale.pipeline.cells.finished import (
    Finished,
    find_finished,
    n_finals_of,
    study_cells,
)
from finscale.pipeline.problem import ProblemData, load_problem, search_identity
from finscale.pipeline.running import Listen, duration
from finscale.pipeline.searching import (
    GIB,
    Cost,
    measured_cost,
    memory_refusal,
    most_windows,
    n_stored,
    search_memory_bytes,
    search_space,
)
from finscale.search import SearchSpace
from finscale.tracking import Choice

if TYPE_CHECKING:
    import torch

MOST_NAMED = 3


class State(StrEnum):
    """State of a cell."""

    DONE = "done"
    TO_DO = "to do"
    REFUSED = "below a floor"
    IMPOSSIBLE = "cannot be trained"


@dataclass(frozen=True, eq=False)
class Prospect:
    """State of a cell and the work that it has left.

    Attributes
    ----------
    why : str
        The reason why a cell is not trained; empty for other cells.
    finished : Finished, optional
        The results of a cell that is done.
    space : SearchSpace, optional
        The space of its search.
    n_trials, n_finals : int
        Number of trials and finals that the store already holds.
    n_train, n_folds : int
        Number of samples per epoch, and of models per final.
    """

    cell: TrainConfig
    state: State
    why: str = ""
    finished: Finished | None = None
    space: SearchSpace | None = None
    n_trials: int = 0
    n_finals: int = 0
    n_train: int = 0
    n_folds: int = 1

    @property
    def memory_bytes(self) -> int:
        """Memory that its largest training takes where there is enough, in bytes."""
        assert self.space
        return search_memory_bytes(self.cell, self.space)

    @property
    def n_trainings(self) -> int:
        """Number of trainings that are left."""
        finals = self.cell.top_k * self.cell.n_seeds - self.n_finals
        return max(0, self.cell.n_trials - self.n_trials) + max(0, finals) * self.n_folds


def look_ahead(cells: Sequence[TrainConfig], listen: Listen) -> list[Prospect]:
    """Check every cell: its data, floors and architectures, and its results in the store.

    Missing data are fetched.

    Parameters
    ----------
    cells : sequence of TrainConfig
        The cells, grouped by problem so that the data of each problem are read once.
    """
    found: list[Prospect] = []
    for _, group in groupby(cells, key=lambda cell: cell.problem_name):
        mine = list(group)
        try:
            data = load_problem(mine[0], mine[0].floors, listen)
        except RefusedError as error:
            found += [Prospect(cell, State.REFUSED, error.line) for cell in mine]
        except (ConfigError, DataError) as error:
            found += [Prospect(cell, State.IMPOSSIBLE, error.line) for cell in mine]
        else:
            found += [_prospect(cell, data) for cell in mine]
    return found


def look_back(study: Study, config: AnalyzeConfig, listen: Listen) -> list[Prospect]:
    """Check every cell of a study that is analyzed, on whatever machine it was trained.

    If no precision is asked for, it is the one in which more cells are finished.
    """
    if config.precision != "auto":
        return look_ahead(study_cells(study, config), listen)
    usual, other = (
        config.model_copy(update={"precision": precision}) for precision in ("float32", "bfloat16")
    )
    found = look_ahead(study_cells(study, usual), listen)
    if not list(_unfinished(found)):
        return found
    others = look_ahead(study_cells(study, other), listen)
    return min(found, others, key=lambda prospects: len(list(_unfinished(prospects))))


def _prospect(cell: TrainConfig, data: ProblemData) -> Prospect:
    try:
        space = search_space(cell, data)
    except ConfigError as error:
        return Prospect(cell, State.IMPOSSIBLE, error.line)
    finished = find_finished(cell, data)
    return Prospect(
        cell,
        State.DONE if finished else State.TO_DO,
        finished=finished,
        space=space,
        n_trials=n_stored(cell.cell_name, search_identity(cell, data)),
        n_finals=n_finals_of(cell, data),
        n_train=len(data.search.at.train),
        n_folds=len(data.folds),
    )


def with_room(prospects: Sequence[Prospect], device: torch.device) -> list[Prospect]:
    """Mark cells with work left as impossible if not even their smallest model fits into memory."""
    return [_with_room(prospect, device) for prospect in prospects]


def _with_room(prospect: Prospect, device: torch.device) -> Prospect:
    if prospect.state is not State.TO_DO or prospect.space is None:
        return prospect
    refusal = memory_refusal(prospect.cell, prospect.space, device)
    return replace(prospect, state=State.IMPOSSIBLE, why=refusal.line) if refusal else prospect


def check_possible(what: str, prospects: Sequence[Prospect], todo: str) -> None:
    """Refuse to begin if a cell can never be finished, or if no cell can be trained.

    Raises
    ------
    ConfigError
        If cells can never be finished; it names the first ones.
    RefusedError
        If every cell is below a floor.
    """
    check_any(what, prospects)
    lost = [prospect for prospect in prospects if prospect.state is State.IMPOSSIBLE]
    if not lost:
        return
    got = f"{len(lost)} of {len(prospects)} that cannot: {_named_reasons(lost)}"
    raise ConfigError(
        what,
        expected="cells that can all be trained here",
        got=got.removesuffix("."),
        todo=todo,
    )


def check_any(what: str, prospects: Sequence[Prospect]) -> None:
    """Refuse a study in which every cell is below a floor.

    Raises
    ------
    RefusedError
        If every cell is below a floor; it names the numbers that are too small.
    """
    if any(each.state is not State.REFUSED for each in prospects):
        return
    raise RefusedError(
        what,
        expected="a cell that is not below a floor",
        got=f"none of {len(prospects)}: {_named_reasons(prospects)}".removesuffix("."),
        todo="Nothing can be trained or concluded from it.",
    )


def _named_reasons(prospects: Sequence[Prospect]) -> str:
    """Return the first reasons why cells are not trained, each with its cells, as text."""
    reasons = [f"{listed(names, MOST_NAMED)}: {why}" for (_, why), names in _by_reason(prospects)]
    more = f" And {len(reasons) - MOST_NAMED} reasons more" if len(reasons) > MOST_NAMED else ""
    return " ".join(reasons[:MOST_NAMED]) + more


def expected_seconds(prospects: Sequence[Prospect], device: torch.device) -> float:
    """Return the seconds that the remaining work takes at most, one cell after the other."""
    costs: dict[int, Cost] = {}  # by budget: its models cost about the same on every problem
    total = 0.0
    for each in prospects:
        if each.state is not State.TO_DO or each.space is None or not each.n_trainings:
            continue
        if each.cell.budget not in costs:
            costs[each.cell.budget] = measured_cost(each.cell, each.space, device)
        cost, windows = costs[each.cell.budget], most_windows(each.cell, each.n_train)
        seconds = [cost.seconds(arch, windows) for arch in each.space.architectures]
        total += each.n_trainings * sum(seconds) / len(seconds)
    return total


def cost_sentence(seconds: float, n_workers: int, device: torch.device) -> str:
    """Return the sentence in which a dry run reports the expected time."""
    if seconds <= 0:
        return "Nothing is left to train."
    side = "one after the other" if n_workers == 1 else f"{n_workers} side by side"
    return (
        f"About {duration(seconds / n_workers)} at most on {device.type}, {side}, at the rate of a "
        "few real steps. Nothing was trained: leave dry_run out to begin."
    )


def table(prospects: Sequence[Prospect]) -> str:
    """Return a table with a line per cell, followed by the reasons why cells are not trained."""
    width = max(len(each.cell.cell_name) for each in prospects)
    head = f"{'cell':<{width}}{'sizes':>7}{'trials':>10}{'finals':>10}{'memory':>12}  state"
    rows = [f"{each.cell.cell_name:<{width}}{_counts(each)}  {each.state}" for each in prospects]
    return "\n".join([head, *rows, *_reasons(prospects)])


def _reasons(prospects: Sequence[Prospect]) -> Iterator[str]:
    """Yield the reasons why cells are not trained, one line per reason."""
    for (state, why), names in _by_reason(prospects):
        refused = "is refused" if len(names) == 1 else "are refused"
        verb = "cannot be trained" if state is State.IMPOSSIBLE else refused
        yield f"{listed(names, MOST_NAMED)} {verb}: {why}"


def _by_reason(prospects: Sequence[Prospect]) -> ItemsView[tuple[State, str], list[str]]:
    """Group the names of cells that are not trained by state and reason."""
    together: dict[tuple[State, str], list[str]] = {}
    for each in prospects:
        if each.why:
            together.setdefault((each.state, each.why), []).append(each.cell.cell_name)
    return together.items()


def _counts(each: Prospect) -> str:
    if each.space is None:
        return f"{'-':>7}{'-':>10}{'-':>10}{'-':>12}"
    trials = f"{min(each.n_trials, each.cell.n_trials)} of {each.cell.n_trials}"
    finals_ = f"{each.n_finals} of {each.cell.top_k * each.cell.n_seeds}"
    gib = each.memory_bytes / GIB
    memory = f"{gib:,.1f} GiB" if gib >= 1 else f"{gib * 1024:,.0f} MiB"
    return f"{len(each.space.architectures):>7}{trials:>10}{finals_:>10}{memory:>12}"


@dataclass(frozen=True)
class Members:
    """Finished and missing cells of a study.

    Attributes
    ----------
    choices : mapping of str to list of Choice
        The choices of the finished cells, by problem.
    missing : tuple of str
        Names of the cells that are not finished.
    """

    choices: Mapping[str, list[Choice]]
    missing: tuple[str, ...]


def members(study: Study, prospects: Sequence[Prospect], *, allow_partial: bool = False) -> Members:
    """Return the finished and the missing cells of a study. Cells below a floor are left out.

    Raises
    ------
    StoreError
        If no cell is finished, or if some are not and `allow_partial` is False: the test set is
        opened for a whole study or not at all.
    RefusedError
        If every cell is below a floor.
    """
    check_any(f"study {study.name}", prospects)
    choices: dict[str, list[Choice]] = {}
    for each in prospects:
        if each.finished:
            choices.setdefault(each.cell.problem_name, []).append(each.finished.choice)
    missing = tuple(_unfinished(prospects))
    if not choices or (missing and not allow_partial):
        or_partial = ", or analyze the finished cells with allow_partial=true" if choices else ""
        line = spell("study", StudyConfig(study=study, data_root=prospects[0].cell.data_root))
        raise StoreError(
            f"study {study.name}",
            expected="finals of every cell before its test is opened",
            got=f"none for {', '.join(missing)}",
            todo=f"Finish it first: {line}{or_partial}",
        )
    return Members(choices, missing)


def _unfinished(prospects: Sequence[Prospect]) -> Iterator[str]:
    for each in prospects:
        if each.finished is None and each.state is not State.REFUSED:
            yield each.cell.cell_name
