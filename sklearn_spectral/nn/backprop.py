"""The gradient of a network by hand: what autograd finds, without its bookkeeping.

On small networks recording the graph, walking it and adding up gradients takes as long as
the products do. `Backprop` goes the same way by the same formulas (``products.py``) and
writes each gradient where it belongs. What it does not know is left to autograd; where both
can be asked, they agree.

Every piece below has ``forward(x)`` and ``backward(d, wanted)``, which takes the gradient
of what came out, writes those of its parameters and returns that of x, if it is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from .activations import ScaledTanh
from .direct import DirectLinear
from .layer import LinearLayer
from .linear import SpectralLinear
from .network import StackedNetwork
from .products import Scratch, product_kind
from .telescope import LinearStack


class Piece(Protocol):
    """What a network is made of, on the way there and back."""

    def forward(self, x: Tensor) -> Tensor:
        """Return what comes out."""

    def backward(self, d: Tensor, wanted: bool) -> Tensor | None:
        """Write the gradients of the parameters; return that of the input if wanted."""


class Backprop:
    """Passes through a network and back, without autograd.

    Parameters
    ----------
    network : StackedNetwork
        One that `supports` affirms. All its trained parameters have a ``grad`` already,
        which is written to (``training/flat.py``). Values and gradients may change, but not
        be moved to other memory; a plan must be followed from here on or not at all.
    batch_size : int
        Rows of most batches, which decides how stacks are computed.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SpectralNetwork
    >>> from sklearn_spectral.nn.backprop import Backprop
    >>> network = SpectralNetwork(4, 3, 5, seed=0)
    >>> for parameter in network.parameters():
    ...     parameter.grad = torch.zeros_like(parameter)
    >>> passes = Backprop(network, batch_size=2)
    >>> with torch.no_grad():
    ...     output = passes.forward(torch.ones(2, 4))
    ...     passes.backward(torch.ones_like(output))
    >>> bool(network.stacks[0].layers[0].eigenvalues_in.grad.any())
    True
    """

    def __init__(self, network: StackedNetwork, batch_size: int) -> None:
        self._pieces: list[Piece] = []
        last = len(network.stacks) - 1
        for position in range(network.n_computed_once, last + 1):
            stack = cast("LinearStack", network.stacks[position])
            self._pieces += _pieces_of(stack, batch_size)
            if position < last:
                activation = network.activations[position]
                self._pieces.append(_ACTIVATIONS[type(activation)](activation))
        self._first, *self._others = self._pieces
        self._others.reverse()

    @staticmethod
    def supports(network: nn.Module) -> bool:
        """Tell whether all layers and activations are among those known here."""
        return (
            isinstance(network, StackedNetwork)
            and all(_is_known(layer) for layer in network.layers())
            and all(type(activation) in _ACTIVATIONS for activation in network.activations)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the network's output; to be called under ``torch.no_grad``.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_features)
            As for the network, a plan that it follows included.

        Returns
        -------
        Tensor of shape (n_samples, n_outputs)
            The output.
        """
        for piece in self._pieces:
            x = piece.forward(x)
        return x

    def backward(self, d_output: Tensor) -> None:
        """Write the gradients of all trained parameters, given that of the output.

        Parameters
        ----------
        d_output : Tensor of shape (n_samples, n_outputs)
            The gradient of the loss in what `forward` returned last.
        """
        for piece in self._others:
            d_output = cast("Tensor", piece.backward(d_output, True))
        self._first.backward(d_output, False)


def _is_known(layer: LinearLayer) -> bool:
    if isinstance(layer, SpectralLinear) or type(layer) is DirectLinear:
        return layer.form.parametrization.is_stored
    return False


def _pieces_of(stack: LinearStack, batch_size: int) -> list[Piece]:
    layers, pieces = list(stack), cast("list[Piece]", [])
    way, rest = stack.way_for(batch_size)
    if way == "project":
        pieces.append(_Projected(layers[0]))
        layers, way = layers[1:], rest
    if way == "layers":
        return pieces + [_Layer(layer) for layer in layers]
    closed_form = way == "closed_form"
    chain = _Down if stack.starts_at_output(layers, closed_form) else _Up
    return [*pieces, _Retracted(chain(layers, closed_form))]


# ---- activations ----


class _Elementwise:
    """A function whose derivative is known from its value."""

    def __init__(
        self,
        apply: Callable[[Tensor], Tensor],
        gradient: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        self.apply, self.gradient = apply, gradient

    def forward(self, x: Tensor) -> Tensor:
        self.y = self.apply(x)
        return self.y

    def backward(self, d: Tensor, wanted: bool) -> Tensor:
        return self.gradient(d, self.y)


class _ScaledTanh:
    def __init__(self, activation: nn.Module) -> None:
        self.slope = _Values(cast("ScaledTanh", activation).slope)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        self.y = torch.tanh(x * self.slope.values)
        return self.y

    def backward(self, d: Tensor, wanted: bool) -> Tensor:
        inner = _ATEN.tanh_backward(d, self.y)
        if self.slope.gradient is not None:
            torch.sum(inner * self.x, dim=(0, 1), out=self.slope.gradient)
        return inner.mul_(self.slope.values)


_ATEN = torch.ops.aten

_ACTIVATIONS: dict[type[nn.Module], Callable[[nn.Module], Piece]] = {
    nn.ReLU: lambda _: _Elementwise(
        torch.relu_, lambda d, y: _ATEN.threshold_backward(d, y, 0)
    ),
    nn.ELU: lambda _: _Elementwise(
        nn.functional.elu_, lambda d, y: _ATEN.elu_backward(d, 1, 1, 1, True, y)
    ),
    nn.Tanh: lambda _: _Elementwise(torch.tanh_, _ATEN.tanh_backward),
    nn.Sigmoid: lambda _: _Elementwise(torch.sigmoid_, _ATEN.sigmoid_backward),
    ScaledTanh: _ScaledTanh,
}


# ---- parameters ----


class _Values:
    """A parameter's values, and its gradient if it trains: reading a module takes time."""

    def __init__(self, parameter: nn.Parameter) -> None:
        self.values = parameter.detach()
        self.gradient = parameter.grad if parameter.requires_grad else None


class _Bias:
    """A bias, or none."""

    def __init__(self, layer: LinearLayer) -> None:
        values = None if layer.bias is None else _Values(layer.bias)
        self.values = None if values is None else values.values
        self.gradient = None if values is None else values.gradient

    def write(self, d: Tensor) -> None:
        """Write the gradient, given that of what the bias was added to."""
        if self.gradient is not None:
            torch.sum(d, 0, out=self.gradient)

    def copy(self, gradient: Tensor) -> None:
        """Write the gradient itself."""
        if self.gradient is not None:
            self.gradient.copy_(gradient)


class _SpectralWeight:
    """The weight of a spectral layer, formed from its eigenvalues and eigenvectors."""

    def __init__(self, layer: SpectralLinear) -> None:
        self.lambda_in = _Values(layer.eigenvalues_in)
        self.lambda_out = _Values(layer.eigenvalues_out)
        self.phi = _Values(layer.form.block)
        self.column = self.lambda_out.values.unsqueeze(1)
        self.trains = True

    def form(self) -> Tensor:
        """Return W."""
        return torch.sub(self.lambda_in.values, self.column).mul_(self.phi.values)

    def write(self, d_weight: Tensor) -> None:
        """Write the gradients, given that of W, which is overwritten."""
        if self.phi.gradient is not None:
            gaps = torch.sub(self.lambda_in.values, self.column, out=self.phi.gradient)
            gaps.mul_(d_weight)
        d_in, d_out = self.lambda_in.gradient, self.lambda_out.gradient
        d_weight.mul_(self.phi.values)
        if d_in is not None:
            torch.sum(d_weight, 0, out=d_in)
        if d_out is not None:
            torch.sum(d_weight, 1, out=d_out).neg_()


class _DirectWeight:
    """The weight of a layer in direct space."""

    def __init__(self, layer: DirectLinear) -> None:
        self.matrix = _Values(layer.form.block)
        self.trains = self.matrix.gradient is not None

    def form(self) -> Tensor:
        """Return W."""
        return self.matrix.values

    def write(self, d_weight: Tensor) -> None:
        """Write the gradient."""
        if self.matrix.gradient is not None:
            self.matrix.gradient.copy_(d_weight)


def _weight_of(layer: LinearLayer) -> _SpectralWeight | _DirectWeight:
    if isinstance(layer, SpectralLinear):
        return _SpectralWeight(layer)
    return _DirectWeight(cast("DirectLinear", layer))


# ---- layers and stacks ----


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x @ weight.T if bias is None else torch.addmm(bias, x, weight.T)


class _Layer:
    """One layer."""

    def __init__(self, layer: LinearLayer) -> None:
        self.weight, self.bias = _weight_of(layer), _Bias(layer)

    def forward(self, x: Tensor) -> Tensor:
        self.x, self.formed = x, self.weight.form()
        return _affine(x, self.formed, self.bias.values)

    def backward(self, d: Tensor, wanted: bool) -> Tensor | None:
        self.bias.write(d)
        if self.weight.trains:
            self.weight.write(d.T @ self.x)
        return d @ self.formed if wanted else None


class _Projected:
    """The first layer, from data that passed its frozen map."""

    def __init__(self, layer: LinearLayer) -> None:
        self.layer, self.bias = layer, _Bias(layer)
        self.d_out: Tensor | None = None
        if isinstance(layer, SpectralLinear):
            self.d_out = _Values(layer.eigenvalues_out).gradient

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return self.layer.from_frozen_map(x)

    def backward(self, d: Tensor, wanted: bool) -> None:
        self.bias.write(d)
        if self.d_out is not None:
            plain = self.x[:, -self.layer.out_features :]
            torch.sum(d * plain, 0, out=self.d_out).neg_()


class _Retracted:
    """A stack by its retracted matrix."""

    def __init__(self, chain: _Down | _Up) -> None:
        self.chain = chain

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        self.formed, bias = self.chain.forward()
        return _affine(x, self.formed, bias)

    def backward(self, d: Tensor, wanted: bool) -> Tensor | None:
        self.chain.backward(d.T @ self.x, d.sum(0))
        return d @ self.formed if wanted else None


class _Down:
    """A contraction that starts at the last layer: M <- M W, the bias gaining M b."""

    def __init__(self, layers: Sequence[LinearLayer], closed_form: bool) -> None:
        last, *others = reversed(layers)
        self.weight, self.bias = _weight_of(last), _Bias(last)
        self.biases = [_Bias(layer) for layer in others]
        self.factors = [_factor(layer, closed_form, transposed=False) for layer in others]

    def forward(self) -> tuple[Tensor, Tensor | None]:
        product, bias = self.weight.form(), self.bias.values
        self.products = []
        for own, factor in zip(self.biases, self.factors, strict=True):
            self.products.append(product)
            if own.values is not None:
                onward = product @ own.values
                bias = onward if bias is None else bias + onward
            product = factor.forward(product)
        return product, bias

    def backward(self, grad: Tensor, d_bias: Tensor) -> None:
        steps = list(zip(self.biases, self.factors, self.products, strict=True))
        for own, factor, before in reversed(steps):
            grad = factor.backward(grad)
            if own.gradient is not None:
                torch.mv(before.T, d_bias, out=own.gradient)
            if own.values is not None:
                grad = grad.addr_(d_bias, own.values)
        if self.weight.trains:
            self.weight.write(grad)
        self.bias.copy(d_bias)


class _Up:
    """One that starts at the first: M <- M W^T, the bias being one more row of M."""

    def __init__(self, layers: Sequence[LinearLayer], closed_form: bool) -> None:
        first, *others = layers
        self.weight, self.bias = _weight_of(first), _Bias(first)
        self.biases = [_Bias(layer) for layer in others]
        self.factors = [_factor(layer, closed_form, transposed=True) for layer in others]
        self.has_bias = any(layer.bias is not None for layer in layers)

    def forward(self) -> tuple[Tensor, Tensor | None]:
        product = self.weight.form().T
        if self.has_bias:
            bias = self.bias.values
            row = product.new_zeros(product.shape[1]) if bias is None else bias
            product = torch.cat([product, row[None]])
        for own, factor in zip(self.biases, self.factors, strict=True):
            product = factor.forward(product)
            if own.values is not None:
                product[-1] += own.values
        return (product[:-1].T, product[-1]) if self.has_bias else (product.T, None)

    def backward(self, grad: Tensor, d_bias: Tensor) -> None:
        grad = torch.cat([grad.T, d_bias[None]]) if self.has_bias else grad.T
        steps = list(zip(self.biases, self.factors, strict=True))
        for own, factor in reversed(steps):
            own.copy(grad[-1])
            grad = factor.backward(grad)
        self.bias.copy(grad[-1])
        if self.weight.trains:
            self.weight.write((grad[:-1] if self.has_bias else grad).T)


def _factor(layer: LinearLayer, closed_form: bool, transposed: bool) -> _Closed | _Formed:
    if closed_form and isinstance(layer, SpectralLinear) and not layer.train_eigenvectors:
        return _Closed(layer, transposed)
    return _Formed(layer, transposed)


class _Formed:
    """The product with a weight that is formed, or with its transpose."""

    def __init__(self, layer: LinearLayer, transposed: bool) -> None:
        self.weight, self.transposed = _weight_of(layer), transposed

    def forward(self, left: Tensor) -> Tensor:
        weight = self.weight.form()
        self.left, self.formed = left, weight.T if self.transposed else weight
        return left @ self.formed

    def backward(self, grad: Tensor) -> Tensor:
        if self.weight.trains:
            d_weight = self.left.T @ grad
            self.weight.write(d_weight.T if self.transposed else d_weight)
        return grad @ self.formed.T


class _Closed:
    """The product with a spectral weight in closed form, or with its transpose.

    The transpose is minus a spectral weight whose two sets change places.
    """

    def __init__(self, layer: SpectralLinear, transposed: bool) -> None:
        sets = [layer.eigenvalues_in, layer.eigenvalues_out]
        phi = layer.form.block.detach()
        self.transposed = transposed
        self.phi = phi.T if transposed else phi
        self.sets = sets[::-1] if transposed else sets
        self.values = [_Values(one) for one in self.sets]
        self.scratch: Scratch = layer.scratch
        self.kinds: dict[int, Any] = {}

    def forward(self, left: Tensor) -> Tensor:
        n_rows = left.shape[0]
        if n_rows not in self.kinds:
            self.kinds[n_rows] = product_kind(n_rows, *self.sets)
        self.kind = self.kinds[n_rows]
        trained = [one.gradient is not None for one in self.values]
        self.context = _Context((True, *trained, False, False))
        sets = [one.values for one in self.values]
        product = self.kind.forward(self.context, left, *sets, self.phi, self.scratch)
        return product.neg_() if self.transposed else product

    def backward(self, grad: Tensor) -> Tensor:
        signed = -grad if self.transposed else grad
        d_left, *d_sets = self.kind.backward(self.context, signed)[:3]
        for one, gradient in zip(self.values, d_sets, strict=True):
            if one.gradient is not None:
                one.gradient.copy_(gradient)
        return d_left


class _Context:
    """What a function of autograd keeps between its two passes, without autograd."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.saved_tensors: tuple[Tensor, ...] = ()

    def save_for_backward(self, *tensors: Tensor) -> None:
        self.saved_tensors = tensors
