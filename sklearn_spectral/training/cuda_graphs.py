"""Steps as CUDA graphs: on a GPU a small network spends its time on launches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Capture: TypeAlias = Callable[
    [Callable[[], Tensor], Tensor], tuple[Callable[[], Any], Tensor]
]
"""Records a function, whose last result is given; returns replay and its result."""

CALLS_BEFORE = 10
"""So many batches of a shape are computed as they are; a shorter training gains nothing."""

MOST_GRAPHS = 2
"""Batches have one shape, and the last of an epoch another."""


def cuda_capture(
    function: Callable[[], Tensor], last: Tensor
) -> tuple[Callable[[], Any], Tensor]:
    """Record what a function launches on the CUDA device of its result, not computing it.

    It has to read and write tensors that stay where they are.
    """
    with torch.cuda.device(last.device):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=torch.cuda.Stream(last.device)):
            result = function()
    return graph.replay, result


CAPTURES: dict[str, Capture] = {"cuda": cuda_capture}
"""What records on a type of device."""


class Graphed:
    """A function of tensors and numbers, captured for the shapes that come often.

    It returns a tensor. Other shapes are computed as they are, and all where the capture
    fails.
    """

    def __init__(self, function: Callable[..., Tensor], capture: Capture) -> None:
        self.function, self.capture = function, capture
        self.calls: Counter[Any] = Counter()
        self.graphs: dict[Any, tuple[list[Any], Callable[[], Any], Tensor]] = {}
        self.failed = False

    @property
    def captured(self) -> bool:
        """Whether anything was."""
        return bool(self.graphs)

    def __call__(self, *inputs: Tensor | float | None) -> Tensor:
        """Return what the function does."""
        shapes = tuple(
            each.shape if isinstance(each, Tensor) else each is None for each in inputs
        )
        if shapes not in self.graphs:
            self.calls[shapes] += 1
            is_rare = self.calls[shapes] < CALLS_BEFORE
            if is_rare or self.failed or len(self.graphs) == MOST_GRAPHS:
                return self.function(*inputs)
            return self._capture(shapes, inputs)
        held, replay, result = self.graphs[shapes]
        for own, given in zip(held, inputs, strict=True):
            if isinstance(given, Tensor):
                own.copy_(given)
            elif given is not None:
                own.fill_(given)
        replay()
        return result.clone()

    def _capture(self, shapes: Any, inputs: tuple[Tensor | float | None, ...]) -> Tensor:
        """Compute once more as it is, and record for the next time."""
        like = next(each for each in inputs if isinstance(each, Tensor))
        held = [
            each.clone()
            if isinstance(each, Tensor)
            else None
            if each is None
            else like.new_tensor(each)
            for each in inputs
        ]
        result = self.function(*held)
        try:
            self.graphs[shapes] = (
                held,
                *self.capture(lambda: self.function(*held), result),
            )
        except RuntimeError:
            self.failed = True
        return result


def graphed(function: Callable[..., Tensor], device: torch.device) -> Callable[..., Tensor]:
    """Return a function as a graph, on a device that has any; elsewhere as it is."""
    capture = CAPTURES.get(device.type)
    return function if capture is None else Graphed(function, capture)
