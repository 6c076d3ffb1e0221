"""Out of bag: each row predicted by those members of a population that never saw it.

It costs a forward pass of the rows that were left out, once an epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.rows import chunk_rows
from ..nn.losses import WeightedLoss
from ..nn.network import StackedNetwork
from .convert import to_numpy


@dataclass(frozen=True)
class OutOfBag:
    """What a population predicts of all rows, and what it was to predict."""

    output: NDArray[Any]  # of shape (n_rows, n_outputs)
    target: NDArray[Any]
    weight: NDArray[Any] | None


@dataclass(frozen=True)
class LeftOutRows:
    """Which rows of a chunk each member left out, and where they are found again.

    ``index`` is (n_members, m) row numbers: each member is given its own rows alone, as
    many as the one with most. ``members`` and ``places`` say, row by row, where in it
    those stand that left the row out, as many for each row.
    """

    index: Tensor
    members: Tensor
    places: Tensor
    n_rows: int

    @classmethod
    def of(cls, in_bags: Tensor) -> LeftOutRows:
        """Find them where ``in_bags`` is (n_rows, n_members)."""
        left_out = ~in_bags
        rows, members = left_out.nonzero(as_tuple=True)  # row by row
        places = left_out.cumsum(0)[rows, members] - 1
        index = rows.new_zeros(in_bags.shape[1], int(places.max()) + 1)
        index[members, places] = rows
        return cls(index, members, places, len(in_bags))

    def mean(self, output: Tensor) -> Tensor:
        """Return the mean for each row, of outputs (n_members, m, n_outputs)."""
        found = output[self.members, self.places]
        return found.unflatten(0, (self.n_rows, -1)).mean(1)


class OutOfBagRows:
    """All rows of a data set, for the members that left them out. What is in memory and
    no more than a chunk is gathered once, since bags do not change."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self._kept: tuple[Tensor, LeftOutRows, Tensor, Tensor | None] | None = None

    def outputs(
        self, network: StackedNetwork
    ) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Yield outputs out of bag with targets and weights, of all rows in their order."""
        for own, rows, target, weight in self._chunks(network):
            yield rows.mean(network(own)), target, weight

    def _chunks(
        self, network: StackedNetwork
    ) -> Iterator[tuple[Tensor, LeftOutRows, Tensor, Tensor | None]]:
        if self._kept is not None:
            yield self._kept
            return
        data = self.dataset
        widest = max(network.architecture.widest, data.X.shape[1])
        # Beside the rows of a chunk there are those that members left out.
        n_rows = chunk_rows(widest * (1 + data.n_left_out), data.dtype.itemsize)
        for x, target, weight, in_bags in data.chunks_with_bags(n_rows):
            rows = LeftOutRows.of(in_bags)
            chunk = network.rows_of_members(x, rows.index), rows, target, weight
            if len(x) == len(data) and data.X.has_row_numbers:
                self._kept = chunk
            yield chunk


@torch.no_grad()
def out_of_bag_loss(
    network: StackedNetwork, rows: OutOfBagRows, loss: WeightedLoss
) -> float:
    """Return the weighted mean of the loss of what the members predict out of bag."""
    total = weights = 0.0
    for output, target, weight in rows.outputs(network):
        losses = loss.per_sample(output, target)
        total += float((losses if weight is None else losses * weight).sum())
        weights += len(losses) if weight is None else float(weight.sum())
    return total / weights


@torch.no_grad()
def predict_out_of_bag(network: StackedNetwork, rows: OutOfBagRows) -> OutOfBag:
    """Return what the members predict out of bag of each row."""
    outputs, targets, weights = zip(*rows.outputs(network), strict=True)
    weight = None if weights[0] is None else np.concatenate([*map(to_numpy, weights)])
    return OutOfBag(
        np.concatenate([*map(to_numpy, outputs)]),
        np.concatenate([*map(to_numpy, targets)]),
        weight,
    )
