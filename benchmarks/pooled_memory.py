"""What a pooled universe takes: 25 tickers of 8,000 sessions with the 505 columns of a500.

    OMP_NUM_THREADS=1 python benchmarks/pooled_memory.py

The universe is drawn (source `synthetic`). Files are prepared in one process, and what a model is
trained on is made of them in another; each says its peak after every step. A table for
docs/benchmarks.md; the last column is what the design allows 1 GiB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
N_TICKERS, TIER = 25, "a500"
# 8,000 days from Monday to Friday.
START, END = date(1988, 5, 3), date(2018, 12, 31)
HEAD = "| process | after | s | peak, MiB | above the imports, MiB |"


def main() -> None:
    print(f"{HEAD}\n{'|---' * 5}|", flush=True)
    with TemporaryDirectory() as folder:
        for part in ("prepare", "load"):
            command = [sys.executable, __file__, part, folder]
            subprocess.run(command, check=True, cwd=folder, env=os.environ | {"PYTHONPATH": ""})


class Peak:
    """Says the highest memory of this process so far, step by step."""

    def __init__(self, process: str) -> None:
        self.process, self.at_first, self.began = process, 0, time.perf_counter()

    def say(self, step: str) -> None:
        # VmHWM and not ru_maxrss, into which Linux counts the process that started this one.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
        peak = int(line.split()[1]) / 1024
        self.at_first = self.at_first or peak
        seconds, above = time.perf_counter() - self.began, peak - self.at_first
        numbers = f"{seconds:.1f} | {peak:,.0f} | {above:,.0f}"
        print(f"| {self.process} | {step} | {numbers} |", flush=True)
        self.began = time.perf_counter()


def child(part: str, folder: Path) -> None:
    """Do one part in this process, whose imports are counted first."""
    peak = Peak(part)
    sys.path.insert(0, str(ROOT))
    import entrypoints  # noqa: F401  (puts src on the path, silences chatter)
    from finscale.config import Floors, HpoConfig, Universe
    from finscale.dataset import prepare_inputs
    from finscale.market import prepare_raw
    from finscale.pipeline.problem.data import load_problem
    from finscale.pipeline.problem.fitting import samples

    tickers = tuple(f"DRAWN{number}" for number in range(N_TICKERS))
    universe = Universe.model_validate(
        {
            "name": "drawn",
            "source": "synthetic",
            "synthetic": {},
            "target": tickers[0],
            "tickers": tickers,
            "start": START,
            "train_end": date(2012, 12, 31),
            "validation_end": date(2015, 12, 31),
            "end": END,
        }
    )
    peak.say("imports")
    if part == "prepare":
        now = datetime.now(UTC)
        prepare_raw(universe, folder, now=now)
        peak.say("raw files")
        prepare_inputs(universe, TIER, "daily", folder, now=now)
        peak.say("inputs")
        return
    config = HpoConfig(universe=universe, feature_tier=TIER, data_root=folder)
    data = load_problem(config, Floors(), lambda _: None)
    peak.say("`load_problem`")
    at = data.search.at
    train, validation = (samples(data, data.search, part, 60) for part in (at.train, at.validation))
    assert train.values_TC.data_ptr() == validation.values_TC.data_ptr()
    rows, columns = train.values_TC.shape
    peak.say(f"samples: {rows:,} × {columns} float32, {len(train):,} for training")


if __name__ == "__main__":
    child(sys.argv[1], Path(sys.argv[2])) if sys.argv[1:] else main()
