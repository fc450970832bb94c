"""Verdicts of an analysis: checks gates, opens the test set once, scores, concludes and reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from finscale.laws import Gate, Rules, SlopeDifference, check_gates, holm
from finscale.pipeline.analysis.conclude import Conclusion, conclude, conclude_closed, make_report
from finscale.pipeline.analysis.control_studies import judge
from finscale.pipeline.analysis.exhibits import collect_exhibits
from finscale.pipeline.analysis.interactions import Measured, interactions
from finscale.pipeline.analysis.losses import (
    TestLosses,
    log_test_metrics,
    read_forecasts,
    score_test,
)
from finscale.pipeline.analysis.problem_finals import ProblemFinals
from finscale.pipeline.running import Listen, Progress
from finscale.report import Report
from finscale.tracking import Kind, Opening, Question, Run, Tag, finals_sha256, open_tests, where


@dataclass(frozen=True)
class Setting:
    """The question of an analysis and the rules by which it is answered."""

    title: str
    question: str
    rules: Rules
    allow_partial: bool


def conclude_all(
    run: Run,
    problems: Sequence[ProblemFinals],
    setting: Setting,
    missing: Sequence[str],
    listen: Listen,
) -> tuple[dict[str, Report], tuple[SlopeDifference, ...]]:
    """Check gates and forecasts, record every opening, and only then compute test losses."""
    gates = {p.problem: check_gates(p.conditions(), setting.rules) for p in problems}
    opened = [p for p in problems if _is_opened(gates[p.problem], setting)]
    partial = {p.problem: _why_partial(gates[p.problem], missing) for p in opened}
    forecasts = {p.problem: read_forecasts(p) for p in opened}
    openings = _open(opened, run, partial)
    losses = {p.problem: score_test(p, forecasts[p.problem]) for p in opened}
    for problem in opened:
        log_test_metrics(problem, losses[problem.problem])
    several = len(problems) > 1
    conclusions = conclusions_of(
        _with_progress(problems, "verdicts", listen), gates, losses, setting.rules
    )
    reports = {
        problem.problem: make_report(
            problem,
            conclusion,
            losses.get(problem.problem),
            openings.get(problem.question()) if problem.problem in losses else None,
            collect_exhibits(problem, forecasts.get(problem.problem)),
            judge(problem, forecasts[problem.problem], setting.rules, listen)
            if conclusion.verdict.slope
            else None,
            title=setting.title + (f": {problem.problem}" if several else ""),
            question=setting.question,
            query=_query(problem.problem),
            partial=partial.get(problem.problem, ""),
        )
        for problem, conclusion in zip(
            _with_progress(problems, "reports", listen), conclusions, strict=True
        )
    }
    return reports, _differences(problems, conclusions, losses)


def _with_progress(
    problems: Sequence[ProblemFinals], key: str, listen: Listen
) -> Iterator[ProblemFinals]:
    """Yield one problem after the other and report the progress."""
    for done, problem in enumerate(problems):
        listen(Progress(key, done, len(problems), problem.problem))
        yield problem
    listen(Progress(key, len(problems), len(problems), "done"))


def _differences(
    problems: Sequence[ProblemFinals],
    conclusions: Sequence[Conclusion],
    losses: Mapping[str, TestLosses],
) -> tuple[SlopeDifference, ...]:
    """Compare slopes between problems; empty unless every problem has a slope."""
    measured = [
        Measured(problem, losses[problem.problem], conclusion.verdict.slope)
        for problem, conclusion in zip(problems, conclusions, strict=True)
        if conclusion.verdict.slope
    ]
    return interactions(measured) if len(measured) == len(problems) else ()


def conclusions_of(
    problems: Iterable[ProblemFinals],
    gates: Mapping[str, Gate | None],
    losses: Mapping[str, TestLosses],
    rules: Rules,
) -> list[Conclusion]:
    """Compute all verdicts, then correct them for multiple testing."""
    drawn: list[Conclusion] = []
    for problem in problems:
        gate, scored = gates[problem.problem], losses.get(problem.problem)
        if scored:
            drawn.append(conclude(problem, scored, rules, gate))
        else:
            assert gate is not None, "a test stays closed behind a gate"
            drawn.append(conclude_closed(gate))
    verdicts = holm([conclusion.verdict for conclusion in drawn])
    return [replace(one, verdict=found) for one, found in zip(drawn, verdicts, strict=True)]


def _query(problem: str) -> str:
    """Return the MLflow call that finds the finals of a problem."""
    tags = where(KIND=Kind.FINAL, PROBLEM=problem)
    return f'mlflow.search_runs(search_all_experiments=True, filter_string="{tags}")'


def _is_opened(gate: Gate | None, setting: Setting) -> bool:
    """Return True if the test is opened: no gate fails, or the user allows a partial answer."""
    return gate is None or (setting.allow_partial and gate.is_comparable)


def _why_partial(gate: Gate | None, missing: Sequence[str]) -> str:
    unfinished = f"unfinished: {', '.join(missing)}" if missing else ""
    return "; ".join(filter(None, [unfinished, gate.sentence if gate else ""]))


def _open(
    problems: Sequence[ProblemFinals], run: Run, partial: Mapping[str, str]
) -> dict[Question, Opening]:
    """Record one opening per question, for the finals of all its problems together."""
    reasons = dict.fromkeys(filter(None, partial.values()))
    if reasons:
        run.tag({Tag.PARTIAL: "; ".join(reasons)})
    together: dict[Question, list[str]] = {}
    for problem in problems:
        together.setdefault(problem.question(), []).extend(problem.finals["fingerprint"])
    digests = {question: finals_sha256(prints) for question, prints in together.items()}
    in_part = {problem.question() for problem in problems if partial[problem.problem]}
    return {opening.question: opening for opening in open_tests(run, digests, in_part)}
