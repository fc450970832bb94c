"""Error rates of the procedure, measured on studies whose true slope is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from finscale.laws.evidence import Answer, Evidence, Verdict
from finscale.laws.gates import Rules
from finscale.laws.procedure import verdict

FALLS = (Answer.IMPROVES, Answer.POWER_LAW, Answer.SATURATING, Answer.FORM_UNKNOWN)
NO_CLAIM = (Answer.FLAT, Answer.NOT_IDENTIFIABLE)

MAX_FALSE, MIN_FOUND, NOMINAL = 0.05, 0.80, 0.95
# A procedure that is right passes all twelve checks of four controls 99 times in 100.
SIGNIFICANCE = 0.001


@dataclass(frozen=True)
class ErrorRates:
    """Answers of the procedure to studies with the same true slope.

    Attributes
    ----------
    slope : float
        The true slope, in nats a day per decade of parameters.
    answers : mapping of str to int
        Studies by answer.
    n_covered : int
        Studies whose 95 % interval holds the true slope.
    """

    slope: float
    answers: Mapping[str, int]
    n_covered: int

    @property
    def n(self) -> int:
        """Number of studies."""
        return sum(self.answers.values())

    @property
    def n_found(self) -> int:
        """Number of studies with an answer that improves with size, in any form."""
        return sum(self.answers.get(answer.value, 0) for answer in FALLS)

    @property
    def n_claims(self) -> int:
        """Number of studies with a claim that the loss rises or falls with size."""
        return self.n - sum(self.answers.get(answer.value, 0) for answer in NO_CLAIM)

    @property
    def n_wrong(self) -> int:
        """Number of claims with the wrong sign; if the true slope is 0, all claims."""
        if self.slope == 0.0:
            return self.n_claims
        return self.n_found if self.slope > 0.0 else self.n_claims - self.n_found


@dataclass(frozen=True)
class Control:
    """Trained models of a planted market, judged repeatedly on labels drawn from the true odds.

    Attributes
    ----------
    delta : float
        Smallest slope that matters, in nats a day per decade.
    as_trained : ErrorRates
        The models as they are.
    levelled : ErrorRates
        The same losses with their true trend taken out: nothing is left to find.
    planted : ErrorRates
        The same again, with a slope put in that must be found.
    learnt : float or None
        Share of what can be known beyond the reference that the best size has learnt: 1 at the
        Bayes loss. None where nothing can be known.
    """

    delta: float
    as_trained: ErrorRates
    levelled: ErrorRates
    planted: ErrorRates
    learnt: float | None

    @property
    def objections(self) -> tuple[str, ...]:
        """Failed checks of the procedure that chance does not explain; empty if there are none."""
        said = []
        for rates in (self.as_trained, self.levelled):
            if _is_above(rates.n_wrong, rates.n, MAX_FALSE):
                said.append(f"{rates.n_wrong} false verdicts in {rates.n} studies")
        for rates in (self.as_trained, self.planted):
            must_be_found = rates.slope <= -2.0 * self.delta
            if must_be_found and _is_below(rates.n_found, rates.n, MIN_FOUND):
                said.append(f"a slope of {rates.slope:+.4f} found in {rates.n_found} of {rates.n}")
        for rates in (self.as_trained, self.levelled, self.planted):
            if _is_below(rates.n_covered, rates.n, NOMINAL):
                said.append(f"intervals that hold the slope in {rates.n_covered} of {rates.n}")
        return tuple(said)


def measure_error_rates(
    studies: Sequence[Evidence],
    slope: float,
    rules: Rules,
    draw: Callable[[Evidence, Rules], Verdict] = verdict,
) -> ErrorRates:
    """Draw the verdict of every study and count the answers.

    Parameters
    ----------
    studies : sequence of Evidence
        Simulated, or real models on labels drawn anew.
    slope : float
        The true slope of all of them.
    draw : callable
        The procedure on trial.
    """
    answers: Counter[str] = Counter()
    n_covered = 0
    for evidence in studies:
        found = draw(evidence, rules)
        answers[found.answer.value] += 1
        low, high = found.interval_95 or (float("nan"), float("nan"))
        n_covered += low <= slope <= high
    return ErrorRates(slope, dict(answers.most_common()), n_covered)


def _is_above(count: int, n: int, share: float) -> bool:
    return bool(binomtest(count, n, share, alternative="greater").pvalue < SIGNIFICANCE)


def _is_below(count: int, n: int, share: float) -> bool:
    return bool(binomtest(count, n, share, alternative="less").pvalue < SIGNIFICANCE)
