"""Bounds of the numbers that a user may give; a number outside them is a typing error.

The bounds are wide: nobody who trains such models comes near them. They are part of no identity.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

# Below 1e-8, a weight of 1 does not change in float32; above 1, AdamW's steps are as large as the
# weights.
LearningRate = Annotated[float, Field(ge=1e-8, le=1)]
# A search draws on a logarithmic scale, which has no zero; a pinned value may be 0.
DrawnDecay = Annotated[float, Field(ge=1e-10, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, le=0.95)]
Width = Annotated[int, Field(ge=1, le=65_536)]
FeedForward = Annotated[int, Field(ge=1, le=1_048_576)]
Depth = Annotated[int, Field(ge=1, le=1_024)]
Heads = Annotated[int, Field(ge=1, le=1_024)]
Ratio = Annotated[int, Field(ge=1, le=64)]
WarmUp = Annotated[int, Field(ge=1, le=1_000_000)]
BatchSize = Annotated[int, Field(ge=1, le=65_536)]
Trials = Annotated[int, Field(ge=1, le=100_000)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]
# No training has more steps; 0 means no limit.
MostSteps = Annotated[int, Field(ge=0, le=1_000_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[int, Field(ge=1, le=1_000)]
# The digests of all chosen configurations fit into one tag, which holds 8,000 characters.
Chosen = Annotated[int, Field(ge=1, le=100)]
Horizon = Annotated[int, Field(ge=1, le=250)]
BlockCount = Annotated[int, Field(ge=2, le=50)]
Context = Annotated[int, Field(ge=2, le=2_000)]
Patch = Annotated[int, Field(ge=1, le=2_000)]
# 1e-5 is a tenth of a basis point: less than a tick of any market.
Rise = Annotated[float, Field(ge=1e-5, lt=1)]
# Percent; below a thousandth nothing is left of any training part.
Share = Annotated[float, Field(ge=0.1, le=100)]
Shuffled = Annotated[int, Field(ge=1, le=2_500)]
# The smallest slope that matters, as a share of the loss; no study can detect less than 1e-6.
Delta = Annotated[float, Field(ge=1e-6, lt=1)]
# One year in seconds: no process lasts longer.
Timeout = Annotated[int, Field(ge=0, le=31_536_000)]
Side = Annotated[int, Field(ge=0, le=64)]
Devices = Annotated[int, Field(ge=1, le=64)]
# No processor survives more than 150 degrees, and every room has less than 30.
Celsius = Annotated[float, Field(ge=30, le=150)]
Pause = Annotated[float, Field(gt=0, le=3_600)]
Gibibytes = Annotated[float, Field(ge=1e-6, le=1_000_000)]
# Strict, because YAML reads `yes` as true, which would be accepted as a floor of 1.
Floor = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        raise ValueError("low < high")
    return bounds


Ordered = AfterValidator(_ordered)
RateBounds = Annotated[tuple[LearningRate, LearningRate], Ordered]
DecayBounds = Annotated[tuple[DrawnDecay, DrawnDecay], Ordered]
DropoutBounds = Annotated[tuple[Dropout, Dropout], Ordered]
