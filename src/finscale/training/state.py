"""All that changes while a model trains: what the loop works on and a checkpoint holds."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Tensors = dict[str, Tensor]


@dataclass
class TrainingState:
    """A model on its way, and the best weights it has met.

    Attributes
    ----------
    order : Generator
        Of the order of samples: on the CPU, whatever the device. It stands at the beginning of
        the epoch under way until that is over.
    epoch : int
        Epochs that are over.
    batch : int
        Batches of the epoch under way that the model was trained on.
    losses : Tensor
        Sum of their losses over their samples.
    started : float
        On the performance counter; a resumed run started as long ago as it has trained.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    order: torch.Generator
    epoch: int = 0
    batch: int = 0
    losses: Tensor = field(default_factory=lambda: torch.zeros(()))
    best_epoch: int = 0
    best_loss: float = math.inf
    best_weights: Tensors = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    _order_after: Tensor = field(default_factory=lambda: torch.empty(0))

    @property
    def seconds(self) -> float:
        """Time spent so far, before a resume too."""
        return time.perf_counter() - self.started

    def draw_order(self, n: int) -> Tensor:
        """Draw the order of the epoch's samples, the same until the epoch is over."""
        ahead = torch.Generator()
        ahead.set_state(self.order.get_state())
        drawn = torch.randperm(n, generator=ahead)
        self._order_after = ahead.get_state()
        return drawn

    def end_epoch(self) -> None:
        """Go on to the next epoch, of which no batch is done yet."""
        self.epoch, self.batch = self.epoch + 1, 0
        self.order.set_state(self._order_after)

    def see(self, loss: float) -> None:
        """Keep the weights of this epoch if none had a lower loss."""
        if loss < self.best_loss:
            self.best_epoch, self.best_loss = self.epoch, loss
            self.best_weights = {
                name: weight.detach().clone() for name, weight in self.model.state_dict().items()
            }

    def take_best(self) -> None:
        """Leave the model with its best weights, ready to predict."""
        if self.best_weights:
            self.model.load_state_dict(self.best_weights)
        self.model.eval()

    def values(self) -> dict[str, float]:
        """Return the plain numbers."""
        return {
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "seconds": self.seconds,
            **({"batch": self.batch} if self.batch else {}),
        }

    def tensors(self) -> Tensors:
        """Return every tensor by name, on the CPU: those that are there already are not copied."""
        moments = self.optimiser.state_dict()["state"]
        everything = {
            **{f"model.{name}": weight for name, weight in self.model.state_dict().items()},
            **{f"best.{name}": weight for name, weight in self.best_weights.items()},
            **{f"optimiser.{i}.{k}": v for i, of_one in moments.items() for k, v in of_one.items()},
            "rng.cpu": torch.get_rng_state(),
            "rng.order": self.order.get_state(),
        }
        if self.batch:
            everything["losses"] = self.losses
        if self._device.type == "cuda":
            everything["rng.cuda"] = torch.cuda.get_rng_state(self._device)
        return {name: tensor.detach().cpu().contiguous() for name, tensor in everything.items()}

    def fits(self, tensors: Tensors) -> bool:
        """Tell whether `tensors` hold weights of this model, by names, shapes and types."""
        return _layout(_part(tensors, "model")) == _layout(self.model.state_dict())

    def restore(self, tensors: Tensors, values: dict[str, float]) -> None:
        """Go back to the state that `tensors` and `values` were taken of."""
        self.model.load_state_dict(_part(tensors, "model"))
        self.best_weights = {k: v.to(self._device) for k, v in _part(tensors, "best").items()}
        moments: dict[int, Tensors] = {}
        for name, tensor in _part(tensors, "optimiser").items():
            index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensor.clone()  # AdamW writes into it
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.epoch, self.best_epoch = int(values["epoch"]), int(values["best_epoch"])
        self.best_loss = values["best_loss"]
        self.batch = int(values.get("batch", 0))
        self.losses = tensors.get("losses", torch.zeros(())).to(self._device, copy=True)
        self.started = time.perf_counter() - values["seconds"]
        torch.set_rng_state(tensors["rng.cpu"])
        self.order.set_state(tensors["rng.order"])
        if self._device.type == "cuda" and "rng.cuda" in tensors:  # it may come from a CPU
            torch.cuda.set_rng_state(tensors["rng.cuda"], self._device)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device


def _part(tensors: Tensors, part: str) -> Tensors:
    prefix = f"{part}."
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _layout(tensors: Tensors) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
