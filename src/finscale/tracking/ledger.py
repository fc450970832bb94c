"""Test ledger: records every opening of a test set before anything is scored on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass, replace
from datetime import date

from mlflow.entities import Run as StoredRun

from finscale.tracking.frames import number_in
from finscale.tracking.names import Kind, Tag
from finscale.tracking.runs import Run, search, where


@dataclass(frozen=True)
class Question:
    """Question that a test set answers. Its openings on overlapping days are counted together.

    Attributes
    ----------
    task : str
        Name of the task's file.
    definition : str
        Definition of the task, by which a copy under another name is recognised; empty in records
        of older versions.
    """

    target: str
    task: str
    horizon: int
    test_start: date
    test_end: date
    definition: str = ""

    def overlaps(self, other: Question) -> bool:
        """Return True if both have the same asset, task and horizon, and days in common."""
        defined = self.definition != "" and self.definition == other.definition
        same_task = self.task == other.task or defined
        same = same_task and (self.target, self.horizon) == (other.target, other.horizon)
        return same and self.test_start <= other.test_end and other.test_start <= self.test_end


@dataclass(frozen=True)
class Opening:
    """An opening of a test set: its number and a digest of the finals that were scored.

    Attributes
    ----------
    is_partial : bool
        True if the study was incomplete: cells were unfinished, or no verdict was possible.
    """

    number: int
    question: Question
    finals_sha256: str
    run_id: str
    is_partial: bool = False

    @property
    def is_exploratory(self) -> bool:
        """True if other finals were scored on these days before."""
        return self.number > 1


def finals_sha256(fingerprints: Iterable[str]) -> str:
    """Return a digest of a set of finals."""
    return hashlib.sha256("\n".join(sorted(fingerprints)).encode()).hexdigest()


def test_openings() -> list[Opening]:
    """Return all recorded openings, including those of deleted runs, the oldest first.

    Examples
    --------
    In a store in which no test has been opened:

    >>> from finscale.tracking import test_openings
    >>> test_openings()
    []
    """
    found: list[Opening] = []
    query = where(KIND=Kind.ANALYSIS)
    for run in search(query, deleted=True, order_by=["attributes.start_time ASC"]):
        for entry in json.loads(run.data.tags.get(Tag.OPENINGS, "[]")):
            opening = _decode(entry, run.info.run_id)
            for target in _targets(entry, run):
                asked = replace(opening.question, target=target)
                found.append(replace(opening, question=asked))
    return found


def open_tests(
    run: Run, questions: Mapping[Question, str], partial: Set[Question] = frozenset()
) -> list[Opening]:
    """Number the openings of a study and record them on its run.

    Parameters
    ----------
    run : Run
        The run of the analysis that will score the finals.
    questions : dict
        Digest of the finals to be scored, by question.
    partial : set of Question
        Questions whose study is incomplete.

    Notes
    -----
    The same finals again keep their number; other finals take the next one.
    """
    before = test_openings()
    openings = [
        Opening(
            number=_number(question, digest, before),
            question=question,
            finals_sha256=digest,
            run_id=run.run_id,
            is_partial=question in partial,
        )
        for question, digest in questions.items()
    ]
    run.tag({Tag.OPENINGS: json.dumps([_encode(opening) for opening in openings])})
    return openings


def _number(question: Question, digest: str, before: list[Opening]) -> int:
    matching = [opening for opening in before if opening.question.overlaps(question)]
    same = [opening.number for opening in matching if opening.finals_sha256 == digest]
    return min(same) if same else 1 + max((o.number for o in matching), default=0)


def _encode(opening: Opening) -> dict[str, object]:
    fields = asdict(opening.question)
    return {
        **fields,
        "test_start": opening.question.test_start.isoformat(),
        "test_end": opening.question.test_end.isoformat(),
        "number": opening.number,
        "finals_sha256": opening.finals_sha256,
        **({"partial": True} if opening.is_partial else {}),
        **({"exact": True} if _may_be_misread(opening.question.target) else {}),
    }


def _targets(entry: Mapping[str, object], run: StoredRun) -> list[str]:
    """Return the ticker of an entry, or all possible tickers if an old entry is ambiguous.

    Older versions read tickers that look like numbers as numbers: 000001 was recorded as 1, NAN as
    nan. The finals of the analysis tell which ticker is meant.
    """
    written = str(entry["target"])
    if "exact" in entry or not _may_be_misread(written):
        return [written]
    tags = run.data.tags
    for where_asked in ({"PROBLEM": tags.get(Tag.PROBLEM)}, {"STUDY": tags.get(Tag.STUDY)}, {}):
        if None in where_asked.values():
            continue
        finals = search(where(KIND=Kind.FINAL, **where_asked), deleted=True)
        tickers = {final.data.params.get("ticker", "") for final in finals}
        if meant := sorted(t for t in tickers if str(number_in(t)) == written):
            return meant
    return [written]


def _may_be_misread(target: str) -> bool:
    """Return True if a ticker read as a number would be recorded in the same letters."""
    number = number_in(target)
    return not isinstance(number, str) and str(number) == target


def _decode(entry: dict[str, str | int], run_id: str) -> Opening:
    question = Question(
        target=str(entry["target"]),
        task=str(entry["task"]),
        horizon=int(entry["horizon"]),
        test_start=date.fromisoformat(str(entry["test_start"])),
        test_end=date.fromisoformat(str(entry["test_end"])),
        definition=str(entry.get("definition", "")),
    )
    return Opening(
        number=int(entry["number"]),
        question=question,
        finals_sha256=str(entry["finals_sha256"]),
        run_id=run_id,
        is_partial=bool(entry.get("partial", False)),
    )
