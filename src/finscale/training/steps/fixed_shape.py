"""Steps on batches of one shape, which can be captured as a CUDA graph and then replayed.

A deep, narrow model starts thousands of small operations in a step, and the time that the CPU takes
to start them limits the speed. A graph starts all of them at once: forward, backward, clipping,
and the update of the weights.

Legend: `M` models, `B` batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from finscale.training.inputs import Samples
from finscale.training.state import TrainingState
from finscale.training.steps.prediction import Look
from finscale.training.steps.steps import Step, set_rate

N_WARM = 3
Replay = Callable[[], object]
Capture = Callable[[Callable[[], None]], Replay]


class FixedShapeStep:
    """A step on batches that all have the same shape, in buffers that stay where they are.

    The last batch of an epoch is filled up with samples of weight 0, so its loss and gradients are
    exactly those of the smaller batch. Nothing is compiled anew for it, and the whole step can be
    captured.

    Parameters
    ----------
    states : sequence of TrainingState
        The states that `step` trains.
    capture : callable
        Captures a function, and returns a function that repeats what it did; `cuda_graph`, or
        `repeated`, which calls it again.
    """

    def __init__(
        self,
        step: Step,
        states: Sequence[TrainingState],
        batch_size: int,
        capture: Capture,
    ) -> None:
        device = states[0].device
        self._step = step
        self._which_MB = torch.zeros(len(states), batch_size, dtype=torch.int64, device=device)
        self._weights_B = torch.ones(batch_size, device=device)
        with _kept(step, states):
            self._replay = capture(self.learn_buffers)

    @property
    def optimiser(self) -> torch.optim.Optimizer:
        """The optimiser of the step."""
        return self._step.optimiser

    def __call__(self, which_MB: Tensor, rate: float) -> None:
        """Train each model on its own batch."""
        set_rate(self.optimiser, rate)
        self.learn(which_MB)

    def learn(self, which_MB: Tensor, weights_B: Tensor | None = None) -> None:
        """Train each model on its own batch at the rate that is set."""
        n_batch = which_MB.shape[1]
        self._which_MB.zero_()
        self._which_MB[:, :n_batch] = which_MB
        self._weights_B.zero_()
        self._weights_B[:n_batch] = 1.0 if weights_B is None else weights_B
        self._replay()

    def learn_buffers(self) -> None:
        """Train on the samples in the buffers: what is captured."""
        self._step.learn(self._which_MB, self._weights_B)

    def outputs(self, samples: Samples, look: Look) -> Tensor:
        """Return outputs_MNK of the models."""
        return self._step.outputs(samples, look)


def repeated(work: Callable[[], None]) -> Replay:
    """Return `work` itself, to be called for each batch."""
    return work


def cuda_graph(work: Callable[[], None]) -> Replay:
    """Capture `work` as a CUDA graph, and return the function that replays it.

    Before it is captured, it is executed a few times on a stream of its own, as PyTorch's "CUDA
    semantics" asks for.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(N_WARM):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


@contextmanager
def _kept(step: Step, states: Sequence[TrainingState]) -> Iterator[None]:
    """Give weights, moments, sums and random generators their values back after the block.

    They are copied in place, since a graph knows their addresses.
    """
    weights = [weight for group in step.optimiser.param_groups for weight in group["params"]]
    sums = [total for state in states for total in (state.losses, state.largest_norm)]
    before = [tensor.detach().clone() for tensor in (*weights, *sums)]
    moments_before = {
        weight: {name: value.clone() for name, value in step.optimiser.state[weight].items()}
        for weight in weights
        if weight in step.optimiser.state
    }
    with torch.random.fork_rng(devices=_cuda_devices(states[0].device)):
        yield
    for tensor, value in zip((*weights, *sums), before, strict=True):
        tensor.detach().copy_(value)
    for weight in weights:
        for name, moment in step.optimiser.state[weight].items():
            known = moments_before.get(weight, {}).get(name)
            moment.copy_(torch.zeros_like(moment) if known is None else known)


def _cuda_devices(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
