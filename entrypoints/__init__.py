"""Entry points of the MLflow Project: each parses its options, calls one verb, and exits.

The project's own `src` is put first on the path, so that an environment cached for one clone does
not run the code of another.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

if sys.argv[0] == "-m":  # started as a command: before `exit_code`, Ctrl-C may end it at once
    signal.signal(signal.SIGINT, signal.SIG_DFL)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

# MLflow's messages would hide the progress. A user's own setting has priority.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# Threads that wait for another one sleep: a core that another program needs is not kept busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

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
except ModuleNotFoundError as error:  # not the project's Python
    print(
        f"finscale: packages: expected those of this project in {sys.executable}; got no "
        f"{error.name}. Run `make setup`, then `source .venv/bin/activate`.",
        file=sys.stderr,
    )
    raise SystemExit(2) from None

UNEXPECTED, USER_ERROR, INTERRUPTED = 1, 2, 130
MOST_SAID = 500
"""Most characters of an unexpected error to show. The file contains all of it."""


def run_id() -> str | None:
    """Return the id of the run that `mlflow run` created for this command, if any."""
    return os.environ.get("MLFLOW_RUN_ID")


def exit_code(verb: Callable[[], None]) -> int:
    """Run a verb and return its exit code: 2 for a user's mistake, which is shown in one line."""
    try:
        install_stops()
        steady_console()
        return _outcome(verb)
    except KeyboardInterrupt:
        return _stopped()
    except Exception as error:
        if was_stopped():
            return _stopped()  # a library has turned the interrupt into an error of its own
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
    """Print the line first, because marking the run as failed takes seconds."""
    print(f"finscale: {error.line}", file=sys.stderr, flush=True)
    _mark_failed(error)
    return USER_ERROR


def _unexpected(error: Exception) -> int:
    """Print an unexpected error in one line, with the file that contains its traceback."""
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
    print("finscale: stopped. The same command continues from here.", file=sys.stderr, flush=True)
    return INTERRUPTED


def _mark_failed(error: FinscaleError) -> None:
    run = run_id()
    if run and not would_make_store(os.environ.get("MLFLOW_TRACKING_URI", "")):
        from finscale.tracking import mark_failed  # takes seconds: not before the line is printed

        mark_failed(run, error)
