"""Scaling laws: how a loss falls with size, how sure that is, and what may be concluded."""

from finscale.laws.claims import Answer, Evidence, Verdict
from finscale.laws.controls import Control, Tried, try_verdict
from finscale.laws.form import FormTest, HeldOut
from finscale.laws.forms import BROKEN, CONSTANT, DATA, FLOORED, JOINT, LOG_LINEAR, POWER, Form
from finscale.laws.gates import Conditions, Gate, Rules, check_gates
from finscale.laws.huber import LossFit, fit_loss
from finscale.laws.interaction import SlopeDifference, compare_slopes
from finscale.laws.joint import JointLaw, fit_joint_law
from finscale.laws.nats import NatsFit, fit_nats
from finscale.laws.power import FitStatus, PowerLaw, fit_power_law
from finscale.laws.procedure import DETECTABLE, holm, refuse, verdict
from finscale.laws.resample import Bootstrap, bootstrap
from finscale.laws.rivals import Rival, compare
from finscale.laws.slope import Slope, contrast, fit_slope

__all__ = [
    "BROKEN",
    "CONSTANT",
    "DATA",
    "DETECTABLE",
    "FLOORED",
    "JOINT",
    "LOG_LINEAR",
    "POWER",
    "Answer",
    "Bootstrap",
    "Conditions",
    "Control",
    "Evidence",
    "FitStatus",
    "Form",
    "FormTest",
    "Gate",
    "HeldOut",
    "JointLaw",
    "LossFit",
    "NatsFit",
    "PowerLaw",
    "Rival",
    "Rules",
    "Slope",
    "SlopeDifference",
    "Tried",
    "Verdict",
    "bootstrap",
    "check_gates",
    "compare",
    "compare_slopes",
    "contrast",
    "fit_joint_law",
    "fit_loss",
    "fit_nats",
    "fit_power_law",
    "fit_slope",
    "holm",
    "refuse",
    "try_verdict",
    "verdict",
]
