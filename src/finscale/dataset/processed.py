"""Processed inputs on disk: features of the target, stationary, in natural scale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from finscale.config import Universe, unknown
from finscale.dataset.features import FEATURE_VERSION, build_features
from finscale.dataset.normalise import to_stationary
from finscale.market import (
    Entry,
    bars_sha256,
    file_sha256,
    load_bars,
    lock,
    raw_name,
    read_manifest,
    record_file,
    verify_file,
    write_parquet,
)

TIMESCALES = ("daily",)


@dataclass(frozen=True, eq=False)
class PreparedInputs:
    """What a model's windows are cut from.

    Attributes
    ----------
    frame : DataFrame, shape (T, C)
        Stationary features, not scaled, on the index of the bars; NaN only in the warm-up.
    path : Path
        The Parquet file that holds it.
    data_sha256 : str
        Digest of the target's raw bars: the tag ``finscale.data_sha256``.
    dataset_sha256 : str
        Digest of what the frame is made from: the tag ``finscale.dataset_sha256``.
    fresh : bool
        Whether this call built the file; else it was up to date.
    """

    frame: pd.DataFrame
    path: Path
    data_sha256: str
    dataset_sha256: str
    fresh: bool


def prepare_inputs(
    universe: Universe, tier: str, timescale: str, root: Path, *, now: datetime
) -> PreparedInputs:
    """Return the target's inputs, from the file that an earlier call wrote or built anew.

    The file is ``root/processed/<universe>-<timescale>-<tier>-<first 12 of the digest>.parquet``.

    Raises
    ------
    ConfigError
        If the tier or the timescale is unknown.
    DataError
        If the bars are not stored or too few, or the file is not the one in the manifest.
    """
    if timescale not in TIMESCALES:
        raise unknown("timescale", timescale, TIMESCALES)
    bars = load_bars(universe, root)
    data = bars_sha256(bars, universe.end)
    dataset = dataset_sha256({universe.target: data}, tier, timescale)
    name = f"processed/{universe.name}-{timescale}-{tier}-{dataset[:12]}.parquet"
    with lock(root):
        entry = read_manifest(root).get(name)
        # A file without an entry is what an interruption between the two writes left behind.
        fresh = entry is None or not (root / name).exists()
        if entry is None or fresh:
            frame = to_stationary(build_features(bars, tier), tier)
            _store(frame, universe, name, dataset, root, now)
        else:
            todo = f"Delete {root / name}: the next run builds it anew."
            frame = pd.read_parquet(verify_file(root, name, entry, todo))
    return PreparedInputs(frame, root / name, data, dataset, fresh)


def dataset_sha256(
    data_digests: Mapping[str, str],
    tier: str,
    timescale: str,
    feature_version: str = FEATURE_VERSION,
) -> str:
    """Digest what determines the inputs: the same on every platform, unlike the inputs' bits.

    Parameters
    ----------
    data_digests : mapping of ticker to `bars_sha256`
    """
    keys = {
        "data": dict(data_digests),
        "feature_tier": tier,
        "feature_version": feature_version,
        "timescale": timescale,
    }
    canonical = json.dumps(keys, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _store(
    frame: pd.DataFrame, universe: Universe, name: str, dataset: str, root: Path, now: datetime
) -> None:
    write_parquet(frame, root / name)
    entry = Entry(
        sha256=file_sha256(root / name),
        values_sha256=dataset,
        rows=len(frame),
        first=f"{frame.index[0]:%Y-%m-%d}",
        last=f"{frame.index[-1]:%Y-%m-%d}",
        source=raw_name(universe, universe.target),
        start=universe.start.isoformat(),
        end=universe.end.isoformat(),
        retrieved=now.isoformat(timespec="seconds"),
    )
    record_file(root, name, entry)
