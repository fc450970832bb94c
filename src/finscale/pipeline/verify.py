"""`verify`: checks this machine, its packages, the tracking store and the data."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from finscale.config import (
    CONFIGS,
    DataError,
    FinscaleError,
    VerifyConfig,
    counted,
    read_pins,
    without_passwords,
    would_make_store,
)
from finscale.market import verify_store
from finscale.pipeline.running import Line, Listen, on_terminal, shown
from finscale.training import available_memory_bytes, pick_device

MIN_PYTHON = (3, 11)
GIB = 2**30
# The demo study needs less than half of each.
MIN_MEMORY_GIB, MIN_DISK_GIB = 2.0, 2.0
N_NAMED = 3


@dataclass(frozen=True)
class Check:
    """Result of one check: its name, whether it passed, and what was found."""

    name: str
    is_right: bool
    seen: str


@shown
def verify(config: VerifyConfig, *, listen: Listen = on_terminal) -> None:
    """Run all checks, report each result, and fail at the end if any check failed.

    Raises
    ------
    DataError
        If a check failed.
    """
    wrong: list[Check] = []
    n_checks = 0
    for check in _checks(config):
        n_checks += 1
        listen(Line(f"{'ok   ' if check.is_right else 'WRONG'} {check.name}: {check.seen}"))
        wrong += [] if check.is_right else [check]
    if wrong:
        named = [f"{check.name}: {check.seen}" for check in wrong[:N_NAMED]]
        more = [f"{len(wrong) - N_NAMED} more"] if len(wrong) > N_NAMED else []
        raise DataError(
            f"{len(wrong)} of {n_checks} checks",
            expected="every check to pass",
            got="; ".join([*named, *more]),
            todo="Correct what the lines above mark as WRONG.",
        )
    listen(Line(f"Nothing is wrong ({counted(n_checks, 'check')})."))


def _checks(config: VerifyConfig) -> Iterator[Check]:
    if config.part == "all":
        yield _python()
        yield from _packages()
        yield _device()
        yield _memory()
        for what, folder in (("data", config.data_root), ("artifacts", Path("mlruns"))):
            yield _disk(what, folder)
            yield _writing(what, folder)
        yield from _store()
    yield from _data(config.data_root)


def _python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", sys.version_info >= MIN_PYTHON, f"{found}, 3.11 or newer is needed")


def _packages() -> Iterator[Check]:
    """Compare every package with its pin: one check per difference, and one for the rest."""
    pins = read_pins(CONFIGS.parent / "conda.yaml")
    found = {name: _installed(name) for name in pins}
    # torch appends its build to the version: 2.13.0+cpu.
    other = [name for name, wanted in pins.items() if found[name].partition("+")[0] != wanted]
    for name in other:
        yield Check(f"package {name}", False, f"{found[name]}, pinned {pins[name]}")
    yield Check("packages", True, f"{_rest(len(pins), len(other))} as pinned")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _device() -> Check:
    import torch  # takes seconds to import; `part=data` does not need it

    device = pick_device("auto")
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{psutil.cpu_count()} cores"
    return Check("device", True, f"{device.type}, {name}, {torch.get_num_threads()} threads")


def _memory() -> Check:
    device = pick_device("auto")
    free = available_memory_bytes(device) / GIB
    seen = f"{free:.1f} GiB free, {MIN_MEMORY_GIB:g} needed"
    return Check(f"memory of {device.type}", free >= MIN_MEMORY_GIB, seen)


def _disk(what: str, folder: Path) -> Check:
    free = shutil.disk_usage(_nearest(folder)).free / GIB
    seen = f"{free:.1f} GiB free for {folder}, {MIN_DISK_GIB:g} needed"
    return Check(f"disk for {what}", free >= MIN_DISK_GIB, seen)


def _writing(what: str, folder: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            return Check(f"writing of {what}", True, str(folder.resolve()))
    except OSError as error:
        return Check(f"writing of {what}", False, f"{folder}: {error.strerror}")


def _nearest(folder: Path) -> Path:
    """Return the folder or its nearest existing parent. No folder is created."""
    return next(path for path in (folder, *folder.resolve().parents) if path.exists())


def _store() -> Iterator[Check]:
    from finscale.tracking import (  # imports MLflow; `part=data` does not need it
        check_store,
        faults_of_artifacts,
        find_experiment,
        store_address,
    )

    address, name = store_address(), "tracking store"
    if would_make_store(address):
        yield Check(name, True, f"{address} is made by the first command")
        return
    try:
        check_store()
        find_experiment()
        faults = faults_of_artifacts()
    except FinscaleError as error:
        yield Check(name, False, error.line.removeprefix(f"{name} "))
        return
    yield Check(name, True, f"{without_passwords(address)} answers")
    for fault in faults:
        yield Check("artifacts", False, fault.line.removeprefix("artifacts of "))


def _data(root: Path) -> Iterator[Check]:
    """Check every data file: one check per file with a remark, and one for the rest."""
    verified = verify_store(root)
    for entry in verified:
        if entry.reason:
            yield Check(f"data {entry.name}", entry.ok, entry.reason)
    n_wrong = sum(not entry.ok for entry in verified)
    rest = f"{_rest(len(verified), n_wrong)} below {root} as the manifest says"
    seen = rest if verified else f"nothing below {root}"
    yield Check("data", True, seen)


def _rest(n: int, n_wrong: int) -> str:
    return f"the other {n - n_wrong}" if n_wrong else f"all {n}"
