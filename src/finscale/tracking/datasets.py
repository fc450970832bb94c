"""Datasets of a run: records name and digest, so that the UI shows the data behind a result."""

from __future__ import annotations

import json

from mlflow.entities import Dataset, DatasetInput, InputTag

from finscale.tracking.runs import Run
from finscale.tracking.store import open_client

_DIGEST_LENGTH = 36  # MLflow refuses longer ones


def log_inputs(run: Run, *, name: str, sha256: str, source: str, contexts: tuple[str, ...]) -> None:
    """Record a dataset as the input of a run, once for each context (training, validation).

    The context is part of the name, because MLflow keeps one input per name and digest.
    """
    inputs = [
        DatasetInput(
            Dataset(
                name=f"{name}-{context}",
                digest=sha256[:_DIGEST_LENGTH],
                source_type="local",
                source=json.dumps({"uri": source}),
            ),
            [InputTag("mlflow.data.context", context)],
        )
        for context in contexts
    ]
    open_client().log_inputs(run.run_id, inputs)
