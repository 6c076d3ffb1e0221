"""All trained parameters of a module as one vector.

An optimizer then takes one step on one tensor instead of one on each of many small ones, a
copy of the weights is one copy, and whether all are finite is one question.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class FlatParameters:
    """A vector of shape (n_trained,), of which trained parameters and gradients are views.

    It holds until the module is converted to another type or moved to another device.
    """

    def __init__(self, module: nn.Module) -> None:
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        values = torch.cat([p.detach().flatten() for p in self.parameters])
        self.vector = nn.Parameter(values)
        self.move_to(values, torch.zeros_like(values))

    def move_to(self, values: Tensor, gradient: Tensor) -> None:
        """Live in other memory from here on, which has the same values."""
        self.vector.data, self.gradient = values, gradient
        self.vector.grad = gradient
        sizes = [p.numel() for p in self.parameters]
        views = zip(values.split(sizes), gradient.split(sizes), strict=True)
        for parameter, (value, of_value) in zip(self.parameters, views, strict=True):
            parameter.data = value.view(parameter.shape)
            # autograd adds to a gradient that is there, in place.
            parameter.grad = of_value.view(parameter.shape)

    def copy(self) -> Tensor:
        """Return the values, as they are now."""
        return self.vector.detach().clone()

    @torch.no_grad()
    def restore(self, values: Tensor) -> None:
        """Put values back."""
        self.vector.copy_(values)

    @contextmanager
    def as_if(self, values: Tensor) -> Iterator[None]:
        """Have other values in a ``with`` block."""
        own = self.copy()
        self.restore(values)
        yield
        self.restore(own)


def share_of_step(decay: float, n_steps: int) -> float:
    """Return how much of the vector a running average takes in at its n-th step: the first
    steps, when the vector moves most, count less than ``decay`` says."""
    return 1 - min(decay, (1 + n_steps) / (10 + n_steps))


class RunningAverage:
    """The running average of a vector over the steps of a training, which take it on."""

    def __init__(self, flat: FlatParameters) -> None:
        self.flat, self.values = flat, flat.copy()
        self.trained: Tensor | None = None  # while the average is in its place

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the vector be the average in a ``with`` block, and after an error in it."""
        self.trained = self.flat.copy()
        with self.flat.as_if(self.values):
            yield
        self.trained = None
