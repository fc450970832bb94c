"""Scaling laws: how a loss falls with size, how sure that is, and what may be concluded."""

from finscale.laws.gates import Conditions, Gate, Rules, check_gates
from finscale.laws.power import FitStatus, PowerLaw, fit_power_law
from finscale.laws.slope import Slope, fit_slope
from finscale.laws.verdict import Answer, Evidence, Verdict, refuse, verdict

__all__ = [
    "Answer",
    "Conditions",
    "Evidence",
    "FitStatus",
    "Gate",
    "PowerLaw",
    "Rules",
    "Slope",
    "Verdict",
    "check_gates",
    "fit_power_law",
    "fit_slope",
    "refuse",
    "verdict",
]
