"""The temperature of a classifier: one number by which all its logits are divided."""

from __future__ import annotations

import math

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from ..nn.losses import WeightedLoss

LONGEST = math.log(10.0)
"""The logarithm of the highest temperature: beyond, a few rows decide."""


@torch.no_grad()
def best_temperature(
    output: Tensor,
    target: Tensor,
    weight: Tensor | None,
    loss: WeightedLoss,
    least: float = 0.1,
    spread: float | None = None,
) -> float:
    """Return the temperature, ``least`` or higher, at which the mean loss of outputs is
    least (Guo et al., "On calibration of modern neural networks", 2017).
    ``spread`` is that of its logarithm before any row is seen: with one, few rows have to
    be very sure to take it far from 1."""

    def mean_loss(logarithm: float) -> float:
        prior = 0.0 if spread is None else (logarithm / spread) ** 2 / (2 * len(output))
        return loss.average(output * math.exp(-logarithm), target, weight) + prior

    bounds = (math.log(least), LONGEST)
    found = minimize_scalar(mean_loss, bounds=bounds, method="bounded")
    # A loss that is the same at all of them says nothing.
    return math.exp(found.x) if found.fun < mean_loss(0.0) else 1.0
