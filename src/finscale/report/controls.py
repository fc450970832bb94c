"""The instrument on trial: what a report says of problems whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence

from finscale.laws import Control, Tried
from finscale.report.tables import DASH, Table, show

CONTROL_CAPTION = (
    "Trained models judged again on labels drawn anew from the planted odds. True slope: of their "
    "expected losses, in nats a day per decade. Claims: verdicts that the loss rises or falls with "
    "size, false where the true slope lies within ±delta. Planted: the true trend taken out and "
    "this one put in, which has to be found in 80 % of studies. Intervals hold the true slope in "
    "95 % or more: they count the luck of seeds, which stay as they are here. Learnt: the best "
    "size's share of what can be known beyond the reference; 100 % is the Bayes loss."
)
HEADER = (
    "control", "true slope", "delta", "answers", "claims", "intervals right",
    "planted slope", "found", "intervals right there", "learnt",
)  # fmt: skip


def control_table(names: Sequence[str], controls: Sequence[Control]) -> Table:
    """One row a control: what is true of it, and how often the procedure said so."""
    rows = tuple(
        (name, *_truth(control), *_planted(control.planted), _share(control.learnt))
        for name, control in zip(names, controls, strict=True)
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
        return f"The instrument failed a control: {'; '.join(objections)}."
    flat = sum(control.is_flat for control in controls)
    return (
        f"The instrument passed: nothing claimed beyond chance on {flat} of {len(controls)} "
        "controls where there is nothing to find, and what was planted found on all."
    )


def _truth(control: Control) -> tuple[str, ...]:
    tried = control.as_trained
    answers = ", ".join(f"{answer} {count}" for answer, count in tried.answers.items())
    return (
        show(tried.slope, "+.5f"),
        show(control.delta, ".5f"),
        answers,
        _of(tried.n_claims, tried),
        _of(tried.n_covered, tried),
    )


def _planted(tried: Tried) -> tuple[str, ...]:
    return show(tried.slope, "+.5f"), _of(tried.n_found, tried), _of(tried.n_covered, tried)


def _of(count: int, tried: Tried) -> str:
    return f"{count} of {tried.n}"


def _share(learnt: float | None) -> str:
    return DASH if learnt is None else f"{learnt:.0%}"
