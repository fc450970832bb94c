"""Entry points of the MLflow Project: parse → one call → exit code.

The project's own `src` goes first on the path: an environment cached for one clone must not run
the code of another.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

if sys.argv[0] == "-m":  # this is the command itself: until `exit_code` there is nothing to save
    signal.signal(signal.SIGINT, signal.SIG_DFL)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

# Their chatter would drown the progress; a user's own setting wins.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

try:
    from finscale.config import (
        FinscaleError,
        check_environment,
        cut,
        disk_watched,
        ignore_stops,
        install_stops,
        printable,
        remember_start,
        steady_console,
        variable_fault,
        was_stopped,
        without_passwords,
        would_make_store,
    )
except ModuleNotFoundError as error:  # another Python than the project's
    print(
        f"finscale: packages: expected those of this project in {sys.executable}; got no "
        f"{error.name}. Run `make setup`, then `source .venv/bin/activate`.",
        file=sys.stderr,
    )
    raise SystemExit(2) from None

UNEXPECTED, USER_ERROR, INTERRUPTED = 1, 2, 130
MOST_SAID = 500
"""Characters of an unexpected error: all of it is in the file."""


def run_id() -> str | None:
    """Return the run that `mlflow run` has made for this command."""
    return os.environ.get("MLFLOW_RUN_ID")


def exit_code(verb: Callable[[], None]) -> int:
    """Run a verb; a user's mistake becomes one line, a failed run and exit code 2."""
    try:
        install_stops()
        steady_console()
        return _outcome(verb)
    except KeyboardInterrupt:
        return _stopped()
    except Exception as error:
        if was_stopped():
            return _stopped()  # a library that was interrupted has made another error of it
        return _unexpected(error)
    finally:
        ignore_stops()


def _outcome(verb: Callable[[], None]) -> int:
    try:
        check_environment(os.environ)
        remember_start()
        with disk_watched():
            verb()
    except FinscaleError as error:
        return _mistake(error)
    except ValueError as error:
        fault = variable_fault(error)
        if fault is None:
            raise
        return _mistake(fault)
    return 0


def _mistake(error: FinscaleError) -> int:
    """Say the line first: to mark the run takes seconds."""
    print(f"finscale: {error.line}", file=sys.stderr, flush=True)
    _mark_failed(error)
    return USER_ERROR


def _unexpected(error: Exception) -> int:
    """Say an error of ours in one line, and where its traceback is."""
    text = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="finscale-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(without_passwords(text))
            place = file.name
    except OSError:
        place = "nowhere: the temporary folder cannot be written"
    said = without_passwords(f"{type(error).__name__}: {error}".split("\n")[0])
    said = printable(cut(said, MOST_SAID))
    line = f"an error that finscale does not know: {said}. Its traceback is in {place}; please "
    print(f"finscale: {line}report it.", file=sys.stderr, flush=True)
    return UNEXPECTED


def _stopped() -> int:
    print("finscale: stopped. The same line goes on from here.", file=sys.stderr, flush=True)
    return INTERRUPTED


def _mark_failed(error: FinscaleError) -> None:
    run = run_id()
    if run and not would_make_store(os.environ.get("MLFLOW_TRACKING_URI", "")):
        from finscale.tracking import mark_failed  # seconds: after the line is printed

        mark_failed(run, error)
