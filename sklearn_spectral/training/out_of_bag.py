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


@torch.no_grad()
def out_of_bag_loss(network: StackedNetwork, dataset: Any, loss: WeightedLoss) -> float:
    """Return the weighted mean of the loss of what the members predict out of bag."""
    total = weights = 0.0
    for output, target, weight in _outputs(network, dataset):
        losses = loss.per_sample(output, target)
        total += float((losses if weight is None else losses * weight).sum())
        weights += len(losses) if weight is None else float(weight.sum())
    return total / weights


@torch.no_grad()
def predict_out_of_bag(network: StackedNetwork, dataset: Any) -> OutOfBag:
    """Return what the members predict out of bag of each row of a data set."""
    outputs, targets, weights = zip(*_outputs(network, dataset), strict=True)
    weight = None if weights[0] is None else np.concatenate([*map(to_numpy, weights)])
    return OutOfBag(
        np.concatenate([*map(to_numpy, outputs)]),
        np.concatenate([*map(to_numpy, targets)]),
        weight,
    )


def mean_out_of_bag(network: StackedNetwork, x: Tensor, in_bags: Tensor) -> Tensor:
    """Return the mean output, for each row, of the members that have it in no bag.

    ``x`` is (n_rows, n_in), ``in_bags`` (n_rows, n_members); each row is left out by as
    many members. Each member is given its own rows alone, as many as the one with most.
    """
    left_out = ~in_bags
    rows, members = left_out.nonzero(as_tuple=True)  # row by row
    places = left_out.cumsum(0)[rows, members] - 1
    n_longest = int(places.max()) + 1
    index = rows.new_zeros(network.n_members, n_longest)
    index[members, places] = rows
    own = network.rows_of_members(x, index)
    return network(own)[members, places].unflatten(0, (len(x), -1)).mean(1)


def _outputs(
    network: StackedNetwork, dataset: Any
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Yield outputs out of bag with targets and weights, of all rows in their order."""
    widest = max(network.architecture.widest, dataset.X.shape[1])
    # Beside the rows of a chunk there are those that members left out.
    n_rows = chunk_rows(widest * (1 + dataset.n_left_out), dataset.dtype.itemsize)
    for x, target, weight, in_bags in dataset.chunks_with_bags(n_rows):
        yield mean_out_of_bag(network, x, in_bags), target, weight
