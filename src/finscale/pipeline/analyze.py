"""`analyze`: computes the verdict of a study or a problem from the tracking store alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from finscale.config import AnalyzeConfig, Study, load_study, options, spell
from finscale.laws import Rules
from finscale.pipeline.running import Line, Listen, on_terminal, shown
from finscale.tracking import (
    Artifact,
    Kind,
    Run,
    Tag,
    finals_sha256,
    prepare_store,
    study_tags,
    verb_run,
)

if TYPE_CHECKING:
    from finscale.pipeline.analysis import ProblemFinals, Setting


@shown
def analyze(
    config: AnalyzeConfig, run_id: str | None = None, *, listen: Listen = on_terminal
) -> Run:
    """Check the gates, open the test set once, score all finals, conclude and write the report.

    Returns
    -------
    Run
        The run of the analysis, with its report, figures and verdict.

    Raises
    ------
    StoreError
        If finals are missing, or their predictions cannot be compared.
    """
    prepare_store(time.time())
    # Laws and figures take seconds to import. Import them only after the store has answered.
    from finscale.pipeline.analysis import collect, conclude_all, console_summary, publish
    from finscale.pipeline.cells import State, look_back, members

    study = None if config.study == "none" else load_study(config.study)
    setting = _setting(config, study)
    name = f"analysis {study.name if study else config.title}"
    again = spell("analyze", config)
    with verb_run(
        Kind.ANALYSIS, name, run_id=run_id, params=options(config), tags={}, resume=again
    ) as runs:
        run = runs.own
        missing: tuple[str, ...] = ()
        if study:
            run.tag(study_tags(study.name))
            prospects = look_back(study, config, listen)
            for each in prospects:
                if each.state is State.REFUSED:
                    listen(Line(f"{each.cell.cell_name} is refused: {each.why}"))
            found = members(study, prospects, allow_partial=config.allow_partial)
            problems = [collect(problem, mine) for problem, mine in found.choices.items()]
            missing = found.missing
        else:
            run.tag({Tag.PROBLEM: config.problem_name})
            problems = [collect(config.problem_name, line=spell("train", config))]
        run.tag({**rests_on(problems), Tag.RULES: rules_text(setting.rules)})
        reports, differences = conclude_all(run, problems, setting, missing, listen)
        publish(run, setting.title, setting.question, reports, differences)
        text = console_summary(list(reports.values()), run)
        run.text(Artifact.SUMMARY.value, text)
        listen(Line(text))
        return run


def rests_on(problems: Sequence[ProblemFinals]) -> dict[str, str]:
    """Return the tags that name the finals an analysis uses and the cells they come from.

    The same finals may have been trained for cells other than those analyzed now.
    """
    finals = [fingerprint for problem in problems for fingerprint in problem.finals["fingerprint"]]
    borrowed = [label for problem in problems for label in problem.borrowed]
    names: dict[str, str] = {Tag.CELLS: finals_sha256(borrowed)} if borrowed else {}
    return {Tag.FINALS: finals_sha256(finals), **names}


def rules_text(rules: Rules) -> str:
    """Return the rules of a verdict as text. Other rules may lead to another verdict."""
    return ", ".join(f"{name} {value:g}" for name, value in asdict(rules).items())


def study_rules(study: Study) -> Rules:
    """Return the rules that a study fixes before any result is seen."""
    return Rules(delta_share=study.delta, min_effective_days=float(study.floors.n_effective))


def _setting(config: AnalyzeConfig, study: Study | None) -> Setting:
    from finscale.pipeline.analysis import Setting

    if study:
        return Setting(study.name, study.question, study_rules(study), config.allow_partial)
    question = "Does the error of a PatchTST fall with its size on this problem?"
    rules = Rules(min_effective_days=float(config.floors.n_effective))
    return Setting(config.problem_name, question, rules, config.allow_partial)
