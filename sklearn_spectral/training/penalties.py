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
        self.has_l1 = bool(l1.any())
        # Eigenvectors, which are most of what trains, have seldom a penalty.
        is_penalised = ((l1 != 0) | (l2 != 0)).view(-1, l1.shape[-1]).any(0)
        edges = (
            is_penalised.diff(prepend=is_penalised.new_zeros(1)).nonzero()[:, 0].tolist()
        )
        if len(edges) % 2:
            edges.append(l1.shape[-1])
        self.parts = [slice(*edge) for edge in zip(edges[::2], edges[1::2], strict=True)]

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
        total = values.new_zeros(values.shape[:-1])
        for part in self.parts:
            beside = values[..., part] - self.centre[..., part]
            pull = self.l2[..., part] * beside
            total += (pull * beside).sum(-1) / 2
            if self.has_l1:
                total += (self.l1[..., part] * beside.abs()).sum(-1)
                pull += self.l1[..., part] * beside.sign()
            gradient[..., part] += pull
        return total
