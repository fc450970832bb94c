"""Control section of a report: tests of the procedure on problems whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence

from finscale.laws import Control, ErrorRates
from finscale.report.pages import DASH, Table, show

CONTROL_CAPTION = (
    "The trained models are judged on new labels drawn from the planted odds, in three ways: as "
    "trained; levelled, with the true trend of their expected losses removed; and planted, with an "
    "added trend that must be found in 80 % of studies. Slopes are in nats a day per decade. "
    "False: claims that the loss rises or falls against the true slope, at most 5 %. Intervals "
    "contain the true slope in 95 % of studies or more, because they include the variance of "
    "seeds, which are fixed here. Learnt: the best size's gain over the reference, as a share of "
    "the possible gain; 100 % is the Bayes loss."
)
HEADER = (
    "control", "studies", "true slope", "false", "found", "intervals right", "learnt", "answers",
)  # fmt: skip


def control_table(names: Sequence[str], controls: Sequence[Control]) -> Table:
    """Return a table with three rows per control: the true slope, and how often it was found."""
    rows = tuple(
        row
        for name, control in zip(names, controls, strict=True)
        for row in (
            _row(name, "as trained", control.as_trained, control.learnt),
            _row("", "levelled", control.levelled),
            _row("", "planted", control.planted),
        )
    )
    return Table(HEADER, rows, below=("answers",))


def control_sentence(names: Sequence[str], controls: Sequence[Control]) -> str:
    """Return a sentence that says whether the procedure passed, and where it failed."""
    objections = [
        f"{name}: {objection}"
        for name, control in zip(names, controls, strict=True)
        for objection in control.objections
    ]
    if objections:
        return f"The procedure failed: {'; '.join(objections)}."
    return (
        "The procedure passed: without a trend it made no more claims than chance explains, "
        "and it found the planted trend."
    )


def _row(
    name: str, studies: str, rates: ErrorRates, learnt: float | None = None
) -> tuple[str, ...]:
    answers = ", ".join(f"{answer} {count}" for answer, count in rates.answers.items())
    return (
        name,
        studies,
        show(rates.slope, "+.5f"),
        f"{rates.n_wrong} of {rates.n}",
        f"{rates.n_found} of {rates.n}" if rates.slope < 0.0 else DASH,
        f"{rates.n_covered} of {rates.n}",
        DASH if learnt is None else f"{learnt:.0%}",
        answers,
    )
