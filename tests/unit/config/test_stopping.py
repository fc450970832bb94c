"""A stop is heard once, never lost, and keeps out of the way while something is closed."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest

from finscale.config import (
    check_stop,
    deaf_children,
    ignore_stops,
    install_stops,
    stop_asked,
    unbroken,
    was_stopped,
)


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before, hook = [signal.getsignal(number) for number in numbers], sys.unraisablehook
    install_stops()
    yield
    install_stops()  # forgets what it was told
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    sys.unraisablehook = hook


def press(number: signal.Signals = signal.SIGINT) -> None:
    signal.raise_signal(number)


class Thing:
    """Something to be referred to."""


class Pressed:
    """Stops the process when it is deleted, where Python has nobody to give an error to."""

    def __del__(self) -> None:
        press()


def lose_in_del() -> None:
    made = Pressed()
    del made


def lose_in_weakref() -> None:
    thing = Thing()
    kept = weakref.ref(thing, lambda _: press())
    del thing
    assert kept() is None


def lose_in_collector() -> None:
    def told(phase: str, _: object) -> None:
        if phase == "start":
            press()

    gc.callbacks.append(told)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(told)


# A stop that Python loses.


@pytest.mark.parametrize("lose", [lose_in_del, lose_in_weakref, lose_in_collector])
def test_a_lost_stop_is_raised_by_who_looks(
    lose: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    lose()  # passes by: nobody has been told
    assert stop_asked()
    with pytest.raises(KeyboardInterrupt):
        check_stop()
    assert capsys.readouterr().err == ""


def test_a_lost_stop_is_raised_by_the_end_of_a_block_that_holds_it() -> None:
    done: list[str] = []

    def call() -> None:
        with unbroken():
            done.append("the call")

    lose_in_del()
    with pytest.raises(KeyboardInterrupt):
        call()
    assert done == ["the call"]


def test_another_lost_error_is_still_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(sys.unraisablehook, "_say", lambda lost: said.append(str(lost.exc_value)))

    class Broken:
        def __del__(self) -> None:
            raise ZeroDivisionError("a mistake")

    Broken()
    assert said == ["a mistake"]


# What closes is left alone.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_raised_at_once(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        press(number)


def test_a_second_signal_does_not_disturb_the_closing() -> None:
    closed: list[object] = []

    def work() -> None:
        try:
            press(signal.SIGINT)
        finally:
            press(signal.SIGTERM)  # `mlflow run` sends it, right after the terminal's
            check_stop()
            with unbroken():
                closed.append(stop_asked())
            closed.append("the run")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert closed == [False, "the run"] and was_stopped()


def test_an_error_within_the_closing_is_closing_too() -> None:
    closed: list[object] = []

    def busy() -> None:
        raise ConnectionError("try again")

    def work() -> None:
        try:
            press()
        except BaseException:
            try:
                busy()
            except ConnectionError:
                press(signal.SIGTERM)
                closed.append(stop_asked())
            raise

    with pytest.raises(KeyboardInterrupt):
        work()
    assert closed == [False]


def test_what_a_library_makes_of_a_stop_is_a_stop() -> None:
    closed: list[object] = []

    def interrupted() -> None:
        try:
            press()
        except KeyboardInterrupt:
            raise RuntimeError("interrupted") from None

    try:
        interrupted()
    except RuntimeError:
        closed.append(stop_asked())
    assert closed == [False] and was_stopped()


def test_once_the_exit_code_is_decided_nothing_is_raised() -> None:
    ignore_stops()
    press()
    check_stop()
    assert not was_stopped()


# What holds a stop back.


def test_blocks_within_blocks_end_together() -> None:
    seen: list[object] = []

    def work() -> None:
        with unbroken():
            with unbroken():
                press()
                check_stop()
                seen.append(stop_asked())
            seen.append("the outer block")
        seen.append("too far")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert seen == [True, "the outer block"]


def test_a_stop_goes_before_the_error_of_a_block() -> None:
    def work() -> None:
        with unbroken():
            press()
            raise ValueError("cut short")

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert isinstance(caught.value.__context__, ValueError)


def test_other_threads_see_a_stop_and_are_not_stopped() -> None:
    seen: list[object] = []

    def look() -> None:
        with unbroken():
            check_stop()
            seen.append(stop_asked())

    with pytest.raises(KeyboardInterrupt):
        press()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [True]


# Processes that are started.

CHILD = """
import sys
print("at work", flush=True)
sys.stdin.readline()
from finscale.config import install_stops
try:
    install_stops()
except KeyboardInterrupt:
    print("stopped")
"""


def test_a_child_hears_what_came_while_it_imported() -> None:
    with deaf_children():
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert child.stdout and child.stdout.readline() == "at work\n"
    child.send_signal(signal.SIGINT)
    assert child.communicate("go\n", timeout=60) == ("stopped\n", "")
    with pytest.raises(KeyboardInterrupt):  # its parent hears as ever
        press()
