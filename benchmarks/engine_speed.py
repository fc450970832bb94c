"""How fast the training engine is beside a plain loop of PyTorch, and beside what a device can do.

One script for the CPU and for CUDA. Peers in the same run, in turns (A B A B):

- *plain*: `nn.TransformerEncoder` with our patches, `Dataset` and `DataLoader`, AdamW, autocast
  where ours takes bfloat16; the threads that torch takes by itself.
- *HF*: `PatchTSTForClassification` of Hugging Face transformers of the same widths; it computes
  each channel apart, and so has 25 times as many tokens.
- *eager*: our `fit` without an engine (`compile=false`); *one*: with the engine that it takes.
- *seeds*: four seeds (eight on CUDA) as `train` trains them: in one program where that pays, and on
  the CPU in as many processes as there are cores.

    python benchmarks/engine_speed.py                  # sizes for this device
    python benchmarks/engine_speed.py --quick          # small sizes, a minute: what CI runs
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from finscale.model import Architecture, PatchTST, count_params, forward_flops
from finscale.training import (
    FitSettings,
    Member,
    Samples,
    Signal,
    autocast,
    fit_together,
    make_samples,
    matrix_flops_per_second,
    measure_gain,
    pick_device,
    resolve_precision,
    threads_of,
)

N_CHANNELS, CONTEXT, ROUNDS = 25, 60, 3
N_SEEDS = {"cpu": 4, "cuda": 8}
BUDGET_S = 4.0
"""Seconds that each way gets in a round, about."""


@dataclass(frozen=True)
class Case:
    """A model to train."""

    name: str
    arch: Architecture
    batch_size: int


def case(name: str, width: int, depth: int, heads: int, hidden: int, batch_size: int = 64) -> Case:
    arch = Architecture(
        n_channels=N_CHANNELS,
        d_model=width,
        n_layers=depth,
        n_heads=heads,
        d_ff=hidden,
        dropout=0.1,
    )
    return Case(name, arch, batch_size)


SMALL = (case("32K", 32, 2, 4, 128), case("200K", 64, 4, 4, 256))
ON_CPU = (*SMALL, case("2M", 192, 4, 8, 768), case("2M deep", 48, 96, 8, 96))
LARGE_ON_CPU = (case("20M", 512, 6, 8, 2048),)
ON_CUDA = (
    *ON_CPU,
    case("20M", 768, 4, 8, 1536),
    case("200M", 2048, 4, 16, 8192),
    case("200M", 2048, 4, 16, 8192, 256),
    case("2B", 2048, 40, 16, 8192),
    case("2B", 2048, 40, 16, 8192, 256),
)


# The peers.


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """Windows as a plain project would cut them."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        last = int(self.samples.positions_N[place])
        return self.samples.values_TC[last - CONTEXT + 1 : last + 1], self.samples.labels_N[place]


class Plain(nn.Module):
    """PatchTST of PyTorch's own parts."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.arch = arch
        self.embedding = nn.Linear(arch.patch_length * arch.n_channels, arch.d_model)
        self.position = nn.Parameter(torch.randn(arch.n_patches, arch.d_model) * 0.02)
        layer = nn.TransformerEncoderLayer(
            arch.d_model,
            arch.n_heads,
            arch.d_ff,
            arch.dropout,
            "gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, arch.n_layers, enable_nested_tensor=False)
        self.head = nn.Linear(arch.n_patches * arch.d_model, 1)

    def forward(self, x_BLC: Tensor) -> Tensor:
        patches = x_BLC.unfold(1, self.arch.patch_length, self.arch.patch_stride).flatten(2)
        logits: Tensor = self.head(
            self.encoder(self.embedding(patches) + self.position).flatten(1)
        ).squeeze(1)
        return logits


class HuggingFace(nn.Module):
    """Their PatchTST with our widths."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        from transformers import PatchTSTConfig, PatchTSTForClassification

        self.model = PatchTSTForClassification(
            PatchTSTConfig(
                num_input_channels=arch.n_channels,
                context_length=arch.context_length,
                patch_length=arch.patch_length,
                patch_stride=arch.patch_stride,
                d_model=arch.d_model,
                num_hidden_layers=arch.n_layers,
                num_attention_heads=arch.n_heads,
                ffn_dim=arch.d_ff,
                num_targets=1,
            )
        )

    def forward(self, x_BLC: Tensor) -> Tensor:
        logits: Tensor = self.model(past_values=x_BLC).prediction_logits[:, 0]
        return logits


def peer_rate(model: nn.Module, one: Case, device: torch.device, precision: Any) -> float:
    """Train a peer for a while with a `DataLoader`; return samples per second."""
    model.to(device).train()
    loader = DataLoader(Windows(samples(3_260)), one.batch_size, shuffle=True, drop_last=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    began, n_seen = 0.0, -one.batch_size  # the first step is not counted
    while True:
        for x_BLC, y_B in loader:
            with autocast(device.type, precision):
                outputs_B = model(x_BLC.to(device))
            loss = functional.binary_cross_entropy_with_logits(outputs_B.float(), y_B.to(device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            float(loss.detach())  # as plain loops do, for their progress
            began = began or time.perf_counter()
            n_seen += one.batch_size
            seconds = time.perf_counter() - began
            if seconds > BUDGET_S and n_seen:
                return n_seen / seconds


# Ours.


def samples(n: int) -> Samples:
    rng = np.random.default_rng(1)
    values_TC = rng.normal(size=(n + CONTEXT, N_CHANNELS))
    labels_T = rng.integers(0, 2, n + CONTEXT).astype(float)
    return make_samples(values_TC, np.arange(CONTEXT, n + CONTEXT), labels_T, CONTEXT)


def our_rate(
    one: Case, n_models: int, n_steps: int, device_name: str, precision: Any, engine: Any = "auto"
) -> float:
    """Train models in one program with `fit_together`; return samples per second of all."""
    warnings.simplefilter("ignore")
    device = torch.device(device_name)
    train, validation = samples(one.batch_size * max(1, n_steps)), samples(1)
    train, validation = train.to(device), validation.to(device)
    settings = FitSettings(
        epochs=2, learning_rate=1e-4, weight_decay=0.0, warmup_steps=1,
        batch_size=one.batch_size, seed=1, precision=precision,
    )  # fmt: skip
    ends: list[float] = []

    def on_epoch(_: object) -> Signal:
        ends.append(time.perf_counter())
        return Signal.CONTINUE

    members = [Member(PatchTST(one.arch).to(device), seed, on_epoch) for seed in range(n_models)]
    fit_together(members, train, validation, settings, compile=engine)
    # The second epoch: without the choice of an engine and without first allocations.
    return n_models * len(train) / (ends[-1] - ends[-1 - n_models])


def seeds_rate(one: Case, n_steps: int, device: torch.device, precision: Any) -> float:
    """Train four seeds as `train` does: in one program where it pays, side by side on the CPU."""
    settings = FitSettings(
        epochs=1, learning_rate=1e-4, weight_decay=0.0, warmup_steps=1,
        batch_size=one.batch_size, seed=1, precision=precision,
    )  # fmt: skip
    is_small = threads_of(count_params(one.arch).total, 2) == 1
    n_workers = len(os.sched_getaffinity(0)) if device.type == "cpu" and is_small else 1
    n_together = -(-N_SEEDS[device.type] // n_workers)
    if not measure_gain(one.arch, settings, n_together, device).pays:
        n_together = 1
    if n_workers == 1:
        return our_rate(one, n_together, n_steps, device.type, precision)
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, context) as pool:
        list(pool.map(abs, range(n_workers)))  # starts them
        jobs = [
            pool.submit(our_rate, one, n_together, n_steps, device.type, precision)
            for _ in range(n_workers)
        ]
        return sum(job.result() for job in jobs)


def speeds(one: Case, device: torch.device, with_hf: bool) -> dict[str, float]:
    """Return samples per second of each way: medians over rounds, taken in turns."""
    precision = resolve_precision("auto", device.type)
    n_steps = planned_steps(one, device, precision)
    ways: dict[str, Callable[[], float]] = {
        "plain": lambda: peer_rate(Plain(one.arch), one, device, precision),
        "eager": lambda: our_rate(one, 1, n_steps, device.type, precision, "false"),
        "one": lambda: our_rate(one, 1, n_steps, device.type, precision),
        "seeds": lambda: seeds_rate(one, n_steps, device, precision),
    }
    if with_hf:
        ways["HF"] = lambda: peer_rate(HuggingFace(one.arch), one, device, precision)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            taken[name].append(way())
    return {name: statistics.median(rates) for name, rates in taken.items()}


def planned_steps(one: Case, device: torch.device, precision: Any) -> int:
    """Return the number of steps that take about `BUDGET_S`."""
    rate = our_rate(one, 1, 2, device.type, precision)
    return int(min(200, max(2, BUDGET_S * rate / one.batch_size)))


# What a device can do.


def gemm_seconds(one: Case) -> float:
    """Return the seconds of the matrix products of a step alone, forward and backward."""
    arch, total = one.arch, 0.0
    tokens = one.batch_size * arch.n_patches
    width, hidden = arch.d_model, arch.d_ff
    for inputs, outputs in ((width, 3 * width), (width, width), (width, hidden), (hidden, width)):
        x, weight = torch.randn(tokens, inputs), torch.randn(outputs, inputs)
        gradient = torch.randn(tokens, outputs)
        products: tuple[Callable[[], Tensor], ...] = (
            lambda x=x, weight=weight: x @ weight.T,  # type: ignore[misc]
            lambda gradient=gradient, weight=weight: gradient @ weight,  # type: ignore[misc]
            lambda gradient=gradient, x=x: gradient.T @ x,  # type: ignore[misc]
        )
        total += sum(least(product) for product in products)
    return total * arch.n_layers


def least(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(4):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def copy_bytes_per_second(device: torch.device) -> float:
    source = torch.empty(2**28, device=device)
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        torch.cuda.synchronize(device)

    return 2 * source.nbytes / least(copy)


def floor_seconds(one: Case, device: torch.device, precision: Any) -> float:
    """Return the least seconds of a step: its products, and the moves of AdamW."""
    flops = 3 * forward_flops(one.arch) * one.batch_size
    moved = 28 * count_params(one.arch).total  # weights, gradients, moments: read 16, written 12
    products = flops / matrix_flops_per_second(device, precision)
    return products + moved / copy_bytes_per_second(device)


def show_speeds(cases: tuple[Case, ...], device: torch.device, with_hf: bool) -> None:
    names = ("plain", "HF", "eager", "one", "seeds", "one / plain", "one / eager", "seeds / plain")
    print(f"| model | parameters | batch | {' | '.join(names)} |")
    print("|---" * 11 + "|")
    for one in cases:
        got = speeds(one, device, with_hf)
        theirs = f"{got['HF']:,.0f}" if "HF" in got else "–"
        print(
            f"| {one.name} | {count_params(one.arch).total:,} | {one.batch_size} "
            f"| {got['plain']:,.0f} | {theirs} | {got['eager']:,.0f} | {got['one']:,.0f} "
            f"| {got['seeds']:,.0f} | {got['one'] / got['plain']:.2f} "
            f"| {got['one'] / got['eager']:.2f} | {got['seeds'] / got['plain']:.2f} |",
            flush=True,
        )


def show_shares(cases: tuple[Case, ...], device: torch.device) -> None:
    """Show which share of what the device can do a step reaches."""
    precision = resolve_precision("auto", device.type)
    print("\n| model | batch | step, ms | least, ms | ratio | share of the matrix rate |")
    print("|---" * 6 + "|")
    for one in cases:
        n_steps = planned_steps(one, device, precision)
        step = one.batch_size / our_rate(one, 1, n_steps, device.type, precision)
        bound = gemm_seconds(one) if device.type == "cpu" else floor_seconds(one, device, precision)
        rate = 3 * forward_flops(one.arch) * one.batch_size / step
        share = rate / matrix_flops_per_second(device, precision)
        print(
            f"| {one.name} | {one.batch_size} | {step * 1e3:.2f} | {bound * 1e3:.2f} "
            f"| {step / bound:.2f} | {share:.0%} |",
            flush=True,
        )


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--hf", action="store_true", help="with Hugging Face's PatchTST")
    options = asked.parse_args()
    device = pick_device("auto")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{name}, {os.cpu_count()} cores, torch {torch.__version__}, {ROUNDS} rounds\n")
    if options.quick:
        show_speeds(SMALL[:1], device, with_hf=False)
        return
    cases = ON_CUDA if device.type == "cuda" else ON_CPU
    show_speeds(cases, device, options.hf)
    show_shares(cases if device.type == "cuda" else (*ON_CPU, *LARGE_ON_CPU), device)


if __name__ == "__main__":
    main()
