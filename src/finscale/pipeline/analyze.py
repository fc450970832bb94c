"""`analyze`: the verdict of a study or a problem, from the tracking store alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from finscale.config import AnalyzeConfig, Study, load_study, options
from finscale.laws import Rules, check_gates
from finscale.pipeline.conclude import conclude, conclude_closed, make_report
from finscale.pipeline.evidence import ProblemFinals, collect, log_test_metrics, score_test
from finscale.pipeline.membership import study_parents
from finscale.pipeline.progress import Line, Listen, Screen
from finscale.pipeline.summary import console_summary
from finscale.report import (
    Report,
    render_html,
    render_summary,
    save_figure,
    scaling_figure,
    validation_figure,
)
from finscale.tracking import (
    Artifact,
    Kind,
    Opening,
    Question,
    Run,
    Tag,
    close_abandoned,
    finals_sha256,
    open_tests,
    verb_run,
    verdict_metrics,
    where,
)


@dataclass(frozen=True)
class Setting:
    """What is asked, and by which rules it is answered."""

    title: str
    question: str
    rules: Rules
    study: str | None


def analyze(
    config: AnalyzeConfig, run_id: str | None = None, *, listen: Listen | None = None
) -> Run:
    """Gate, open the test once for everything, score, conclude, report.

    Returns
    -------
    Run
        The analysis, with report, figures and verdict.

    Raises
    ------
    StoreError
        If finals are missing, or their predictions cannot be compared.
    """
    if listen is None:
        with Screen() as screen:
            return analyze(config, run_id, listen=screen)
    close_abandoned(time.time())
    plan = None if config.study == "none" else load_study(config.study)
    setting = _setting(config, plan)
    name = f"analysis {setting.title}"
    with verb_run(Kind.ANALYSIS, name, run_id=run_id, params=options(config), tags={}) as opened:
        run = opened.own
        if plan:
            run.tag({Tag.STUDY: plan.name})
            parents = study_parents(plan, config, listen)
            problems = [collect(problem, ids) for problem, ids in parents.items()]
        else:
            run.tag({Tag.PROBLEM: config.problem_name})
            problems = [collect(config.problem_name)]
        everything = [print_ for p in problems for print_ in p.finals["fingerprint"]]
        run.tag({Tag.FINALS: finals_sha256(everything)})
        reports = _conclude_all(run, problems, setting)
        _publish(run, reports)
        text = "\n\n".join(console_summary(report, run) for report in reports.values())
        run.text(Artifact.SUMMARY.value, text)
        listen(Line(text))
        return run


def _setting(config: AnalyzeConfig, plan: Study | None) -> Setting:
    floor = float(config.floors.n_effective)
    if plan:
        rules = Rules(delta_share=plan.delta, min_effective_days=floor)
        return Setting(plan.name, plan.question, rules, plan.name)
    question = "Does the error of a PatchTST fall with its size on this problem?"
    return Setting(config.problem_name, question, Rules(min_effective_days=floor), None)


def _conclude_all(
    run: Run, problems: Sequence[ProblemFinals], setting: Setting
) -> dict[str, Report]:
    """Check every gate, then write every opening, and only then look at a test loss."""
    gates = {p.problem: check_gates(p.conditions(), setting.rules) for p in problems}
    openings = _open([p for p in problems if gates[p.problem] is None], run)
    reports: dict[str, Report] = {}
    for problem in problems:
        gate, losses = gates[problem.problem], None
        if gate:
            conclusion = conclude_closed(gate)
        else:
            losses = score_test(problem)
            log_test_metrics(problem, losses)
            conclusion = conclude(problem, losses, setting.rules)
        several = f": {problem.problem}" if len(problems) > 1 else ""
        reports[problem.problem] = make_report(
            problem,
            conclusion,
            losses,
            openings.get(problem.question()) if gate is None else None,
            title=setting.title + several,
            question=setting.question,
            query=f'mlflow.search_runs(search_all_experiments=True, filter_string="'
            f'{where(KIND=Kind.FINAL, PROBLEM=problem.problem)}")',
            links={},
        )
    return reports


def _open(passed: Sequence[ProblemFinals], run: Run) -> dict[Question, Opening]:
    """Write one opening for each question: finals of all its problems together."""
    together: dict[Question, list[str]] = {}
    for problem in passed:
        together.setdefault(problem.question(), []).extend(problem.finals["fingerprint"])
    digests = {question: finals_sha256(prints) for question, prints in together.items()}
    return {opening.question: opening for opening in open_tests(run, digests)}


def _publish(run: Run, reports: dict[str, Report]) -> None:
    """Store figures and reports; several problems of a study get a folder each."""
    answers = {problem: report.verdict.answer.value for problem, report in reports.items()}
    run.tag({Tag.VERDICT: "; ".join(answers.values())})
    run.note("\n\n".join(render_summary(report) for report in reports.values()))
    for problem, report in reports.items():
        folder = problem if len(reports) > 1 else None
        run.metric(verdict_metrics(report.verdict.numbers, folder))
        figure = scaling_figure(report) if report.is_open else validation_figure(report)
        name = "scaling" if report.is_open else "validation"
        with TemporaryDirectory() as scratch:
            html = Path(scratch) / Artifact.REPORT.value
            html.write_text(render_html(report, {name: figure}), encoding="utf-8")
            for path in (html, *save_figure(figure, Path(scratch), name)):
                run.file(path, folder)
