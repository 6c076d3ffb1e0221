"""The gradient by hand of several networks of one architecture, all at once.

Networks of a search are small, and most of a step of one is calls. Here a call is of all of
them: what trains are the rows of one matrix, and products are stacked. They share nothing
but the rows that they read, where several read the same.

Signals are (n_networks * n_members, n_nodes, n_rows), so that rows are neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from .activations import ScaledTanh
from .backprop import ACTIVATIONS, Backprop, Down, Part, TanhOfSlope, Up
from .backprop_members import Memory
from .layer import LinearLayer
from .linear import SpectralLinear
from .network import StackedNetwork
from .telescope import LinearStack

Get = Callable[[StackedNetwork], Any]


class SideBySide:
    """Passes through networks that `supports` affirms and back, without autograd.

    Row j of ``values`` (n_networks, n_trained) has what trains of network j, as
    `FlatParameters` orders it, and row j of ``gradients`` is where its gradient goes.
    Networks that read the same rows are neighbours: ``counts`` has how many each time.
    """

    # As for `Backprop`, a plan is active from here on or not at all.
    def __init__(
        self,
        networks: Sequence[StackedNetwork],
        values: Tensor,
        gradients: Tensor,
        counts: Sequence[int],
    ) -> None:
        stacked = _Stacked(networks, values, gradients)
        ends = [0, *accumulate(count * stacked.n_members for count in counts)]
        self.parts = [slice(*pair) for pair in pairwise(ends)]
        first, *others = _operations(networks[0], stacked)
        self._first, self._others = cast("_First | _Projected", first), others

    @staticmethod
    def supports(network: nn.Module) -> bool:
        """Whether all layers, activations and plans are among those known here."""
        if not Backprop.supports(network):
            return False
        network = cast("StackedNetwork", network)
        plan = network.stacks[0].active_plan
        if plan is None or plan.strategy != "project":
            return network.n_computed_once == 0
        layers = network.stacks[0].layers
        return len(layers) == 1 and type(layers[0]) is SpectralLinear

    def forward(self, batches: Sequence[Tensor]) -> Tensor:
        """Return the outputs, (n_networks * n_members, most rows, n_out), for what
        `read_rows` made of the rows of each group; under ``torch.no_grad``. Where a group
        has fewer rows than the most, its last outputs are of none, and finite."""
        signal = self._first.forward(batches, self.parts)
        for operation in self._others:
            signal = operation.forward(signal)
        return signal.mT

    def backward(self, d_output: Tensor) -> None:
        """Write the gradients of all networks, given that of the last outputs; those of
        rows that a group does not have are zero."""
        d = d_output.mT.contiguous()
        for operation in reversed(self._others):
            d = operation.backward(d, True)
        self._first.backward(d)


def read_rows(network: StackedNetwork, x: Tensor, out: Tensor | None = None) -> Tensor:
    """Return rows as a network's first layer reads them, with a column of ones for biases;
    those that were multiplied by its frozen factor before as they are."""
    if network.reads_computed:
        return x
    if out is None:
        out = x.new_empty(len(x), x.shape[1] + 1)
    inner = out[:, :-1]
    if network.input_scale is None:
        inner.copy_(x)
    else:
        torch.sub(x, network.input_shift, out=inner).div_(network.input_scale)
    out[:, -1] = 1.0
    return out


# ---- what trains ----


class _Stacked:
    """Finds the parameters of several networks in the rows of a matrix."""

    def __init__(
        self, networks: Sequence[StackedNetwork], values: Tensor, gradients: Tensor
    ) -> None:
        self.networks, self.values, self.gradients = networks, values, gradients
        self.n_members = networks[0].n_members
        self.starts: dict[int, int] = {}
        start = 0
        for parameter in networks[0].parameters():
            if parameter.requires_grad:
                self.starts[id(parameter)] = start
                start += parameter.numel()

    def tensor(self, get: Get, *, shared: bool = False) -> _StackedTensor:
        """Return the parameter that ``get`` finds in each network; ``shared`` by all
        members or not."""
        first = get(self.networks[0])
        n_members = 1 if shared else self.n_members
        if first is None:
            return _StackedTensor(None, None, len(self.networks), n_members)
        # One axis for the members, whatever their number is.
        shape = first.shape if n_members > 1 else (1, *first.shape)
        if id(first) in self.starts:
            start = self.starts[id(first)]
            columns = slice(start, start + first.numel())
            parts = [
                of[:, columns].unflatten(1, shape) for of in (self.values, self.gradients)
            ]
            return _StackedTensor(parts[0], parts[1], len(self.networks), n_members)
        frozen = [get(network).detach() for network in self.networks]
        if all(each.equal(frozen[0]) for each in frozen[1:]):
            frozen = frozen[:1]
        values = torch.stack(frozen).view(len(frozen), *shape)
        return _StackedTensor(values, None, len(self.networks), n_members)


class _StackedTensor:
    """A parameter of several networks, (n_networks, n_members, ...), and its gradient.

    Frozen values that are the same in all networks are there once.
    """

    def __init__(
        self, each: Tensor | None, gradient: Tensor | None, n_networks: int, n_members: int
    ) -> None:
        self.each: Any = each
        self.gradient = gradient
        self.n_networks, self.n_members = n_networks, n_members

    @property
    def values(self) -> Any:
        """The values with one axis for all members of all networks, if there are any."""
        if self.each is None:
            return None
        shape = self.each.shape[1:]
        return self.each.expand(self.n_networks, *shape).flatten(0, 1)

    def apart(self, values: Tensor) -> Tensor:
        """Give the axis of all members back its two."""
        return values.unflatten(0, (self.n_networks, -1))

    def write(self, gradient: Tensor) -> None:
        if self.gradient is not None:
            self.gradient.copy_(self.apart(gradient))

    def write_sum(self, gradients: Tensor, dim: int | tuple[int, ...]) -> None:
        if self.gradient is not None:
            torch.sum(self.apart(gradients), dim, out=self.gradient)


class _SpectralWeight:
    """The weights of a spectral layer of all networks."""

    def __init__(self, stacked: _Stacked, get: Get) -> None:
        self.lambda_in = stacked.tensor(lambda network: get(network).eigenvalues_in)
        self.lambda_out = stacked.tensor(lambda network: get(network).eigenvalues_out)
        self.phi = stacked.tensor(lambda network: get(network).form.block, shared=True)
        self.trains, self.memory = True, Memory()
        layer = get(stacked.networks[0])
        n_networks, n_members = len(stacked.networks), stacked.n_members
        self.shape = (n_networks, n_members, layer.out_features, layer.in_features)

    def form(self, out: Tensor | None = None) -> Tensor:
        """Return W, (n_networks * n_members, n_out, n_in)."""
        if out is None:
            out = self.memory.take("weight", self.phi.each, *self.shape).flatten(0, 1)
        of_each = out.unflatten(0, self.shape[:2])
        torch.mul(self._gaps(), self.phi.each, out=of_each)
        return out

    def _gaps(self) -> Tensor:
        """Return lambda_in less lambda_out, at each entry of W."""
        gaps = self.memory.take("gaps", self.phi.each, *self.shape)
        row, column = self.lambda_in.each.unsqueeze(-2), self.lambda_out.each.unsqueeze(-1)
        return torch.sub(row, column, out=gaps)

    def write(self, d_weight: Tensor) -> None:
        """Write the gradients, given that of W, which is overwritten."""
        d = d_weight.unflatten(0, self.shape[:2])
        if self.phi.gradient is not None:
            gaps = self.memory.take("gaps", d, *self.shape)  # of the pass that was
            if self.shape[1] == 1:
                torch.mul(gaps, d, out=self.phi.gradient)
            else:
                torch.sum(gaps.mul_(d), 1, keepdim=True, out=self.phi.gradient)
        d.mul_(self.phi.each)
        if self.lambda_in.gradient is not None:
            torch.sum(d, -2, out=self.lambda_in.gradient)
        if self.lambda_out.gradient is not None:
            torch.sum(d, -1, out=self.lambda_out.gradient).neg_()


class _DirectWeight:
    """The weights of a layer in direct space of all networks."""

    def __init__(self, stacked: _Stacked, get: Get) -> None:
        self.matrix = stacked.tensor(lambda network: get(network).form.block, shared=True)
        self.trains = self.matrix.gradient is not None

    def form(self, out: Tensor | None = None) -> Tensor:
        """Return W."""
        return self.matrix.values if out is None else out.copy_(self.matrix.values)

    def write(self, d_weight: Tensor) -> None:
        """Write the gradient."""
        self.matrix.write(d_weight)


# ---- operations ----


class _Source(Protocol):
    """What weights and biases come from, and their gradients go to."""

    def form(self, out: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return them, the weights in ``out`` if given."""

    def write(self, d_weight: Tensor, d_bias: Tensor) -> None:
        """Take the gradients, that of the weights to be overwritten."""


class _OfLayer:
    """The weights and biases of one layer."""

    def __init__(self, weight: Any, bias: _StackedTensor) -> None:
        self.weight, self.bias = weight, bias

    def form(self, out: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        return self.weight.form(out), self.bias.values

    def write(self, d_weight: Tensor, d_bias: Tensor) -> None:
        self.bias.write(d_bias)
        if self.weight.trains:
            self.weight.write(d_weight)


class _OfStack:
    """Those of linear layers, retracted to one."""

    def __init__(self, parts: Sequence[Part], starts_at_output: bool) -> None:
        self.chain = (Down if starts_at_output else Up)(parts, closed_form=False)

    def form(self, out: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        weight, bias = self.chain.forward()
        return (weight if out is None else out.copy_(weight)), bias

    def write(self, d_weight: Tensor, d_bias: Tensor) -> None:
        self.chain.backward(d_weight, d_bias)


class _First:
    """The first layer: networks that read the same rows take one product."""

    def __init__(self, source: _Source, shape: tuple[int, int, int]) -> None:
        self.source, self.shape, self.memory = source, shape, Memory()

    def forward(self, rows: Sequence[Tensor], parts: Sequence[slice]) -> Tensor:
        self.rows, self.parts = rows, parts
        n_all, n_out, n_in = self.shape
        weight = self.memory.take("weight", rows[0], n_all, n_out, n_in + 1)
        _, bias = self.source.form(weight[..., :-1])
        weight[..., -1] = 0.0 if bias is None else bias
        most = max(map(len, rows))
        output = self.memory.take("output", rows[0], n_all, n_out, most)
        for x, part in zip(rows, parts, strict=True):
            whole = output[part].flatten(0, 1)
            if len(x) < most:
                whole[:, len(x) :] = 0.0
            torch.mm(weight[part].flatten(0, 1), x.T, out=whole[:, : len(x)])
        return output

    def backward(self, d: Tensor) -> None:
        n_all, n_out, n_in = self.shape
        d_weight = self.memory.take("gradient", d, n_all, n_out, n_in + 1)
        for x, part in zip(self.rows, self.parts, strict=True):
            columns = d[part].flatten(0, 1)[:, : len(x)]
            torch.mm(columns, x, out=d_weight[part].flatten(0, 1))
        self.source.write(d_weight[..., :-1], d_weight[..., -1])


class _Projected:
    """The first layer, from rows multiplied by its frozen factor; `SpectralLinear` says
    what they are."""

    def __init__(self, weight: _SpectralWeight, bias: _StackedTensor) -> None:
        self.weight, self.bias, self.memory = weight, bias, Memory()

    def forward(self, rows: Sequence[Tensor], parts: Sequence[slice]) -> Tensor:
        lambda_out, bias = self.weight.lambda_out.values, self.bias.values
        n_all, n_out = lambda_out.shape
        most = max(map(len, rows))
        output = self.memory.take("output", rows[0], n_all, n_out, most)
        self.plain, self.parts = [x[:, -n_out:].T for x in rows], parts
        for x, plain, part in zip(rows, self.plain, parts, strict=True):
            of_part = output[part]
            if len(x) < most:
                of_part[..., len(x) :] = 0.0
            of_rows, column = of_part[..., : len(x)], lambda_out[part].unsqueeze(-1)
            if x.shape[1] == n_out:  # lambda_in is one number of each member
                fixed = self.weight.lambda_in.values[part, :1].unsqueeze(-1)
                torch.mul(fixed - column, plain, out=of_rows)
            else:
                scaled_in = x[:, :-n_out].T.unflatten(0, (-1, n_out))
                n_networks = len(column) // len(scaled_in)
                torch.sub(scaled_in.repeat(n_networks, 1, 1), column * plain, out=of_rows)
            if bias is not None:
                of_rows += bias[part].unsqueeze(-1)
        return output

    def backward(self, d: Tensor) -> None:
        self.bias.write_sum(d, -1)
        sums = [
            -(d[part][..., : plain.shape[1]] * plain).sum(-1)
            for plain, part in zip(self.plain, self.parts, strict=True)
        ]
        self.weight.lambda_out.write(torch.cat(sums))


class _Inner:
    """A layer that reads what the one before it gives."""

    def __init__(self, source: _Source, shape: tuple[int, int, int]) -> None:
        self.source, self.shape, self.memory = source, shape, Memory()

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        self.formed, bias = self.source.form()
        output = self.memory.take("output", x, *self.shape[:2], x.shape[-1])
        if bias is None:
            return torch.bmm(self.formed, x, out=output)
        return torch.baddbmm(bias.unsqueeze(-1), self.formed, x, out=output)

    def backward(self, d: Tensor, needs_input: bool) -> Tensor:
        d_weight = self.memory.take("gradient", d, *self.shape)
        torch.bmm(d, self.x.mT, out=d_weight)
        d_input = self.memory.take("input", d, *self.x.shape)
        torch.bmm(self.formed.mT, d, out=d_input)
        self.source.write(d_weight, d.sum(-1))
        return d_input


def _operations(network: StackedNetwork, stacked: _Stacked) -> list[Any]:
    """Return the operations in their order; ``network`` is the first of those stacked."""
    operations: list[Any] = []
    for position, stack in enumerate(network.stacks):
        operations += _of_stack(stack, position, stacked, is_first=not operations)
        if position < len(network.activations):
            activation = network.activations[position]
            if isinstance(activation, ScaledTanh):
                operations.append(TanhOfSlope(_slope(stacked, position)))
            else:
                operations.append(ACTIVATIONS[type(activation)](activation))
    return operations


def _of_stack(
    stack: LinearStack, position: int, stacked: _Stacked, *, is_first: bool
) -> list[Any]:
    layers = list(stack)
    parts = [_part(stacked, position, place, layer) for place, layer in enumerate(layers)]
    projected, strategy = stack.strategy_for(1)
    if projected:
        return [_Projected(*parts[0])]
    n_all = len(stacked.networks) * stacked.n_members
    if strategy == "layers" or len(layers) == 1:
        sources: list[_Source] = [_OfLayer(*part) for part in parts]
        shapes = [(n_all, layer.out_features, layer.in_features) for layer in layers]
    else:
        sources = [_OfStack(parts, stack.starts_at_output(layers, closed_form=False))]
        shapes = [(n_all, stack.widths[-1], stack.widths[0])]
    made: list[Any] = []
    for source, shape in zip(sources, shapes, strict=True):
        kind = _First if is_first and not made else _Inner
        made.append(kind(source, shape))
    return made


def _slope(stacked: _Stacked, position: int) -> _StackedTensor:
    """Return the slope of an activation of all networks."""
    return stacked.tensor(lambda network: network.activations[position].slope)


def _part(stacked: _Stacked, position: int, place: int, layer: LinearLayer) -> Part:
    """Return the weights and biases of one layer of all networks."""

    def get(network: StackedNetwork) -> Any:
        return network.stacks[position].layers[place]

    is_spectral = isinstance(layer, SpectralLinear)
    weight = (_SpectralWeight if is_spectral else _DirectWeight)(stacked, get)
    return weight, stacked.tensor(lambda network: get(network).bias)
