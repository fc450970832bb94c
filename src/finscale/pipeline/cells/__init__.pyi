from .finished import study_cells
from .prospects import (
    Prospect,
    State,
    check_possible,
    cost_sentence,
    expected_seconds,
    look_ahead,
    look_back,
    members,
    table,
    with_room,
)
from .tagging import mark_members

__all__ = [
    "Prospect",
    "State",
    "check_possible",
    "cost_sentence",
    "expected_seconds",
    "look_ahead",
    "look_back",
    "mark_members",
    "members",
    "study_cells",
    "table",
    "with_room",
]
