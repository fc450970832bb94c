from .claims import Answer, Evidence, Verdict
from .controls import Control, Tried, try_verdict
from .form import FormTest, HeldOut
from .forms import BROKEN, CONSTANT, DATA, FLOORED, JOINT, LOG_LINEAR, POWER, Form
from .gates import Conditions, Gate, Rules, check_gates
from .huber import LossFit, fit_loss
from .interaction import SlopeDifference, compare_slopes
from .joint import JointLaw, fit_joint_law
from .nats import NatsFit, fit_nats
from .power import FitStatus, PowerLaw, fit_power_law
from .procedure import DETECTABLE, holm, refuse, verdict
from .resample import Bootstrap, bootstrap
from .rivals import Rival, compare
from .slope import Slope, contrast, fit_slope

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
