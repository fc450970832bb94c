"""How a verb and its runs end when something goes wrong: the same on every verb."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from mlflow.entities import Run as StoredRun

from finscale.config import (
    ConfigError,
    DataConfig,
    DataError,
    FinscaleError,
    RefusedError,
    StoreError,
    install_stops,
)
from finscale.pipeline.data import data
from finscale.pipeline.running import Line, Progress
from finscale.tracking import Tag
from tests.lab import TINY, Lab

DATA = DataError("bars", expected="closes above 0", got="-7", todo="Correct the file.")
REFUSED = RefusedError("n_params", expected="11,000", got="13,000", todo="Take another.")
CONFIG = ConfigError("space", expected="a space", got="none", todo="Name another.")
NO_ROOM = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def raising(error: BaseException) -> Callable[..., None]:
    def fails(*_: object, **__: object) -> None:
        raise error

    return fails


def every_run(lab: Lab) -> list[StoredRun]:
    kinds = ("data", "hpo", "trial", "train", "final", "baseline", "analysis", "invocation")
    return [run for kind in kinds for run in lab.runs(kind)]


def ends(lab: Lab, kind: str) -> list[tuple[str, str | None, str]]:
    """Return MLflow's status, ours and the reason of each run of a kind."""
    found = [(run.info.status, run.data.tags) for run in lab.runs(kind)]
    return [(status, tags.get(Tag.STATUS), tags[Tag.REASON]) for status, tags in found]


def note(lab: Lab, kind: str) -> str:
    return str(lab.runs(kind)[-1].data.tags.get(Tag.NOTE, ""))


FIT = "finscale.pipeline.problem.fitting.fit_together"


@pytest.mark.parametrize("error", [DATA, REFUSED, CONFIG], ids=lambda error: type(error).__name__)
def test_a_mistake_within_a_trial_ends_the_search_with_its_line(
    searched: Lab, error: FinscaleError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FIT, raising(error))
    with pytest.raises(type(error)) as mistake:
        searched.hpo(n_trials=5)
    assert mistake.value is error
    (*_, trial) = ends(searched, "trial")
    assert len(searched.runs("trial")) == 3 and trial[:2] == ("FAILED", "failed")
    assert error.line in note(searched, "trial") and error.line in note(searched, "hpo")
    assert {run.info.status for run in searched.runs("hpo")} == {"FAILED"}


def test_after_the_mistake_is_corrected_the_search_goes_on(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(FIT, raising(DATA))
        with pytest.raises(DataError):
            searched.hpo(n_trials=3)
    searched.hpo(n_trials=3)
    assert [end[1] for end in ends(searched, "trial")] == ["ok", "ok", "failed", "ok"]
    assert DATA.line not in note(searched, "hpo") and "3 of 3 trials" in note(searched, "hpo")


def test_a_mistake_within_a_final_is_in_its_note(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FIT, raising(DATA))
    with pytest.raises(DataError):
        searched.train(top_k=1, n_seeds=2)
    assert set(ends(searched, "final")) == {("FAILED", "failed", "user_error")}
    assert ends(searched, "train") == [("FAILED", "failed", "user_error")]
    assert DATA.line in note(searched, "final") and DATA.line in note(searched, "train")


def test_a_mistake_within_a_baseline_leaves_none_running(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.pipeline.problem.baselines.log_forecast", raising(DATA))
    with pytest.raises(DataError):
        lab.hpo(n_trials=1)
    assert ends(lab, "baseline") == [("FAILED", "failed", "user_error")]
    assert DATA.line in note(lab, "baseline")
    assert [run for run in every_run(lab) if run.info.status == "RUNNING"] == []
    monkeypatch.undo()
    lab.hpo(n_trials=1)
    assert [end[1] for end in ends(lab, "baseline")].count("ok") == 4


# A full disk


def no_artifacts(patch: pytest.MonkeyPatch) -> None:
    """Let MLflow find no room for a file."""
    patch.setattr("mlflow.MlflowClient.log_artifact", raising(NO_ROOM))


@pytest.mark.parametrize("verb", ["data", "hpo", "train", "analyze"])
def test_a_disk_that_fills_up_is_one_line_on_every_verb(
    trained: Lab, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, Callable[[], object]] = {
        "data": lambda: data(
            DataConfig(universe=TINY, data_root=trained.data_root), listen=trained.listen
        ),
        "hpo": lambda: trained.hpo(n_trials=3),
        "train": lambda: trained.train(n_seeds=3),
        "analyze": trained.analyze,
    }
    before = {run.info.run_id for run in every_run(trained)}
    with monkeypatch.context() as patch:
        no_artifacts(patch)
        with pytest.raises(StoreError, match=r"^disk: expected room .*got none left\. Free some"):
            calls[verb]()
    new = [run for run in every_run(trained) if run.info.run_id not in before]
    assert new and {run.info.status for run in new} <= {"FAILED", "KILLED"}
    own = next(run for run in new if run.data.tags[Tag.KIND] not in ("trial", "final"))
    assert own.data.tags[Tag.STATUS] == "failed" and f"-e {verb}" in own.data.tags[Tag.NOTE]


@pytest.mark.parametrize("verb", ["hpo", "train"])
def test_what_met_a_full_disk_goes_on_under_its_run(
    searched: Lab, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call: Callable[[], object] = {
        "hpo": lambda: searched.hpo(n_trials=3),
        "train": lambda: searched.train(top_k=1, n_seeds=1),
    }[verb]
    kind = {"hpo": "trial", "train": "final"}[verb]
    with monkeypatch.context() as patch:
        no_artifacts(patch)
        with pytest.raises(StoreError):
            call()
    left = searched.runs(kind)[-1]
    assert ends(searched, kind)[-1] == ("KILLED", None, "disk")
    call()
    again = searched.runs(kind)[-1]
    assert again.info.run_id == left.info.run_id and again.info.status == "FINISHED"


def test_a_worker_that_meets_a_full_disk_says_so() -> None:
    from finscale.pipeline.running.workers import run_side_by_side

    (failure,) = run_side_by_side(meets_a_full_disk, {"a piece": 7}, 1, lambda _: None)
    assert failure.line.startswith("disk: expected room for ") and not failure.is_mistake


def meets_a_full_disk(_: int, __: Callable[[object], None]) -> None:
    raise NO_ROOM


# What to do next


def stop(event: object) -> None:
    if isinstance(event, Progress) and "epoch 1" in event.text:
        raise KeyboardInterrupt


def test_a_stop_says_in_every_note_how_to_go_on(searched: Lab) -> None:
    with pytest.raises(KeyboardInterrupt):
        searched.train(top_k=1, n_seeds=1, listen=stop)
    for kind in ("train", "final"):
        assert ends(searched, kind) == [("KILLED", None, "interrupted")]
        assert "interrupted" in note(searched, kind)
    assert "mlflow run . -e train" in note(searched, "train")
    searched.train(top_k=1, n_seeds=1)
    for kind in ("train", "final"):
        assert ends(searched, kind) == [("FINISHED", "ok", "completed")]
        assert "interrupted" not in note(searched, kind)


@contextmanager
def handled() -> Iterator[None]:
    """Handle signals as a command does."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before, hook = [signal.getsignal(number) for number in numbers], sys.unraisablehook
    install_stops()
    try:
        yield
    finally:
        install_stops()  # forgets what it was told
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        sys.unraisablehook = hook


def test_sigterm_ends_parent_and_child_as_ctrl_c_does(searched: Lab) -> None:
    def end(event: object) -> None:
        if isinstance(event, Progress) and "epoch 1" in event.text:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), handled():
        searched.hpo(n_trials=3, listen=end)
    for kind in ("hpo", "trial", "invocation"):
        assert ends(searched, kind)[-1] == ("KILLED", None, "interrupted")
        assert "interrupted" in note(searched, kind)


def test_a_stopped_search_keeps_its_page_below_the_line_that_goes_on(searched: Lab) -> None:
    with pytest.raises(KeyboardInterrupt):
        searched.hpo(n_trials=3, listen=stop)
    first, _, page = note(searched, "hpo").partition("\n\n")
    assert "mlflow run . -e hpo" in first and "2 of 3 trials finished" in page
    assert "running" not in page, "a run that is killed says so by its status"


def test_an_error_of_ours_says_where_it_is_and_how_to_go_on(
    searched: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finscale.pipeline.train.choose", raising(ZeroDivisionError("of ours")))
    with pytest.raises(ZeroDivisionError):
        searched.train(top_k=1, n_seeds=1)
    assert ends(searched, "train") == [("FAILED", "failed", "error")]
    assert "traceback.txt" in note(searched, "train") and "-e train" in note(searched, "train")


def test_a_verb_without_a_listener_shows_itself_on_the_terminal(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    data(DataConfig(universe=TINY, data_root=lab.data_root))
    heard: list[object] = []
    shown = capsys.readouterr().out
    data(DataConfig(universe=TINY, data_root=lab.data_root), listen=heard.append)
    lines = [event.text for event in heard if isinstance(event, Line)]
    assert lines[-1].splitlines()[0] in shown and capsys.readouterr().out == ""
