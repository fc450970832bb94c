"""How fast each budget trains on an accelerator, and how much memory it takes there.

Of each budget the architecture of middle cost, 25 channels, 60 bars, batches of 64: forward,
backward, clipping and AdamW, float32. Memory is beside what `training_memory_bytes` foretells, by
which a budget that does not fit is refused.

    python benchmarks/gpu_training.py            # 2M 20M 200M 2B
    python benchmarks/gpu_training.py 2M 20M
"""

from __future__ import annotations

import statistics
import sys
import time

import torch

from finscale.config import format_budget, parse_budget
from finscale.model import (
    Architecture,
    PatchTST,
    architectures,
    count_params,
    forward_flops,
    training_memory_bytes,
)
from finscale.training import bce_loss, pick_device

BATCH, N_CHANNELS = 64, 25
WARM, TIMED = 3, 12


def middle(budget: int) -> Architecture:
    by_cost = sorted(architectures(budget, n_channels=N_CHANNELS), key=forward_flops)
    return by_cost[len(by_cost) // 2]


def seconds_a_step(arch: Architecture, device: torch.device) -> float:
    """Train for a moment; return the median step."""
    torch.manual_seed(1)
    model = PatchTST(arch).to(device)
    optimiser = torch.optim.AdamW(model.parameters())
    x_BLC = torch.randn(BATCH, arch.context_length, arch.n_channels, device=device)
    y_B = torch.randint(0, 2, (BATCH,), device=device).float()
    taken = []
    for _ in range(WARM + TIMED):
        started = time.perf_counter()
        loss = bce_loss(model(x_BLC), y_B)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        float(loss.detach())  # waits for the accelerator
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[WARM:])


def main() -> None:
    device = pick_device("auto")
    name = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    print(f"{name}, torch {torch.__version__}\n")
    print("| budget | parameters | layers × width | samples/s | TFLOP/s | GiB at most | foretold |")
    print("|---|---|---|---|---|---|---|")
    for text in sys.argv[1:] or ["2M", "20M", "200M", "2B"]:
        arch = middle(parse_budget(text))
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        seconds = seconds_a_step(arch, device)
        rate = 3 * forward_flops(arch) * BATCH / seconds / 1e12
        peak = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else float("nan")
        step = training_memory_bytes(arch, BATCH, device_type=device.type, keeps_gradients=True)
        told = step / 2**30
        print(
            f"| {format_budget(parse_budget(text))} | {count_params(arch).total:,} "
            f"| {arch.n_layers} × {arch.d_model} | {BATCH / seconds:,.0f} | {rate:.2f} "
            f"| {peak:.2f} | {told:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
