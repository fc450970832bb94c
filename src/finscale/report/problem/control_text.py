"""The instrument on trial: what a report says of problems whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence

from finscale.laws import Control, ErrorRates
from finscale.report.pages import DASH, Table, show

CONTROL_CAPTION = (
    "Trained models judged again on labels drawn anew from the planted odds, three times over: as "
    "they are; levelled, with the true trend of their expected losses taken out; and planted, with "
    "one put in that has to be found in 80 % of studies. Slopes in nats a day per decade. False: "
    "claims that the loss rises or falls against the true slope, at most 5 %. Intervals hold the "
    "true slope in 95 % or more: they count the luck of seeds, which stay as they are here. "
    "Learnt: the best size's share of what can be known beyond the reference; 100 % is the Bayes "
    "loss."
)
HEADER = (
    "control", "studies", "true slope", "false", "found", "intervals right", "learnt", "answers",
)  # fmt: skip


def control_table(names: Sequence[str], controls: Sequence[Control]) -> Table:
    """Three rows a control: what is true of it, and how often the procedure said so."""
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
    """Say whether the instrument passed, and where it did not."""
    objections = [
        f"{name}: {objection}"
        for name, control in zip(names, controls, strict=True)
        for objection in control.objections
    ]
    if objections:
        return f"The instrument failed: {'; '.join(objections)}."
    return (
        "The instrument passed: nothing claimed beyond chance where there is nothing to find, and "
        "what was planted found."
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
