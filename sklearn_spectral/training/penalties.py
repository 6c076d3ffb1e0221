"""The penalties of a network over the one vector of all that trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ..nn.network import StackedNetwork
from .flat import FlatParameters
from .members import Strength, penalty

Strengths = Mapping[str, Sequence[Strength | None]]
"""L1 and L2 of each group of parameters; None for nothing."""


class FlatPenalty:
    """Penalties as numbers of each entry of a vector v, or of the rows of a matrix.

    .. math:: \\sum_i a_i |v_i - c_i| + \\tfrac{1}{2} b_i (v_i - c_i)^2

    All layers penalise single parameters, some of them beside a frozen number c.
    """

    def __init__(self, l1: Tensor, l2: Tensor, centre: Tensor) -> None:
        self.l1, self.l2, self.centre = l1, l2, centre

    @classmethod
    def of(
        cls, network: StackedNetwork, flat: FlatParameters, strengths: Strengths
    ) -> FlatPenalty:
        """Find them by the gradients of what the layers have penalised."""

        def gradient(
            of_group: Callable[[Tensor, Sequence[Strength | None]], Tensor],
        ) -> Tensor:
            flat.gradient.zero_()
            with torch.enable_grad():
                for layer in network.layers():
                    for group, values in layer.penalised():
                        of_group(values, strengths[group]).backward()
            found = flat.gradient.clone()
            flat.gradient.zero_()
            return found

        def weighted(values: Tensor, strength: Strength | None) -> Tensor:
            return 0.0 * values.sum() if strength is None else penalty(strength, values)

        l1 = gradient(lambda values, pair: weighted(values, pair[0]))
        l2 = gradient(lambda values, pair: weighted(values, pair[1]))
        counts = gradient(lambda values, _: values.sum())
        beside = gradient(lambda values, _: values.square().sum() / 2)
        return cls(l1, l2, flat.copy() * counts - beside)

    def add_to(self, gradient: Tensor, values: Tensor) -> Tensor:
        """Add the gradients; return the penalties, one of each row of a matrix."""
        beside = values - self.centre
        pull = self.l2 * beside
        total = ((pull / 2 + self.l1 * beside.sign()) * beside).sum(-1)
        gradient.add_(pull).add_(self.l1 * beside.sign())
        return total
