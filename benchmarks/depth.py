"""Whether deep models train: the first 200 steps of 4, 32, 96 and 192 layers at 2M parameters.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/depth.py results.jsonl [seed ...]

Real training steps on the bundled index (`threshold_1pct` at h=1, tier a20): batches of 64, AdamW,
clipping, a warm-up of 100 steps and then the cosine of 30 epochs. Each shape trains with three
learning rates of the space, and with the residual branches as they are initialised or with their
outputs scaled by 1/sqrt(2 n_layers) (Radford et al. 2019, section 2.3). Each run becomes a line of
the results file, and is not repeated if it stands there already. At the end the tables are printed,
and the figure for docs/benchmarks.md is drawn beside the results file.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

import entrypoints  # noqa: E402, F401  (puts src on the path, silences chatter)
from finscale.config import Floors, Problem  # noqa: E402
from finscale.model import Architecture, PatchTST, architectures, count_params  # noqa: E402
from finscale.pipeline.problem import load_problem  # noqa: E402
from finscale.pipeline.problem.fitting import samples  # noqa: E402
from finscale.training import Samples, bce_loss, learning_rate_factor, predict  # noqa: E402

LAYERS, RATES = (4, 32, 96, 192), (3e-4, 1e-3, 1e-4)
N_STEPS, BATCH, WARM_UP, EPOCHS = 200, 64, 100, 30
DROPOUT, DECAY, CLIP = 0.1, 1e-3, 1.0
SMOOTH = 20
COLOURS = dict(zip(LAYERS, ("#0072B2", "#009E73", "#8C6D00", "#D55E00"), strict=True))

Line = dict[str, Any]


def main(path: Path, seeds: list[int]) -> None:
    torch.set_num_threads(1)
    train, validation = parts()
    for seed, rate, layers, scaled in product(seeds, RATES, LAYERS, (False, True)):
        key = {"seed": seed, "rate": rate, "layers": layers, "scaled": scaled}
        if not any(key.items() <= line.items() for line in lines(path)):
            line = key | trained(layers, rate, seed, train, validation, scaled=scaled)
            with path.open("a", encoding="utf-8") as file:
                print(json.dumps(line), file=file)
    print(table(lines(path)))
    draw(lines(path), path.with_suffix(".png"))


def parts() -> tuple[Samples, Samples]:
    """Return the scaled samples for training and for validation."""
    with TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        data = load_problem(Problem(data_root=Path(folder)), Floors(), lambda _: None)
        at, length = data.search.at, data.problem.context_length
        return tuple(samples(data, data.search, each, length) for each in (at.train, at.validation))


def shape(layers: int, n_channels: int) -> Architecture:
    """Return the architecture of this depth that is nearest to 2M parameters."""
    found = architectures(2_000_000, n_channels=n_channels, pins={"n_layers": layers, "n_heads": 4})
    return min(found, key=lambda arch: abs(math.log(count_params(arch).total / 2e6)))


def trained(
    layers: int, rate: float, seed: int, train: Samples, validation: Samples, *, scaled: bool
) -> Line:
    """Train for `N_STEPS` steps; return losses, norms of gradients, and seconds."""
    torch.manual_seed(seed)
    arch = shape(layers, train.values_TC.shape[1])
    model = PatchTST(Architecture(**{**vars(arch), "dropout": DROPOUT}))
    if scaled:
        scale_residuals(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=DECAY)
    total = EPOCHS * math.ceil(len(train) / BATCH)
    losses, norms, began = [], [], time.perf_counter()
    batches = [each for _ in range(5) for each in torch.randperm(len(train)).split(BATCH)]
    for step in range(N_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = rate * learning_rate_factor(step, WARM_UP, total)
        which_B = batches[step]
        loss = bce_loss(model(train.windows(which_B)), train.labels_N[which_B]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)))
        optimiser.step()
        losses.append(float(loss.detach()))
    seconds = time.perf_counter() - began
    outputs_NK = predict(model, validation)
    print(f"{layers} layers, rate {rate}, scaled {scaled}: {seconds:.0f} s", file=sys.stderr)
    return {
        "width": arch.d_model,
        "n_params": count_params(arch).total,
        "losses": losses,
        "norms": norms,
        "val_loss": float(bce_loss(outputs_NK, validation.labels_N).mean()),
        "val_std": float(outputs_NK.sigmoid().std()),
        "prior": prior_loss(train, validation),
        "seconds": seconds,
    }


def scale_residuals(model: PatchTST) -> None:
    """Scale what both branches of each layer add to the residual stream."""
    factor = 1 / math.sqrt(2 * len(model.layers))
    with torch.no_grad():
        for layer in model.layers:
            for last in (layer.attention_out, layer.feed_forward[-1]):
                for weight in last.parameters():
                    weight *= factor


def prior_loss(train: Samples, validation: Samples) -> float:
    """Return the validation loss of a constant forecast: the share of ones in training."""
    p = float(train.labels_N.mean())
    share = float(validation.labels_N.mean())
    return -share * math.log(p) - (1 - share) * math.log(1 - p)


def lines(path: Path) -> list[Line]:
    return list(map(json.loads, path.read_text("utf-8").splitlines())) if path.exists() else []


def table(runs: list[Line]) -> str:
    """Return a table with a row for each depth and rate; means over seeds."""
    rows = [
        "| layers × width | parameters | rate | training loss of the last 20 steps, scaled "
        "| validation loss, scaled | largest norm of gradients, scaled | seeds |",
        "|---" * 7 + "|",
    ]
    for layers, rate in product(LAYERS, sorted(RATES)):
        mine = [run for run in runs if (run["layers"], run["rate"]) == (layers, rate)]
        if mine:
            size = f"{layers} × {mine[0]['width']} | {mine[0]['n_params']:,} | {rate:g}"
            losses = f"{both(mine, last_loss, '.4f')} | {both(mine, validation_loss, '.4f')}"
            n_seeds = len({run["seed"] for run in mine})
            rows.append(f"| {size} | {losses} | {both(mine, largest_norm, '.1f')} | {n_seeds} |")
    return "\n".join([*rows, f"prior: {runs[0]['prior']:.4f} nats in validation"])


def both(runs: list[Line], of: Callable[[Line], float], how: str) -> str:
    """Write the mean of a number over seeds, without and with scaling."""
    parts = [[of(run) for run in runs if run["scaled"] == scaled] for scaled in (False, True)]
    return ", ".join(format(statistics.fmean(each), how) if each else "–" for each in parts)


def last_loss(run: Line) -> float:
    return statistics.fmean(run["losses"][-SMOOTH:])


def validation_loss(run: Line) -> float:
    return float(run["val_loss"])


def largest_norm(run: Line) -> float:
    return float(max(run["norms"]))


def draw(runs: list[Line], path: Path) -> None:
    """Draw the training losses of the first seed, smoothed, one panel for each learning rate."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(RATES), sharey=True)
    for axes, rate in zip(panels, sorted(RATES), strict=True):
        axes.set_title(f"peak learning rate {rate:g}", loc="left", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
        axes.set_xlabel("step", fontsize=9)
        for run in runs:
            if run["rate"] == rate and run["seed"] == runs[0]["seed"]:
                axes.plot(
                    range(SMOOTH, N_STEPS + 1),
                    smoothed(run["losses"]),
                    color=COLOURS[run["layers"]],
                    linestyle=":" if run["scaled"] else "-",
                    linewidth=1.3,
                    label=f"{run['layers']} layers{', scaled' if run['scaled'] else ''}",
                )
    panels[0].set_ylabel(f"training loss, nats (mean of {SMOOTH} steps)", fontsize=9)
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.savefig(path)


def smoothed(losses: list[float]) -> list[float]:
    return [statistics.fmean(losses[end - SMOOTH : end]) for end in range(SMOOTH, len(losses) + 1)]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [int(seed) for seed in sys.argv[2:]] or [1])
