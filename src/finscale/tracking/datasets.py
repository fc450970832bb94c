"""Datasets of a run: name and digest, so that the UI shows what a result was computed from."""

from __future__ import annotations

import json

from mlflow.entities import Dataset, DatasetInput, InputTag

from finscale.tracking.runs import Run
from finscale.tracking.store import open_client

_DIGEST_LENGTH = 36  # longer ones are refused


def log_inputs(run: Run, *, name: str, sha256: str, source: str, contexts: tuple[str, ...]) -> None:
    """Record a dataset as the input of a run, once for each context (training, validation).

    The context is part of the name: MLflow keeps one input for a name and digest.
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
