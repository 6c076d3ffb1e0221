"""What each member of a population may have of its own: a rate, a penalty, a norm.

A member trains as it would alone, from its start and on its rows; what all members share
is moved by the mean of their settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..nn.network import StackedNetwork
from .flat import FlatParameters

Strength: TypeAlias = float | Tensor
"""A number, or one of each member, (n_members,)."""


def is_shared(name: str) -> bool:
    """Tell by the name of what trains in a population whether its members share it."""
    return ".form." in name


def members_of(network: StackedNetwork) -> Tensor:
    """Return which member each number of the flat vector belongs to; -1 if all share it."""
    parts = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            shared = is_shared(name)
            members = torch.tensor([-1]) if shared else torch.arange(network.n_members)
            parts.append(members.repeat_interleave(parameter.numel() // len(members)))
    return torch.cat(parts)


def ratios_of(network: StackedNetwork, ratios: Tensor) -> Tensor:
    """Return the rate of each number of the flat vector, given those of members; what all
    share has their mean."""
    return torch.cat([ratios, ratios.mean()[None]])[members_of(network)]


class ScaledStep:
    """Steps of a solver whose rate is another for each member.

    All solvers move by their rate times what does not depend on it, so that a step times
    the ratio of two rates is the step that the other rate gives.
    """

    def __init__(
        self,
        step: Callable[[], Any],
        flat: FlatParameters,
        network: StackedNetwork,
        ratios: Tensor,
    ) -> None:
        self.step, self.flat = step, flat
        self.ratios = ratios_of(network, ratios).to(flat.vector)

    def __call__(self) -> None:
        """Take a step; to be called under ``torch.no_grad``."""
        before = self.flat.copy()
        self.step()
        self.flat.restore(torch.lerp(before, self.flat.vector, self.ratios))


class MemberClip:
    """Cuts the gradient of each member to a norm; what all share by that of the whole."""

    def __init__(
        self, network: StackedNetwork, flat: FlatParameters, max_norm: float
    ) -> None:
        self.flat, self.max_norm, self.n_members = flat, max_norm, network.n_members
        self.members = members_of(network).to(flat.vector.device)
        self.gradients = [
            (is_shared(name), parameter.grad)
            for name, parameter in network.named_parameters()
            if parameter.requires_grad
        ]

    def __call__(self) -> None:
        """Cut the gradient in place; to be called under ``torch.no_grad``."""
        squares = self.flat.gradient.new_zeros(self.n_members + 1)
        for shared, gradient in self.gradients:
            assert gradient is not None
            if shared:
                squares[-1] += gradient.square().sum()
            else:
                squares[:-1] += gradient.reshape(self.n_members, -1).square().sum(1)
        squares[-1] = squares.sum()
        # As clip_grad_norm_ of torch does it.
        factors = (self.max_norm / (squares.sqrt() + 1e-6)).clamp(max=1.0)
        self.flat.gradient.mul_(factors[self.members])


def strength_for(
    strength: Strength, n_members: int, shared: bool, like: Tensor
) -> Strength | None:
    """Return what the sum over a group of parameters is multiplied by; None for nothing.

    The loss that trains is a sum over members, so that what they share counts in each.
    """
    if isinstance(strength, Tensor):
        if not strength.any():
            return None
        if shared or n_members == 1:
            return float(strength.mean()) * n_members
        return strength.to(like)
    if not strength:
        return None
    return strength * n_members if shared else strength


def penalty(strength: Strength, sizes: Tensor) -> Tensor:
    """Return a strength, or one of each row of sizes, times their sum."""
    if isinstance(strength, Tensor):
        return strength @ sizes.sum(1)
    return strength * sizes.sum()
