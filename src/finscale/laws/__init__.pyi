from .differences import DifferenceFit, fit_differences
from .error_rates import Control, ErrorRates, measure_error_rates
from .evidence import Answer, Evidence, Verdict
from .forms import BROKEN, CONSTANT, DATA, FLOORED, JOINT, LOG_LINEAR, POWER, Form
from .gates import Conditions, Gate, Rules, check_gates
from .huber import LossFit, fit_loss
from .improvement import FormTest, HeldOut
from .interaction import SlopeDifference, compare_slopes
from .joint import JointLaw, fit_joint_law
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
    "DifferenceFit",
    "ErrorRates",
    "Evidence",
    "FitStatus",
    "Form",
    "FormTest",
    "Gate",
    "HeldOut",
    "JointLaw",
    "LossFit",
    "PowerLaw",
    "Rival",
    "Rules",
    "Slope",
    "SlopeDifference",
    "Verdict",
    "bootstrap",
    "check_gates",
    "compare",
    "compare_slopes",
    "contrast",
    "fit_differences",
    "fit_joint_law",
    "fit_loss",
    "fit_power_law",
    "fit_slope",
    "holm",
    "measure_error_rates",
    "refuse",
    "verdict",
]
