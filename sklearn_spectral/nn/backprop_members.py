"""The gradient by hand of several members at once.

A signal is (K, n_rows, n_nodes), but in memory the rows stand beside each other: products
of all members are then one, sums over rows are of neighbours, and a softmax of few classes
takes all rows at a time.
"""

from __future__ import annotations

from math import prod
from typing import cast

import torch
from torch import Tensor

from .layer import LinearLayer
from .products import split_projection
from .trained_weights import SpectralWeight, TrainedTensor, WeightColumns, weight_of

WIDE = 256
"""Rows of as many columns are looked through for columns of zeros."""

MOST_SEEN = 0.9
"""With more columns than this share of them in use, all are taken."""


class Memory:
    """Memory to write to again for each batch: to have it cleared anew takes a while."""

    def __init__(self) -> None:
        self.flat: dict[str, Tensor] = {}
        self.kept: list[Tensor] = []

    def take(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Return memory of a shape, and of the type of ``like``."""
        size, flat = prod(shape), self.flat.get(name)
        if flat is None or len(flat) < size:
            if flat is not None and flat.is_cuda:  # a graph may write there
                self.kept.append(flat)
            flat = self.flat[name] = like.new_empty(size)
        return flat[:size].view(shape)


class OfMembers:
    """What computes a layer of several members, and its gradients."""

    def __init__(self, layer: LinearLayer) -> None:
        self.weight = cast("SpectralWeight", weight_of(layer))
        self.bias = TrainedTensor(layer.bias)
        self.shape = (layer.n_members, layer.out_features, layer.in_features)
        self.memory = Memory()


class SharedRowsLayer(OfMembers):
    """A layer of several members that all read the same rows: one product.

    The bias is one more column of the weight. Columns that are zero in a batch take no
    part: nothing depends on them (a quarter of MNIST's, for example)."""

    def forward(self, x: Tensor) -> Tensor:
        n_members, n_out, n_in = self.shape
        columns = seen_columns(x)
        self.part: SpectralWeight | WeightColumns = self.weight
        if columns is not None:
            self.part, n_in = self.weight.at_columns(columns), len(columns)
        bias = self.bias.values
        width = n_in + (bias is not None)
        self.x = self.memory.take("x", x, len(x), width)
        self.x[:, :n_in] = x if columns is None else x.index_select(1, columns)
        stacked = self.memory.take("weight", x, n_members, n_out, width)
        self.part.form(stacked[..., :n_in])
        if bias is not None:
            self.x[:, n_in], stacked[..., n_in] = 1.0, bias
        output = self.memory.take("output", x, n_members, n_out, len(x))
        torch.mm(stacked.flatten(0, 1), self.x.T, out=output.flatten(0, 1))
        if self.weight.out_alone:
            self.plain = self.part.phi_values @ self.x[:, :n_in].T
        return output.mT

    def backward(self, d: Tensor, needs_input: bool) -> None:
        columns = d.mT.contiguous()
        if self.weight.out_alone:  # the gradient needs no product of each member's
            self.bias.write_sum(columns, -1)
            self.weight.lambda_out.write_minus_sum(columns.mul_(self.plain), -1)
            return
        d_stacked = self.memory.take("gradient", d, *self.shape[:2], self.x.shape[1])
        torch.mm(columns.flatten(0, 1), self.x, out=d_stacked.flatten(0, 1))
        if self.bias.values is not None:
            self.bias.write(d_stacked[..., -1])
            d_stacked = d_stacked[..., :-1]
        self.part.write(d_stacked)


class OwnRowsLayer(OfMembers):
    """A layer of several members, each of which reads rows of its own."""

    def forward(self, x: Tensor) -> Tensor:
        self.x, bias = x, self.bias.values
        self.formed = self.weight.form(self.memory.take("weight", x, *self.shape))
        output = self.memory.take("output", x, *self.shape[:2], x.shape[1])
        if bias is None:
            return torch.bmm(self.formed, x.mT, out=output).mT
        return torch.baddbmm(bias.unsqueeze(-1), self.formed, x.mT, out=output).mT

    def backward(self, d: Tensor, needs_input: bool) -> Tensor | None:
        columns = d.mT.contiguous()
        self.bias.write_sum(columns, -1)
        d_weight = self.memory.take("gradient", d, *self.shape)
        self.weight.write(torch.bmm(columns, self.x, out=d_weight))
        if not needs_input:
            return None
        if not self.x.mT.is_contiguous():  # as what the activation before it gave
            return torch.bmm(columns.mT, self.formed, out=torch.empty_like(self.x))
        n_members, _, n_in = self.shape
        d_input = self.memory.take("input", d, n_members, n_in, d.shape[1])
        return torch.bmm(self.formed.mT, columns, out=d_input).mT


class MembersLayer:
    """One layer of several members, whichever rows they read."""

    def __init__(self, layer: LinearLayer) -> None:
        self.shared, self.own = SharedRowsLayer(layer), OwnRowsLayer(layer)

    def forward(self, x: Tensor) -> Tensor:
        self.reads: SharedRowsLayer | OwnRowsLayer = self.own if x.ndim > 2 else self.shared
        return self.reads.forward(x)

    def backward(self, d: Tensor, needs_input: bool) -> Tensor | None:
        return self.reads.backward(d, needs_input)


def seen_columns(x: Tensor) -> Tensor | None:
    """Return which columns of wide rows have values, if many have none.

    None on a GPU, which would have to wait for the answer."""
    if x.device.type != "cpu" or x.shape[1] < WIDE:
        return None
    seen = x.amax(0).ne(0).logical_or_(x.amin(0).ne(0))
    columns = seen.nonzero()[:, 0]
    return columns if len(columns) < MOST_SEEN * x.shape[1] else None


class MembersProjected(OfMembers):
    """The first layer of several members, from data multiplied by its frozen factor."""

    # Here the numbers of a row are neighbours, as they come: to turn them takes longer than
    # all that is done with them.
    def forward(self, x: Tensor) -> Tensor:
        lambda_out, (n_members, n_out, _) = self.weight.lambda_out.values, self.shape
        output = self.memory.take("output", x, x.shape[-2], n_members, n_out)
        if x.shape[-1] == n_out:  # lambda_in is one number of each member
            self.plain = x.unsqueeze(1) if x.ndim == 2 else x.transpose(0, 1)
            gains = self.weight.lambda_in.values[:, :1] - lambda_out
            torch.mul(self.plain, gains, out=output)
        else:
            scaled_in, plain = split_projection(x, n_members, n_out)
            self.plain = plain.unsqueeze(1) if x.ndim == 2 else plain.transpose(0, 1)
            scaled_in = scaled_in.transpose(0, 1)
            torch.addcmul(scaled_in, lambda_out, self.plain, value=-1, out=output)
        if self.bias.values is not None:
            output += self.bias.values
        return output.transpose(0, 1)

    def backward(self, d: Tensor, needs_input: bool) -> None:
        rows = d.transpose(0, 1)
        self.bias.write_sum(rows, 0)
        self.weight.lambda_out.write_minus_sum(rows.mul_(self.plain), 0)
