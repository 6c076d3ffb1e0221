"""Trained tensors and weights as the gradient by hand sees them; see `Backprop`."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from .direct import DirectLinear
from .layer import LinearLayer
from .linear import SpectralLinear
from .products import ClosedForm, Scratch, choose_product, row_of_members, scale


class TrainedTensor:
    """A parameter's values, and its gradient if it trains: reading a module takes time."""

    def __init__(self, parameter: nn.Parameter | None) -> None:
        self.parameter: Any = parameter  # None for the bias of a layer without one
        self.values: Any = None
        self.gradient: Tensor | None = None
        if parameter is not None:
            self.values = parameter.detach()
            self.gradient = parameter.grad if parameter.requires_grad else None

    def write(self, gradient: Tensor) -> None:
        if self.gradient is not None:
            self.gradient.copy_(gradient)

    def write_sum(self, gradients: Tensor, dim: int | tuple[int, ...]) -> None:
        if self.gradient is not None:
            torch.sum(gradients, dim, out=self.gradient)

    def write_columns(self, columns: Tensor, gradient: Tensor) -> None:
        """Write a gradient of some columns; that of the others is zero."""
        if self.gradient is not None:
            self.gradient.zero_().index_copy_(-1, columns, gradient)

    def write_minus_sum(self, gradients: Tensor, dim: int) -> None:
        if self.gradient is not None:
            torch.sum(gradients, dim, out=self.gradient).neg_()


class SpectralWeight:
    """The weight of a spectral layer, formed from its eigenvalues and eigenvectors."""

    def __init__(self, layer: LinearLayer) -> None:
        layer = cast("SpectralLinear", layer)
        self.lambda_in = TrainedTensor(layer.eigenvalues_in)
        self.lambda_out = TrainedTensor(layer.eigenvalues_out)
        self.phi = TrainedTensor(layer.form.block)
        self.row = row_of_members(self.lambda_in.values)
        self.column = self.lambda_out.values.unsqueeze(-1)
        self.scratch = layer.scratch
        self.gaps: Tensor | None = None
        self.trains = True
        self.phi_values = self.phi.values
        # Whether nothing of it but lambda_out trains.
        trained = [t.gradient is not None for t in (self.lambda_in, self.phi)]
        self.out_alone = not any(trained) and self.lambda_out.gradient is not None

    def form(self, out: Tensor | None = None) -> Tensor:
        """Return W."""
        if self.phi.gradient is None:
            return scale(self.lambda_in.values, self.column, self.phi.values, out)
        # The gaps are the gradient of W in phi.
        self.gaps = torch.sub(self.row, self.column, out=self.gaps)
        return torch.mul(self.gaps, self.phi.values, out=out)

    def write(self, d_weight: Tensor) -> None:
        """Write the gradients, given that of the W that was formed last; it is
        overwritten."""
        if self.phi.gradient is not None:
            gaps = cast("Tensor", self.gaps)
            if d_weight.ndim == 2:
                torch.mul(gaps, d_weight, out=self.phi.gradient)
            else:  # all members add to it
                self.phi.write_sum(gaps.mul_(d_weight), 0)
        d_weight.mul_(self.phi.values)
        self.lambda_in.write_sum(d_weight, -2)
        self.lambda_out.write_minus_sum(d_weight, -1)

    def at_columns(self, columns: Tensor) -> WeightColumns:
        """Return some columns of W; the gradients of the others are zero."""
        return WeightColumns(self, columns)

    def columns_as_rows(self, columns: Tensor) -> SpectralColumns:
        """Return some columns of W of one network, as rows."""
        return SpectralColumns(self, columns)

    def write_projected(self, d: Tensor, projected: Tensor) -> None:
        """Write the gradients, given that of the layer's output from projected data."""
        plain = projected[:, -len(self.lambda_out.values) :]
        self.lambda_out.write_minus_sum(d * plain, 0)

    def closed_factor(self, transposed: bool) -> ClosedFactor | None:
        """Return what multiplies by W in closed form: where phi is frozen."""
        return None if self.phi.gradient is not None else ClosedFactor(self, transposed)


class WeightColumns:
    """Some columns of a spectral weight of several members."""

    def __init__(self, weight: SpectralWeight, columns: Tensor) -> None:
        self.weight, self.columns = weight, columns
        self.lambda_in = weight.lambda_in.values.index_select(-1, columns)
        self.phi_values = weight.phi.values.index_select(1, columns)

    def form(self, out: Tensor | None = None) -> Tensor:
        """Return these columns of W."""
        return scale(self.lambda_in, self.weight.column, self.phi_values, out)

    def write(self, d_weight: Tensor) -> None:
        """Write the gradients of the whole, given that of these columns."""
        whole = self.weight
        if whole.phi.gradient is not None:
            of_members = scale(self.lambda_in, whole.column, d_weight)
            whole.phi.write_columns(self.columns, of_members.sum(0))
        d_weight.mul_(self.phi_values)
        whole.lambda_in.write_columns(self.columns, d_weight.sum(-2))
        whole.lambda_out.write_minus_sum(d_weight, -1)


class SpectralColumns:
    """Some columns of a spectral weight of one network, as the rows of a matrix: what a
    sparse matrix is multiplied by has its rows beside each other."""

    def __init__(self, weight: SpectralWeight, columns: Tensor) -> None:
        self.weight, self.columns = weight, columns
        lambda_in = weight.lambda_in.values.index_select(0, columns)
        self.gaps = lambda_in.unsqueeze(1) - weight.lambda_out.values
        self.phi_values = weight.phi.values.T.index_select(0, columns)

    def form(self) -> Tensor:
        """Return them, (n_columns, n_out)."""
        return self.gaps * self.phi_values

    def write(self, d: Tensor) -> None:
        """Write the gradients of the whole, given that of these."""
        whole = self.weight
        if whole.phi.gradient is not None:
            whole.phi.write_columns(self.columns, self.gaps.mul_(d).T)
        d.mul_(self.phi_values)
        whole.lambda_in.write_columns(self.columns, d.sum(1))
        whole.lambda_out.write_minus_sum(d, 0)


class DirectWeight:
    """The weight of a layer in direct space."""

    def __init__(self, layer: LinearLayer) -> None:
        self.matrix = TrainedTensor(cast("DirectLinear", layer).form.block)
        self.trains = self.matrix.gradient is not None

    def form(self) -> Tensor:
        """Return W."""
        return self.matrix.values

    def write(self, d_weight: Tensor) -> None:
        """Write the gradient."""
        self.matrix.write(d_weight)

    def columns_as_rows(self, columns: Tensor) -> DirectColumns:
        """Return some columns of W, as rows."""
        return DirectColumns(self, columns)

    def write_projected(self, d: Tensor, projected: Tensor) -> None:
        """Write nothing: a weight that projects data is frozen."""

    def closed_factor(self, transposed: bool) -> None:
        """Return None: the weight is there."""


class DirectColumns:
    """Some columns of a weight in direct space, as `SpectralColumns` are."""

    def __init__(self, weight: DirectWeight, columns: Tensor) -> None:
        self.matrix, self.columns = weight.matrix, columns

    def form(self) -> Tensor:
        """Return them."""
        return self.matrix.values.T.index_select(0, self.columns)

    def write(self, d: Tensor) -> None:
        """Write the gradient of the whole, given that of these."""
        self.matrix.write_columns(self.columns, d.T)


WEIGHTS: dict[type[LinearLayer], type[SpectralWeight | DirectWeight]] = {
    SpectralLinear: SpectralWeight,
    DirectLinear: DirectWeight,
}


def weight_of(layer: LinearLayer) -> SpectralWeight | DirectWeight:
    return WEIGHTS[type(layer)](layer)


class ClosedFactor:
    """The product with a spectral weight in closed form, or with its transpose."""

    def __init__(self, weight: SpectralWeight, transposed: bool) -> None:
        sets, phi = (weight.lambda_in, weight.lambda_out), weight.phi.values
        # The transpose is minus a spectral weight whose two sets change places.
        self.transposed = transposed
        self.phi = phi.T if transposed else phi
        self.sets = sets[::-1] if transposed else sets
        self.needs = (True, *(one.gradient is not None for one in self.sets), False)
        self.scratch: Scratch = weight.scratch
        self.products: dict[int, ClosedForm] = {}

    def forward(self, left: Tensor) -> Tensor:
        n_rows = left.shape[-2]
        first, second = self.sets
        if n_rows not in self.products:
            self.products[n_rows] = choose_product(
                n_rows, first.parameter, second.parameter, self.scratch
            )
        self.product = self.products[n_rows]
        product, self.saved = self.product.forward(
            left, first.values, second.values, self.phi
        )
        return product.neg_() if self.transposed else product

    def backward(self, grad: Tensor) -> Tensor:
        signed = -grad if self.transposed else grad
        d_left, *d_sets, _ = self.product.backward(self.saved, signed, self.needs)
        for one, gradient in zip(self.sets, d_sets, strict=True):
            if gradient is not None:
                one.write(gradient)
        return cast("Tensor", d_left)
