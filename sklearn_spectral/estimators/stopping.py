"""What training stops by: a score of rows that did not train the network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.training_data import TrainingData


def loss_score(
    loss_name: str,
    output_of: Callable[[Any], NDArray[Any]],
    held_out: TrainingData,
    encode: Callable[[NDArray[Any]], NDArray[Any]],
) -> Callable[[Any], float]:
    """Return a function that scores a network by minus the loss of rows that are held out,
    in the units that it learns; ``encode`` takes outputs and targets there."""
    import torch

    from ..nn.losses import LOSSES

    loss = LOSSES[loss_name]()
    target, weight = torch.from_numpy(encode(held_out.target())), held_out.weight()
    of_rows = None if weight is None else torch.from_numpy(weight)

    def score(network: Any) -> float:
        output = torch.from_numpy(encode(output_of(network)))
        return _finite(loss.average(output, target, of_rows))

    return score


def quality_score(
    estimator: Any, output_of: Callable[[Any], NDArray[Any]], held_out: TrainingData
) -> Callable[[Any], float]:
    """Return a function that scores a network by accuracy or R^2 on rows held out."""

    def score(network: Any) -> float:
        output = output_of(network)
        if not np.isfinite(output).all():
            return -math.inf
        return estimator._score_output(output, held_out)

    return score


def out_of_bag_score(loss_name: str, dataset: Any) -> Callable[[Any], float]:
    """Return a function that scores a network by minus its loss out of bag."""
    from ..nn.losses import LOSSES
    from ..training.out_of_bag import OutOfBagRows, out_of_bag_loss

    rows, loss = OutOfBagRows(dataset), LOSSES[loss_name]()
    return lambda network: _finite(out_of_bag_loss(network, rows, loss))


def _finite(loss: float) -> float:
    return -loss if math.isfinite(loss) else -math.inf
