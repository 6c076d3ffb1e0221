"""The gradient by hand of several members at once.

A signal is (K, n_rows, n_nodes), but in memory the rows stand beside each other: products
of all members are then one, sums over rows are of neighbours, and a softmax of few classes
takes all rows at a time.
"""

from __future__ import annotations

from math import prod
from typing import Any, cast

import torch
from torch import Tensor

from .layer import LinearLayer
from .products import split_projection
from .seen_columns import WIDE, SeenColumns
from .trained_weights import SpectralWeight, TrainedTensor, WeightColumns, weight_of

MOST_VIEWS = 32
"""Of memory that has shapes that change no more are kept."""

MOST_SEEN = 0.9
"""With more columns than this share of them in use, all are taken."""


class Memory:
    """Memory to write to again for each batch: to have it cleared anew takes a while."""

    def __init__(self) -> None:
        self.flat: dict[str, Tensor] = {}
        self.views: dict[tuple[str, tuple[int, ...]], Tensor] = {}
        self.kept: list[Tensor] = []

    def take(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Return memory of a shape, and of the type of ``like``."""
        view = self.views.get((name, shape))
        if view is not None:
            return view
        size, flat = prod(shape), self.flat.get(name)
        if flat is None or len(flat) < size:
            if flat is not None and flat.is_cuda:  # a graph may write there
                self.kept.append(flat)
            flat = self.flat[name] = like.new_empty(size)
            self.views = {key: view for key, view in self.views.items() if key[0] != name}
        elif len(self.views) > MOST_VIEWS:  # of widths that differ from batch to batch
            self.views.clear()
        view = self.views[name, shape] = flat[:size].view(shape)
        return view


class OfMembers:
    """What computes a layer of several members, and its gradients."""

    def __init__(self, layer: LinearLayer) -> None:
        self.weight = cast("SpectralWeight", weight_of(layer))
        self.bias = TrainedTensor(layer.bias)
        self.bias_column = None if layer.bias is None else self.bias.values.unsqueeze(-1)
        self.shape = (layer.n_members, layer.out_features, layer.in_features)
        self.memory = Memory()


class Views:
    """What a layer of several members reads and writes for so many rows: to find it anew
    for each batch takes as long as a small product."""

    def __init__(self, layer: OfMembers, like: Tensor, n_rows: int, n_in: int) -> None:
        (n_members, n_out, _), take = layer.shape, layer.memory.take
        width = n_in + (layer.bias.values is not None)
        self.x = take("x", like, n_rows, width)
        self.columns, self.inner = self.x.T, self.x[:, :n_in]
        weight = take("weight", like, n_members, n_out, width)
        self.weight, self.weight_inner = weight.flatten(0, 1), weight[..., :n_in]
        output = take("output", like, n_members, n_out, n_rows)
        self.output, self.output_rows = output.flatten(0, 1), output.mT
        gradient = take("gradient", like, n_members, n_out, width)
        self.gradient, self.gradient_inner = gradient.flatten(0, 1), gradient[..., :n_in]
        if layer.bias.values is not None:  # one more column of the weight, which reads ones
            self.ones, self.bias = self.x[:, n_in], weight[..., n_in]
            self.gradient_bias = gradient[..., n_in]


class SharedRowsLayer(OfMembers):
    """A layer of several members that all read the same rows: one product.

    Columns that are zero in a batch take no part: nothing depends on them (a quarter of
    MNIST's, for example)."""

    def __init__(self, layer: LinearLayer) -> None:
        super().__init__(layer)
        self.views: dict[int, Views] = {}  # by the number of rows, with all columns

    def _views(self, x: Tensor, columns: Tensor | None) -> Views:
        if columns is not None:
            self.views.clear()  # it takes the same memory
            return Views(self, x, len(x), len(columns))
        if len(x) not in self.views:
            self.views[len(x)] = Views(self, x, len(x), x.shape[1])
        return self.views[len(x)]

    def forward(self, x: Tensor | SeenColumns) -> Tensor:
        columns: Tensor | None
        if isinstance(x, SeenColumns):
            columns, x = x.columns, x.values()
        else:
            columns = seen_columns(x)
            x = x if columns is None else x.index_select(1, columns)
        self.part: SpectralWeight | WeightColumns = self.weight
        if columns is not None:
            self.part = self.weight.at_columns(columns)
        now = self.now = self._views(x, columns)
        now.inner.copy_(x)
        self.part.form(now.weight_inner)
        if self.bias.values is not None:
            now.ones.fill_(1.0)
            now.bias.copy_(self.bias.values)
        torch.mm(now.weight, now.columns, out=now.output)
        if self.weight.out_alone:
            self.plain = self.part.phi_values @ now.inner.T
        return now.output_rows

    def backward(self, d: Tensor, needs_input: bool) -> None:
        columns, now = d.mT.contiguous(), self.now
        if self.weight.out_alone:  # the gradient needs no product of each member's
            self.bias.write_sum(columns, -1)
            self.weight.lambda_out.write_minus_sum(columns.mul_(self.plain), -1)
            return
        torch.mm(columns.flatten(0, 1), now.x, out=now.gradient)
        if self.bias.values is not None:
            self.bias.write(now.gradient_bias)
        self.part.write(now.gradient_inner)


class OwnRowsLayer(OfMembers):
    """A layer of several members, each of which reads rows of its own."""

    def forward(self, x: Tensor) -> Tensor:
        self.x, bias = x, self.bias_column
        self.formed = self.weight.form(self.memory.take("weight", x, *self.shape))
        output = self.memory.take("output", x, *self.shape[:2], x.shape[1])
        if bias is None:
            return torch.bmm(self.formed, x.mT, out=output).mT
        return torch.baddbmm(bias, self.formed, x.mT, out=output).mT

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

    def forward(self, x: Any) -> Tensor:
        self.reads: SharedRowsLayer | OwnRowsLayer = (
            self.own if len(x.shape) > 2 else self.shared
        )
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
