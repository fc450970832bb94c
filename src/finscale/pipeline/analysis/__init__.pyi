from .problem_finals import ProblemFinals, collect
from .publishing import publish
from .summary import console_summary
from .verdicts import Setting, conclude_all

__all__ = [
    "ProblemFinals",
    "Setting",
    "collect",
    "conclude_all",
    "console_summary",
    "publish",
]
