"""The gradient of a network by hand: what autograd finds, without its bookkeeping.

On small networks recording the graph, walking it and adding up gradients takes as long as
the products do. `Backprop` goes the same way by the same formulas (``products.py``) and
writes each gradient where it belongs. Layers and activations that are not registered here
are left to autograd; where both can be asked, they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, cast

import torch
from torch import Tensor, nn

from .activations import ScaledTanh, slope_of_each
from .backprop_members import MembersLayer, MembersProjected
from .layer import LinearLayer, affine
from .network import StackedNetwork
from .products import times_vector
from .seen_columns import SeenColumns
from .telescope import LinearStack
from .trained_weights import (
    WEIGHTS,
    ClosedFactor,
    TrainedTensor,
    weight_of,
)


class Operation(Protocol):
    """A step of the forward pass, and its way back."""

    def forward(self, x: Any) -> Tensor:
        """Return the output."""

    def backward(self, d: Tensor, needs_input: bool) -> Tensor | None:
        """Write the gradients of the parameters; return that of the input if needed."""


class Backprop:
    """Passes through a network that `supports` affirms and back, without autograd."""

    # All trained parameters have a ``grad`` already, which is overwritten; neither they nor
    # it may move to other memory, and a plan is active from here on or not at all.
    def __init__(self, network: StackedNetwork, batch_size: int) -> None:
        self._standardized = network.standardized
        self._operations: list[Operation] = []
        last = len(network.stacks) - 1
        for position in range(network.n_computed_once, last + 1):
            self._operations += _operations_of(network.stacks[position], batch_size)
            if position < last:
                activation = network.activations[position]
                self._operations.append(ACTIVATIONS[type(activation)](activation))
        self._first, *self._others = self._operations
        self._others.reverse()
        # Whether rows may be `SeenColumns` at no cost: what is shifted is zero nowhere.
        shift = network.input_shift
        self.reads_columns = isinstance(self._first, _Layer | MembersLayer) and (
            shift is None or not shift.any()
        )

    @staticmethod
    def supports(network: nn.Module) -> bool:
        """Whether all layers and activations are among those registered here."""
        return (
            isinstance(network, StackedNetwork)
            and all(map(_is_known, network.layers()))
            and all(type(activation) in ACTIVATIONS for activation in network.activations)
        )

    def forward(self, x: Any) -> Tensor:
        """Return the output for rows or `SeenColumns`; under ``torch.no_grad``."""
        if isinstance(x, SeenColumns) and not self.reads_columns:
            x = x.dense()
        x = self._standardized(x)
        for operation in self._operations:
            x = operation.forward(x)
        return x

    def backward(self, d_output: Tensor) -> None:
        """Write the gradients of all trained parameters, given that of the last output."""
        for operation in self._others:
            d_output = cast("Tensor", operation.backward(d_output, True))
        self._first.backward(d_output, False)


def _is_known(layer: Any) -> bool:
    return type(layer) in WEIGHTS and layer.form.parametrization.is_stored


def _operations_of(stack: LinearStack, batch_size: int) -> list[Operation]:
    layers = list(stack)
    operations: list[Operation] = []
    projected, strategy = stack.strategy_for(batch_size)
    several = layers[0].n_members > 1
    if projected:
        of_projection = MembersProjected if several else _Projected
        operations.append(of_projection(layers.pop(0)))
    if strategy == "layers":
        return operations + [
            MembersLayer(layer) if several else _Layer(layer) for layer in layers
        ]
    closed_form = strategy == "closed_form"
    parts = [(weight_of(layer), TrainedTensor(layer.bias)) for layer in layers]
    chain = Down if stack.starts_at_output(layers, closed_form) else Up
    return [*operations, _Retracted(chain(parts, closed_form))]


# ---- activations ----


class _Elementwise:
    """A function whose derivative is known from its value; ``gradient`` takes over d."""

    def __init__(
        self,
        apply: Callable[[Tensor], Tensor],
        gradient: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        self.apply, self.gradient = apply, gradient

    def forward(self, x: Tensor) -> Tensor:
        self.y = self.apply(x)
        return self.y

    def backward(self, d: Tensor, needs_input: bool) -> Tensor:
        return self.gradient(d, self.y)


class TanhOfSlope:
    """The hyperbolic tangent of x times a slope, as those of ``trained_weights.py``."""

    def __init__(self, slope: Any) -> None:
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        self.x, self.factor = x, slope_of_each(self.slope.values)
        self.y = torch.tanh(x * self.factor)
        return self.y

    def backward(self, d: Tensor, needs_input: bool) -> Tensor:
        inner = _ATEN.tanh_backward.grad_input(d, self.y, grad_input=d)
        if self.slope.gradient is not None:
            self.slope.write_sum(inner * self.x, (-2, -1))
        return inner.mul_(self.factor)


_ATEN = torch.ops.aten

ACTIVATIONS: dict[type[nn.Module], Callable[[nn.Module], Operation]] = {
    nn.ReLU: lambda _: _Elementwise(
        torch.relu_,
        lambda d, y: _ATEN.threshold_backward.grad_input(d, y, 0, grad_input=d),
    ),
    nn.ELU: lambda _: _Elementwise(
        nn.functional.elu_,
        lambda d, y: _ATEN.elu_backward.grad_input(d, 1, 1, 1, True, y, grad_input=d),
    ),
    nn.Tanh: lambda _: _Elementwise(
        torch.tanh_, lambda d, y: _ATEN.tanh_backward.grad_input(d, y, grad_input=d)
    ),
    nn.Sigmoid: lambda _: _Elementwise(
        torch.sigmoid_, lambda d, y: _ATEN.sigmoid_backward.grad_input(d, y, grad_input=d)
    ),
    ScaledTanh: lambda activation: TanhOfSlope(
        TrainedTensor(cast("ScaledTanh", activation).slope)
    ),
}


# ---- layers and stacks ----

Part: TypeAlias = tuple[Any, Any]
"""The weight of a layer and its bias, as those of ``trained_weights.py``."""


def _pass_back(d: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of what passed a weight, ``d @ weight``."""
    return d @ weight if weight.ndim == 2 else (weight.mT @ d.mT).mT


class _Layer:
    """One layer of one network; see `MembersLayer` for several."""

    def __init__(self, layer: LinearLayer) -> None:
        self.weight, self.bias = weight_of(layer), TrainedTensor(layer.bias)

    def forward(self, x: Any) -> Tensor:
        self.x = x
        if isinstance(x, SeenColumns):
            self.part = self.weight.columns_as_rows(x.columns)
            output = x.times(self.part.form())
            return output if self.bias.values is None else output.add_(self.bias.values)
        self.formed = self.weight.form()
        return affine(x, self.formed, self.bias.values)

    def backward(self, d: Tensor, needs_input: bool) -> Tensor | None:
        self.bias.write_sum(d, 0)
        if isinstance(self.x, SeenColumns):  # of the data, which have no gradient
            if self.weight.trains:
                self.part.write(self.x.transposed_times(d))
            return None
        if self.weight.trains:
            self.weight.write(d.T @ self.x)
        return d @ self.formed if needs_input else None


class _Projected:
    """The first layer, from data multiplied by its frozen factor."""

    def __init__(self, layer: LinearLayer) -> None:
        self.layer = layer
        self.weight, self.bias = weight_of(layer), TrainedTensor(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return self.layer.from_projection(x)

    def backward(self, d: Tensor, needs_input: bool) -> None:
        self.bias.write_sum(d, 0)
        self.weight.write_projected(d, self.x)


class _Retracted:
    """A stack by its retracted matrix."""

    def __init__(self, chain: Down | Up) -> None:
        self.chain = chain

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        self.formed, bias = self.chain.forward()
        return affine(x, self.formed, bias)

    def backward(self, d: Tensor, needs_input: bool) -> Tensor | None:
        self.chain.backward(d.mT @ self.x, d.sum(-2))
        return _pass_back(d, self.formed) if needs_input else None


class Down:
    """A contraction that starts at the last layer: M <- M W, the bias gaining M b."""

    def __init__(self, layers: Sequence[Part], closed_form: bool) -> None:
        (self.weight, self.bias), *others = reversed(layers)
        self.biases = [bias for _, bias in others]
        self.factors = [_factor(each, closed_form, transposed=False) for each, _ in others]

    def forward(self) -> tuple[Tensor, Tensor | None]:
        product, total = self.weight.form(), self.bias.values
        self.products = []
        for bias, factor in zip(self.biases, self.factors, strict=True):
            self.products.append(product)
            if bias.values is not None:
                onward = times_vector(product, bias.values)
                total = onward if total is None else total + onward
            product = factor.forward(product)
        return product, total

    def backward(self, grad: Tensor, d_total: Tensor) -> None:
        steps = list(zip(self.biases, self.factors, self.products, strict=True))
        for bias, factor, before in reversed(steps):
            grad = factor.backward(grad)
            if bias.gradient is not None:
                bias.write(times_vector(before.mT, d_total))
            if bias.values is not None:
                grad = _add_outer(grad, d_total, bias.values)
        if self.weight.trains:
            self.weight.write(grad)
        self.bias.write(d_total)


def _add_outer(matrix: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Add ``left right^T`` to a matrix in place, member by member if there are several."""
    if left.ndim == 1:
        return matrix.addr_(left, right)
    return matrix.baddbmm_(left.unsqueeze(-1), right.unsqueeze(-2))


class Up:
    """One that starts at the first: M <- M W^T, the bias being one more row of M."""

    def __init__(self, layers: Sequence[Part], closed_form: bool) -> None:
        (self.weight, self.bias), *others = layers
        self.biases = [bias for _, bias in others]
        self.factors = [_factor(each, closed_form, transposed=True) for each, _ in others]
        self.has_bias = any(bias.values is not None for _, bias in layers)

    def forward(self) -> tuple[Tensor, Tensor | None]:
        product = self.weight.form().mT
        if self.has_bias:
            first = self.bias.values
            row = torch.zeros_like(product[..., 0, :]) if first is None else first
            product = torch.cat([product, row.unsqueeze(-2)], dim=-2)
        for bias, factor in zip(self.biases, self.factors, strict=True):
            product = factor.forward(product)
            if bias.values is not None:
                product[..., -1, :] += bias.values
        if not self.has_bias:
            return product.mT, None
        return product[..., :-1, :].mT, product[..., -1, :]

    def backward(self, grad: Tensor, d_total: Tensor) -> None:
        grad = grad.mT
        if self.has_bias:
            grad = torch.cat([grad, d_total.unsqueeze(-2)], dim=-2)
        for bias, factor in reversed(list(zip(self.biases, self.factors, strict=True))):
            bias.write(grad[..., -1, :])
            grad = factor.backward(grad)
        self.bias.write(grad[..., -1, :])
        if self.weight.trains:
            self.weight.write((grad[..., :-1, :] if self.has_bias else grad).mT)


def _factor(
    weight: Any, closed_form: bool, transposed: bool
) -> ClosedFactor | _FormedFactor:
    closed = weight.closed_factor(transposed) if closed_form else None
    return _FormedFactor(weight, transposed) if closed is None else closed


class _FormedFactor:
    """The product with a weight that is formed, or with its transpose."""

    def __init__(self, weight: Any, transposed: bool) -> None:
        self.weight, self.transposed = weight, transposed

    def forward(self, left: Tensor) -> Tensor:
        weight = self.weight.form()
        self.left, self.formed = left, weight.mT if self.transposed else weight
        return left @ self.formed

    def backward(self, grad: Tensor) -> Tensor:
        if self.weight.trains:
            d_weight = self.left.mT @ grad
            self.weight.write(d_weight.mT if self.transposed else d_weight)
        return grad @ self.formed.mT
