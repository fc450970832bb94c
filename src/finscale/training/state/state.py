"""The state of a training run, which the loop changes and a checkpoint stores."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from finscale.training.machine import MicroBatch

Tensors = dict[str, Tensor]


@dataclass
class TrainingState:
    """A model in training, its optimiser, and the best weights so far.

    Attributes
    ----------
    order : Generator
        Random generator for the order of samples, always on the CPU. It keeps its state from the
        beginning of the current epoch until the epoch ends.
    epoch : int
        Number of finished epochs.
    batch : int
        Number of finished batches in the current epoch.
    losses : Tensor
        Sum of the losses of all samples in these batches.
    started : float
        Start on the performance counter; a resumed run counts its earlier training time.
    largest_norm : Tensor
        Largest norm of the gradients in the current epoch, before clipping.
    n_threads : int
        Threads on the CPU, the same for the whole run: with another number, sums have other
        rounding errors.
    micro : MicroBatch, optional
        How a batch is computed at a time.
    is_compiled : bool
        Whether the encoder layers are compiled, from the first step to the last.
    dropout : Generator, optional
        Random generator for dropout of a model that is trained together with others; a model
        alone uses torch's own.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    order: torch.Generator
    epoch: int = 0
    batch: int = 0
    losses: Tensor = field(default_factory=lambda: torch.zeros(()))
    largest_norm: Tensor = field(default_factory=lambda: torch.zeros(()))
    best_epoch: int = 0
    best_loss: float = math.inf
    best_weights: Tensors = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    n_threads: int = 1
    micro: MicroBatch | None = None
    is_compiled: bool = False
    dropout: torch.Generator | None = None
    _order_after: Tensor = field(default_factory=lambda: torch.empty(0))

    @property
    def seconds(self) -> float:
        """Training time so far in seconds, including the time before a resume."""
        return time.perf_counter() - self.started

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return next(self.model.parameters()).device

    @property
    def n_bytes(self) -> int:
        """Memory that weights, moments and the best weights take already."""
        moments = self.optimiser.state_dict()["state"].values()
        every = [
            *self.model.state_dict().values(),
            *self.best_weights.values(),
            *(moment for of_one in moments for moment in of_one.values()),
        ]
        return sum(tensor.nbytes for tensor in every)

    @property
    def place(self) -> tuple[int, int]:
        """Finished epochs, and finished batches of the current one."""
        return self.epoch, self.batch

    def train_alone(self) -> None:
        """Let torch's own generator go on where this model's generator for dropout is."""
        if self.dropout:
            torch.set_rng_state(self.dropout.get_state())
            self.dropout = None

    def random_state(self) -> Tensors:
        """Return the state of the generators from which dropout draws."""
        own = self.dropout.get_state() if self.dropout else torch.get_rng_state()
        if self.device.type != "cuda":
            return {"rng.cpu": own}
        return {"rng.cpu": own, "rng.cuda": torch.cuda.get_rng_state(self.device)}

    def restore_random(self, states: Tensors) -> None:
        """Set the generators from which dropout draws."""
        if self.dropout:
            self.dropout.set_state(states["rng.cpu"])
        else:
            torch.set_rng_state(states["rng.cpu"])
        if self.device.type == "cuda" and "rng.cuda" in states:  # missing if written on a CPU
            torch.cuda.set_rng_state(states["rng.cuda"], self.device)

    def begin_epoch(self) -> None:
        """Set the sums of the epoch to zero."""
        self.losses.zero_()
        self.largest_norm.zero_()

    def draw_order(self, n: int) -> Tensor:
        """Draw the order of the epoch's samples; it stays the same until the epoch ends."""
        ahead = torch.Generator()
        ahead.set_state(self.order.get_state())
        drawn = torch.randperm(n, generator=ahead)
        self._order_after = ahead.get_state()
        return drawn

    def end_epoch(self) -> None:
        """Count the epoch as finished, and begin the next one at its first batch."""
        self.epoch, self.batch = self.epoch + 1, 0
        self.order.set_state(self._order_after)

    def see(self, loss: float) -> None:
        """Keep the weights of this epoch if its loss is the lowest so far."""
        if loss < self.best_loss:
            self.best_epoch, self.best_loss = self.epoch, loss
            self.best_weights = {
                name: weight.detach().clone() for name, weight in self.model.state_dict().items()
            }

    def take_best(self) -> None:
        """Load the best weights into the model, and set it to evaluation mode."""
        if self.best_weights:
            self.model.load_state_dict(self.best_weights)
        self.model.eval()

    def values(self) -> dict[str, float]:
        """Return the plain numbers of the state."""
        return {
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "seconds": self.seconds,
            "n_threads": self.n_threads,
            **({"batch": self.batch} if self.batch else {}),
            **({"is_compiled": 1} if self.is_compiled else {}),
        }

    def everything(self) -> Tensors:
        """Return every tensor by name, where it is."""
        moments = self.optimiser.state_dict()["state"]
        everything = {
            **{f"model.{name}": weight for name, weight in self.model.state_dict().items()},
            **{f"best.{name}": weight for name, weight in self.best_weights.items()},
            **{f"optimiser.{i}.{k}": v for i, of_one in moments.items() for k, v in of_one.items()},
            **self.random_state(),
            "rng.order": self.order.get_state(),
        }
        if self.batch:
            everything["losses"] = self.losses
        return {name: tensor.detach() for name, tensor in everything.items()}

    def tensors(self) -> Tensors:
        """Return every tensor by name, on the CPU; tensors already there are not copied.

        Others are copied to pinned memory, which is several times as fast.
        """
        there = {name: _to_cpu(tensor) for name, tensor in self.everything().items()}
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return there

    def fits(self, tensors: Tensors) -> bool:
        """Tell whether the weights in `tensors` have the names, shapes and types of this model."""
        return _layout(_part(tensors, "model")) == _layout(self.model.state_dict())

    def restore(self, tensors: Tensors, values: dict[str, float]) -> None:
        """Restore the state from `tensors` and `values`."""
        self.model.load_state_dict(_part(tensors, "model"))
        self.best_weights = {k: v.to(self.device) for k, v in _part(tensors, "best").items()}
        moments: dict[int, Tensors] = {}
        for name, tensor in _part(tensors, "optimiser").items():
            index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensor.clone()  # AdamW changes it in place
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.epoch, self.best_epoch = int(values["epoch"]), int(values["best_epoch"])
        self.best_loss = values["best_loss"]
        self.batch = int(values.get("batch", 0))
        self.n_threads = int(values.get("n_threads", self.n_threads))  # not in older files
        self.is_compiled = bool(values.get("is_compiled", 0))
        self.losses = tensors.get("losses", torch.zeros(())).to(self.device, copy=True)
        self.started = time.perf_counter() - values["seconds"]
        self.restore_random(tensors)
        self.order.set_state(tensors["rng.order"])


def _to_cpu(tensor: Tensor) -> Tensor:
    if tensor.device.type != "cuda":
        return tensor.cpu().contiguous()
    pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return pinned.copy_(tensor, non_blocking=True)


def _part(tensors: Tensors, part: str) -> Tensors:
    prefix = f"{part}."
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _layout(tensors: Tensors) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
