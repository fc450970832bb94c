from .content import SMALLEST_P, Report
from .control_text import CONTROL_CAPTION, control_sentence, control_table
from .fits import LEVEL, Extrapolation, extrapolations_of, fitted_law, residuals_of
from .frames import baseline_titles, budget_size
from .html import render_html
from .numbers import tidy_numbers
from .summary import render_note, render_summary
from .tables import FIT_WORDS
from .transfer import best_trials, changes, finished_of, notable_sentences, transfer_table

__all__ = [
    "CONTROL_CAPTION",
    "FIT_WORDS",
    "LEVEL",
    "SMALLEST_P",
    "Extrapolation",
    "Report",
    "baseline_titles",
    "best_trials",
    "budget_size",
    "changes",
    "control_sentence",
    "control_table",
    "extrapolations_of",
    "finished_of",
    "fitted_law",
    "notable_sentences",
    "render_html",
    "render_note",
    "render_summary",
    "residuals_of",
    "tidy_numbers",
    "transfer_table",
]
