"""Heat, from an injected sensor: pause, stop, resume, and refusal, through the real verbs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from finscale.config import Health, StudyConfig, ThermalError
from finscale.pipeline.study import study
from finscale.tracking import Tag
from tests.lab import Lab
from tests.rehearsal import PLAN

LIMITS = Health(name="mine", pause_celsius=83, pause_s=0.01, stop_celsius=97)
SetHeat = Callable[[Callable[[], float]], None]


@pytest.fixture
def sensor(monkeypatch: pytest.MonkeyPatch) -> SetHeat:
    """Set what the sensor of the processor tells; it is read before every batch."""
    monkeypatch.setattr("finscale.training.machine.health.LOOK_EVERY_S", 0.0)
    monkeypatch.setattr("finscale.training.inputs.pace.WAIT_PER_TURN", 0.0)
    monkeypatch.setattr("finscale.training.machine.health._told", set())

    def set_heat(read: Callable[[], float]) -> None:
        where = "finscale.pipeline.running.health.sensors"
        monkeypatch.setattr(where, lambda _: {"CPU": read})

    return set_heat


def at(n: int, celsius: float) -> Callable[[], float]:
    """Return a sensor that tells another temperature at the nth reading."""
    readings = iter([61.0] * (n - 1) + [celsius])
    return lambda: next(readings, 61.0)


def all_runs(lab: Lab) -> dict[str, StoredRun]:
    kinds = ("study", "hpo", "trial", "train", "final", "baseline", "invocation")
    return {run.info.run_id: run for kind in kinds for run in lab.runs(kind)}


def begin(lab: Lab, verb: str) -> None:
    if verb == "study":
        study(StudyConfig(study=PLAN, data_root=lab.data_root, device="cpu", health=LIMITS))
    else:
        {"hpo": lab.hpo, "train": lab.train}[verb](n_trials=3, health=LIMITS)


def end_of(run: StoredRun) -> tuple[str, str | None, str]:
    return run.info.status, run.data.tags.get(Tag.STATUS), run.data.tags[Tag.REASON]


def test_a_hot_trial_pauses_and_goes_on(searched: Lab, sensor: SetHeat) -> None:
    sensor(at(5, 85.0))
    searched.hpo(n_trials=3, health=LIMITS)
    said = [line for line in searched.lines if "°C" in line]
    assert len(said) == 1 and "the CPU has 85 °C: training pauses for 0.01 s" in said[0]
    third = searched.runs("trial")[-1]
    assert end_of(third)[:2] == ("FINISHED", "ok")
    assert len(searched.runs("hpo")) == 1  # the limits are part of no identity
    history = MlflowClient().get_metric_history(third.info.run_id, "epoch/max_temperature")
    assert [point.value for point in history] == [85.0, 61.0]


def test_a_trial_that_gets_too_hot_stops_with_a_checkpoint_and_goes_on_later(
    searched: Lab, sensor: SetHeat
) -> None:
    sensor(at(5, 98.0))  # the first reading is before the run, the next before the batches
    with pytest.raises(ThermalError) as caught:
        searched.hpo(n_trials=3, health=LIMITS)
    line = caught.value.line
    assert line.startswith("temperature of the CPU: expected below 97 °C; got 98 °C. What is")
    assert "When it is cooler, go on: mlflow run . -e hpo" in line
    third, invocation = searched.runs("trial")[-1], searched.runs("invocation")[-1]
    (parent,) = searched.runs("hpo")
    for run in (third, parent, invocation):
        assert end_of(run) == ("KILLED", None, "thermal"), run.data.tags
    assert line in parent.data.tags[Tag.NOTE]
    assert third.data.tags[Tag.ATTEMPTS] == "0"  # no attempt that failed
    assert not any(run.info.status == "RUNNING" for run in all_runs(searched).values())

    sensor(lambda: 61.0)
    searched.hpo(n_trials=3, health=LIMITS)
    assert any("going on with trial 2 from batch 4 of epoch 1" in each for each in searched.lines)
    assert end_of(searched.run(third.info.run_id))[:2] == ("FINISHED", "ok")
    assert len(searched.runs("trial")) == 3


def test_a_final_that_gets_too_hot_goes_on_later(searched: Lab, sensor: SetHeat) -> None:
    sensor(at(5, 98.0))
    with pytest.raises(ThermalError, match=r"got 98 °C\. .* go on: mlflow run \. -e train"):
        searched.train(top_k=1, n_seeds=1, health=LIMITS)
    (final,), (parent,) = searched.runs("final"), searched.runs("train")
    assert end_of(final) == end_of(parent) == ("KILLED", None, "thermal")

    sensor(lambda: 61.0)
    searched.train(top_k=1, n_seeds=1, health=LIMITS)
    assert end_of(searched.run(final.info.run_id))[:2] == ("FINISHED", "ok")
    assert len(searched.runs("final")) == 1


@pytest.mark.parametrize("verb", ["hpo", "train", "study"])
def test_nothing_begins_on_a_machine_that_is_too_hot(
    searched: Lab, sensor: SetHeat, verb: str
) -> None:
    before = set(all_runs(searched))
    sensor(lambda: 97.0)
    with pytest.raises(ThermalError, match=r"got 97 °C\. Nothing was begun"):
        begin(searched, verb)
    assert set(all_runs(searched)) == before
    searched.hpo(n_trials=2, health=LIMITS)  # complete: it trains nothing


def test_a_sensor_that_cannot_be_read_is_said_once(searched: Lab, sensor: SetHeat) -> None:
    def broken() -> float:
        raise OSError("no such device")

    sensor(broken)
    searched.hpo(n_trials=3, health=LIMITS)
    said = [line for line in searched.lines if "cannot be read (OSError)" in line]
    assert len(said) == 1 and len(searched.runs("trial")) == 3
