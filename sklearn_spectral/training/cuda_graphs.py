"""A gradient as one CUDA graph: on a GPU a small network spends its time on launches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Target: TypeAlias = tuple[Tensor, Tensor | None]
Gradient: TypeAlias = Callable[[Tensor, Target], Tensor]
Replay: TypeAlias = Callable[[], object]

CALLS_BEFORE = 10
"""So many batches are computed as they are; a shorter training gains nothing."""

WARM_UPS = 3
"""Libraries allocate at their first calls, which must not be captured."""


def cuda_capture(function: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
    """Record what a function launches on the current CUDA device; return replay and result.

    It has to read and write tensors that stay where they are, and to bear repetition.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()
    return graph.replay, result


class GraphedGradient:
    """The gradient of a batch, captured once for the usual shape and replayed.

    Batches of other shapes are computed as they are, and all where the capture fails.
    """

    def __init__(
        self,
        gradient: Gradient,
        capture: Callable[[Callable[[], Tensor]], tuple[Replay, Tensor]] = cuda_capture,
    ) -> None:
        self.gradient = gradient
        self.capture = capture
        self.captured = False
        self._calls = 0

    def __call__(self, x: Tensor, target: Target) -> Tensor:
        """Compute the gradient of a batch and return its loss."""
        self._calls += 1
        if self._calls == CALLS_BEFORE:
            self._try_to_capture(x, target)
        y, weight = target
        if not self.captured or x.shape != self._x.shape:
            return self.gradient(x, target)
        self._x.copy_(x)
        self._y.copy_(y)
        if self._weight is not None and weight is not None:
            self._weight.copy_(weight)
        self._replay()
        return self._loss.clone()

    def _try_to_capture(self, x: Tensor, target: Target) -> None:
        self._x, self._y = x.clone(), target[0].clone()
        self._weight = None if target[1] is None else target[1].clone()
        try:
            self._replay, self._loss = self.capture(
                lambda: self.gradient(self._x, (self._y, self._weight))
            )
        except RuntimeError:
            return
        self.captured = True
