"""The members of a population as one network of ordinary layers.

Hidden nodes of all members stand beside each other, so that weights between them are
block-diagonal; the last layer takes the mean of the members' outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from .layer import direct_linear

WeightAndBias: TypeAlias = tuple[Tensor, Tensor | None]


class BlockLinear(nn.Module):
    """A linear layer with a block-diagonal weight, of which only the blocks are there.

    Parameters
    ----------
    weight : Tensor of shape (n_blocks, n_out, n_in)
        The blocks; they are copied.
    bias : Tensor of shape (n_blocks, n_out) or None
        The biases of their outputs.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import BlockLinear
    >>> layer = BlockLinear(torch.ones(3, 2, 4), None)
    >>> layer, layer(torch.zeros(5, 12)).shape
    (BlockLinear(12 -> 6, 3 blocks, bias=False), torch.Size([5, 6]))
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach().clone())
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (n_samples, n_blocks * n_in)."""
        n_blocks, _, n_in = self.weight.shape
        blocks = x.unflatten(-1, (n_blocks, n_in)).transpose(0, 1)
        output = (blocks @ self.weight.mT).transpose(0, 1)
        return (output if self.bias is None else output + self.bias).flatten(1)

    def extra_repr(self) -> str:
        """Return what ``repr`` shows between the brackets."""
        n_blocks, n_out, n_in = self.weight.shape
        return (
            f"{n_blocks * n_in} -> {n_blocks * n_out}, {n_blocks} blocks, "
            f"bias={self.bias is not None}"
        )


def merge_layers(layers: Sequence[WeightAndBias]) -> list[nn.Module]:
    """Return ordinary layers for those of members: weights (K, n_out, n_in), biases
    (K, n_out). Signals are shared before the first, and averaged after the last."""
    if len(layers) == 1:
        ((weight, bias),) = layers
        return [direct_linear(weight.mean(0), None if bias is None else bias.mean(0))]
    (weight, bias), *inner, (last, last_bias) = layers
    return [
        direct_linear(weight.flatten(0, 1), None if bias is None else bias.flatten()),
        *(BlockLinear(*layer) for layer in inner),
        direct_linear(
            torch.cat([*last], dim=1) / len(last),
            None if last_bias is None else last_bias.mean(0),
        ),
    ]
