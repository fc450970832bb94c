"""Names of the hyperparameters, and the default window of a model."""

from __future__ import annotations

CONTEXT_LENGTH, PATCH_LENGTH, PATCH_STRIDE = 60, 10, 5
"""Bars that a model sees, bars in a patch, and bars from one patch to the next."""

WINDOW_AXES = ("context_length", "patch_length", "patch_stride")
ARCHITECTURE_AXES = ("d_model", "n_layers", "n_heads", "d_ff")
TRAINING_AXES = ("learning_rate", "weight_decay", "warmup_steps", "dropout", "batch_size", "revin")
