"""Recipe of a model: architecture and training parameters, with conversion to and from params."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from finscale.config import (
    ARCHITECTURE_AXES,
    TRAINING_AXES,
    WINDOW_AXES,
    Precision,
    SearchConfig,
    format_size,
)
from finscale.model import Architecture, count_params
from finscale.pipeline.problem.data import ProblemData
from finscale.search import Params, shape_of
from finscale.tracking import fingerprint

if TYPE_CHECKING:
    from finscale.training import FitSettings

_NEWER = {"max_steps": 0, "precision": "float32"}
"""Params added in later versions, with the values that older results had."""


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a model on given data, except the seed."""

    arch: Architecture
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    batch_size: int
    epochs: int
    max_steps: int = 0
    precision: Precision = "float32"

    def params(self) -> dict[str, Any]:
        """Return the params to log. They are exact: `from_params` restores the recipe."""
        known = vars(self.arch) | vars(self)
        names = (*WINDOW_AXES, *ARCHITECTURE_AXES, *TRAINING_AXES, "epochs", *_NEWER)
        return {name: known[name] for name in names}

    def search_params(self) -> Params:
        """Return the recipe as a point of the search space."""
        mine = self.params()
        return {**shape_of(self.arch), **{name: mine[name] for name in TRAINING_AXES}}

    def settings(self, seed: int) -> FitSettings:
        """Return the settings to train it with one seed."""
        from finscale.training import FitSettings  # imports torch; most recipes are only read

        return FitSettings(
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup_steps=self.warmup_steps,
            batch_size=self.batch_size,
            seed=seed,
            max_steps=self.max_steps,
            precision=self.precision,
        )

    def fingerprint(self, kind: str, data: ProblemData, seed: int | None = None) -> str:
        """Return a digest of everything that changes the result of its training.

        Window lengths are left out if they are the problem's, whose name contains them, and
        params added in later versions at their defaults.
        """
        mine = self.params()
        usual = {name: getattr(data.problem, name) for name in WINDOW_AXES} | _NEWER
        apart = {name: None for name, value in usual.items() if mine[name] == value}
        return fingerprint(kind, **data.identity(), **(mine | apart), seed=seed)


def precision_of(config: SearchConfig) -> Precision:
    """Return the precision in which models are trained with these options on this machine."""
    from finscale.training import resolve_precision

    return resolve_precision(config.precision, config.device)


def from_params(params: Mapping[str, Any], template: Architecture, config: SearchConfig) -> Recipe:
    """Create a recipe from a point of the search space or from a run's params.

    Parameters
    ----------
    template : Architecture
        Architecture from which the numbers of channels and outputs are taken.
    """
    width = int(params["d_model"])
    d_ff = int(params["d_ff"]) if "d_ff" in params else round(params["ff_ratio"] * width)
    patch_length = int(params.get("patch_length", config.patch_length))
    arch = replace(
        template,
        context_length=int(params.get("context_length", config.context_length)),
        patch_length=patch_length,
        patch_stride=patch_stride(config, patch_length),
        d_model=width,
        n_layers=int(params["n_layers"]),
        n_heads=int(params["n_heads"]),
        d_ff=d_ff,
        dropout=float(params["dropout"]),
        revin=bool(params["revin"]),
    )
    return Recipe(
        arch=arch,
        learning_rate=float(params["learning_rate"]),
        weight_decay=float(params["weight_decay"]),
        warmup_steps=int(params["warmup_steps"]),
        batch_size=int(params["batch_size"]),
        epochs=config.epochs,
        max_steps=config.max_steps,
        precision=precision_of(config),
    )


def patch_stride(config: SearchConfig, patch_length: int) -> int:
    """Return the stride of patches: the problem's, or half a patch if the length differs."""
    usual = patch_length == config.patch_length
    return config.patch_stride if usual else max(1, patch_length // 2)


def architecture_name(arch: Architecture) -> str:
    """Return the name of an architecture: size, width × depth, and heads."""
    return shape_name(count_params(arch).total, arch.d_model, arch.n_layers, arch.n_heads)


def shape_name(n_params: int, d_model: int, n_layers: int, n_heads: int) -> str:
    """Return the name of an architecture from its numbers."""
    return f"{format_size(n_params)} d{d_model}×{n_layers} h{n_heads}"


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as dicts."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
