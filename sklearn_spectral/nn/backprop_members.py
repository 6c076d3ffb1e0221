"""The gradient by hand of several members at once.

A signal is (K, n_rows, n_nodes), but in memory the rows stand beside each other: products
of all members are then one, sums over rows are of neighbours, and a softmax of few classes
takes all rows at a time.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from .layer import LinearLayer
from .products import split_projection
from .trained_weights import SpectralWeight, TrainedTensor, weight_of


class MembersLayer:
    """One layer of several members.

    Of rows that all share it is one product, and the bias one more column of the weight.
    What it computes is written to the same memory for each batch."""

    def __init__(self, layer: LinearLayer) -> None:
        self.weight = cast("SpectralWeight", weight_of(layer))
        self.bias = TrainedTensor(layer.bias)
        self.shape = (layer.n_members, layer.out_features, layer.in_features)
        self.memory: dict[tuple[int, ...], tuple[Tensor, ...]] = {}

    def _memory_for(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return weights, their gradients, the output, rows with a one, input gradients."""
        if x.shape not in self.memory:
            n_members, n_out, n_in = self.shape
            widened = n_in + (x.ndim == 2 and self.bias.values is not None)
            stacked = x.new_empty(n_members, n_out, widened)
            output = x.new_empty(n_members, n_out, x.shape[-2])
            rows = x.new_ones(len(x), widened) if x.ndim == 2 else x
            d_input = x.new_empty(n_members, n_in, x.shape[-2]) if x.ndim > 2 else x
            self.memory.clear()
            self.memory[x.shape] = (
                stacked,
                torch.empty_like(stacked),
                output,
                rows,
                d_input,
            )
        return self.memory[x.shape]

    def forward(self, x: Tensor) -> Tensor:
        n_in = self.shape[-1]
        stacked, self.d_stacked, output, rows, self.d_input = self._memory_for(x)
        self.formed = self.weight.form(stacked[..., :n_in])
        self.x, bias = x, self.bias.values
        if x.ndim > 2:
            if bias is None:
                torch.bmm(self.formed, x.mT, out=output)
            else:
                torch.baddbmm(bias.unsqueeze(-1), self.formed, x.mT, out=output)
            return output.mT
        if bias is not None:
            stacked[..., n_in] = bias
            rows[:, :n_in] = x
            self.x = rows
        torch.mm(stacked.flatten(0, 1), self.x.T, out=output.flatten(0, 1))
        return output.mT

    def backward(self, d: Tensor, needs_input: bool) -> Tensor | None:
        columns = d.mT.contiguous()
        d_weight = self.d_stacked[..., : self.shape[-1]]
        if self.x.ndim > 2:
            torch.bmm(columns, self.x, out=self.d_stacked)
            self.bias.write_sum(columns, -1)
        else:
            torch.mm(columns.flatten(0, 1), self.x, out=self.d_stacked.flatten(0, 1))
            if self.bias.values is not None:
                self.bias.write(self.d_stacked[..., -1])
        self.weight.write(d_weight)
        if not needs_input:
            return None
        return torch.bmm(self.formed.mT, columns, out=self.d_input).mT


class MembersProjected:
    """The first layer of several members, from data multiplied by its frozen factor."""

    def __init__(self, layer: LinearLayer) -> None:
        self.weight = cast("SpectralWeight", weight_of(layer))
        self.bias = TrainedTensor(layer.bias)
        self.shape = layer.n_members, layer.out_features

    def forward(self, x: Tensor) -> Tensor:
        lambda_out, bias = self.weight.column, self.bias.values
        if x.shape[-1] == self.shape[1]:  # lambda_in is one number of each member
            self.plain = x.mT.contiguous()
            gains = self.weight.lambda_in.values[:, :1, None] - lambda_out
            output = self.plain * gains
        else:
            scaled_in, self.plain = self._split(x)
            output = torch.addcmul(scaled_in, lambda_out, self.plain, value=-1)
        return (output if bias is None else output.add_(bias.unsqueeze(-1))).mT

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.ndim > 2:
            scaled_in, plain = split_projection(x, *self.shape)
            return scaled_in.mT, plain.mT
        columns = x.T.contiguous()
        scaled_in = columns[: -self.shape[1]].unflatten(0, self.shape)
        return scaled_in, columns[-self.shape[1] :]

    def backward(self, d: Tensor, needs_input: bool) -> None:
        columns = d.mT
        self.bias.write_sum(columns, -1)
        gradient = self.weight.lambda_out.gradient
        if gradient is not None:
            torch.sum(columns.mul_(self.plain), -1, out=gradient).neg_()
