"""The telescope: a stack of linear layers, extended while training, used as one matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias, cast

from torch import Tensor, nn
from torch.nn import functional as F

from .layer import LinearLayer

TelescopeMode: TypeAlias = Literal["auto", "layers", "contract"]


def contract(layers: Sequence[LinearLayer]) -> tuple[Tensor, Tensor | None]:
    """Retract consecutive linear layers to one.

    Parameters
    ----------
    layers : sequence of LinearLayer
        In the order in which the signal passes them.

    Returns
    -------
    weight : Tensor of shape (last.out_features, first.in_features)
        W_c = W_L ... W_2 W_1, differentiable.
    bias : Tensor of shape (last.out_features,) or None
        The bias of the whole stack; None if no layer has one.

    References
    ----------
    Giambagli et al., Nature Communications 12, 1330 (2021), equation 2 and figure 2b.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SpectralLinear, contract
    >>> layers = [SpectralLinear(8, 30), SpectralLinear(30, 3)]
    >>> weight, bias = contract(layers)
    >>> weight.shape, bias.shape
    (torch.Size([3, 8]), torch.Size([3]))
    """
    weight: Tensor
    bias: Tensor | None
    if _cost_from_output(layers) <= _cost_from_input(layers):
        weight, bias = layers[-1].weight, layers[-1].bias
        for layer in reversed(layers[:-1]):
            bias = _add(bias, None if layer.bias is None else weight @ layer.bias)
            weight = layer.left_multiply(weight)
        return weight, bias
    weight, bias = layers[0].weight, layers[0].bias
    for layer in layers[1:]:
        step = layer.weight
        bias = _add(layer.bias, None if bias is None else step @ bias)
        weight = step @ weight
    return weight, bias


class LinearStack(nn.Module):
    """Consecutive layers with nothing between them: one linear map.

    Parameters
    ----------
    layers : sequence of LinearLayer
        The layers, in the order in which the signal passes them.
    mode : {"auto", "layers", "contract"}, default="auto"
        How the forward pass is computed: layer by layer, by the retracted matrix, or
        whichever takes fewer multiplications for the batch at hand, dense weights
        assumed. The result is the same up to rounding.

    Raises
    ------
    ValueError
        If there is no layer, the widths do not fit or the mode is unknown.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import LinearStack, SpectralLinear
    >>> stack = LinearStack([SpectralLinear(8, 30), SpectralLinear(30, 3)])
    >>> stack(torch.zeros(5, 8)).shape
    torch.Size([5, 3])
    """

    def __init__(self, layers: Sequence[LinearLayer], mode: TelescopeMode = "auto") -> None:
        super().__init__()
        if not layers:
            raise ValueError("A stack needs at least one layer; got none.")
        for before, after in pairwise(layers):
            if before.out_features != after.in_features:
                raise ValueError(
                    f"A layer with {before.out_features} outputs cannot feed one with "
                    f"{after.in_features} inputs."
                )
        if mode not in ("auto", "layers", "contract"):
            raise ValueError(f"mode must be 'auto', 'layers' or 'contract'; got {mode!r}.")
        self.layers = nn.ModuleList(layers)
        self.mode = mode

    def __iter__(self) -> Iterator[LinearLayer]:
        return cast("Iterator[LinearLayer]", iter(self.layers))

    def contract(self) -> tuple[Tensor, Tensor | None]:
        """Return the weight and bias of the stack as one layer; see `contract`."""
        return contract(list(self))

    def contracts(self, batch_size: int) -> bool:
        """Tell whether a batch of this size goes through the retracted matrix.

        Parameters
        ----------
        batch_size : int
            Number of rows of the batch.

        Returns
        -------
        bool
            True where contracting takes fewer multiplications than the layers do, or
            where ``mode`` says so.
        """
        if self.mode != "auto":
            return self.mode == "contract"
        layers = list(self)
        by_layers = batch_size * sum(_size(layer) for layer in layers)
        ends = layers[0].in_features * layers[-1].out_features
        chain = min(_cost_from_output(layers), _cost_from_input(layers))
        return chain + batch_size * ends < by_layers

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (n_samples, n_in) to (n_samples, n_out)."""
        if len(self.layers) > 1 and self.contracts(x.shape[0]):
            return F.linear(x, *self.contract())
        for layer in self:
            x = layer(x)
        return x


def _size(layer: LinearLayer) -> int:
    return layer.in_features * layer.out_features


def _cost_from_output(layers: Sequence[LinearLayer]) -> int:
    """Count the multiplications of contracting from the last layer down."""
    return layers[-1].out_features * sum(_size(layer) for layer in layers[:-1])


def _cost_from_input(layers: Sequence[LinearLayer]) -> int:
    """Count the multiplications of contracting from the first layer up."""
    return layers[0].in_features * sum(_size(layer) for layer in layers[1:])


def _add(left: Tensor | None, right: Tensor | None) -> Tensor | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right
