"""How rows and matrices are multiplied by a spectral weight, and what that takes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..spec.plan import ENTRY_COST, THIN_ROWS
from .layer import LinearLayer
from .parametrized import ParametrizedMatrix
from .products import (
    Scratch,
    is_frozen_constant,
    left_product,
    row_of_members,
    spectral_weight,
    split_projection,
)


class SpectralMultiplication(LinearLayer):
    """The products of a layer that has eigenvalues, and eigenvectors in a form."""

    eigenvalues_in: nn.Parameter
    eigenvalues_out: nn.Parameter
    form: ParametrizedMatrix
    scratch: Scratch
    train_eigenvalues: str

    @property
    def eigenvectors(self) -> Tensor:
        """The block phi of shape (out_features, in_features)."""
        return self.form()

    @property
    def weight(self) -> Tensor:
        """The weight W of shape (out_features, in_features), differentiable; of several
        members (n_members, out_features, in_features)."""
        return spectral_weight(self.eigenvalues_in, self.eigenvalues_out, self.eigenvectors)

    @property
    def _phi_is_frozen(self) -> bool:
        return not self.form.parametrization.trained

    def left_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``matrix @ weight``; the weight is formed only if all of phi trains."""
        matrix = self._of_members(matrix)
        if self._phi_is_frozen:
            return left_product(
                matrix,
                self.eigenvalues_in,
                self.eigenvalues_out,
                self.eigenvectors,
                self.scratch,
            )
        if self.product_cost(matrix.shape[-2]) is None:
            return matrix @ self.weight
        # By the parametrization of phi, both products as one.
        stacked = torch.cat([matrix, matrix * row_of_members(self.eigenvalues_out)], dim=-2)
        scaled_in, scaled_out = self.form.left_multiply(stacked).chunk(2, dim=-2)
        return scaled_in * row_of_members(self.eigenvalues_in) - scaled_out

    def right_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``weight @ matrix``, without forming the weight where phi is frozen."""
        matrix = self._of_members(matrix)
        if not self._phi_is_frozen:
            return self.weight @ matrix
        # The transpose of W is minus a spectral weight whose two sets change places.
        product = left_product(
            matrix.mT,
            self.eigenvalues_out,
            self.eigenvalues_in,
            self.eigenvectors.T,
            self.scratch,
        )
        return -product.mT

    def _of_members(self, matrix: Tensor) -> Tensor:
        """Give each member its matrix, the same for all if there is one."""
        if self.n_members == 1 or matrix.ndim > 2:
            return matrix
        return matrix.expand(self.n_members, *matrix.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` as `LinearLayer.forward` does, through the grids of phi where that
        takes less than its weight."""
        maths, n_passes = self.form.parametrization, self._n_passes
        cost = maths.grids_cost(x[..., 0].numel(), x.requires_grad, n_passes)
        if cost is None:
            return super().forward(x)
        plain = maths.through_grids(x, self.form)
        if n_passes == 1:
            return self._output(plain)
        scaled = maths.through_grids(x * row_of_members(self.eigenvalues_in), self.form)
        return self._output(plain, scaled)

    @property
    def _n_passes(self) -> int:
        """How often a row passes the grids of phi, if it has any: twice, unless lambda_in
        is one frozen number."""
        if not self.form.parametrization.has_grids:
            return 1  # which spares looking at the eigenvalues at each batch
        return 1 if is_frozen_constant(self.eigenvalues_in, sync=True) else 2

    def _output(self, plain: Tensor, scaled: Tensor | None = None) -> Tensor:
        """Return the output, given phi x, and phi lambda_in x where lambda_in is not one
        frozen number."""
        if scaled is None:
            gains = self.eigenvalues_in[..., :1] - self.eigenvalues_out
            output = plain * row_of_members(gains)
        else:
            output = scaled - row_of_members(self.eigenvalues_out) * plain
        return output if self.bias is None else output + row_of_members(self.bias)

    def frozen_factor(self) -> Tensor | None:
        """Return F of phi, or lambda_in F above F, where only ``out`` trains.

        Of several members whose lambda_in differ, those of all above one another."""
        factor = self.form.parametrization.frozen_factor(self.form)
        if factor is None or self.train_eigenvalues != "out":
            return None
        if is_frozen_constant(self.eigenvalues_in, sync=True):
            return factor
        scaled = factor * self.eigenvalues_in.unsqueeze(-2)
        return torch.cat([scaled.flatten(0, -2), factor])

    def from_projection(self, projected: Tensor) -> Tensor:
        """Finish `forward` from the precomputed projection F x."""
        of_phi = self.form.parametrization.from_projection
        if projected.shape[-1] == self.out_features:
            return self._output(of_phi(projected, self.form))
        parts = split_projection(projected, self.n_members, self.out_features)
        scaled, plain = (of_phi(part, self.form) for part in parts)
        return self._output(plain, scaled)

    def forming_cost(self) -> int:
        """Count what forming the weight takes, and phi before it."""
        return super().forming_cost() + self.form.parametrization.forming_cost()

    def passing_cost(self, n_rows: int, into_input: bool) -> int:
        """Count what a batch takes, through the grids of phi if it has any."""
        through = self.form.parametrization.grids_cost(
            self.n_members * n_rows, into_input, self._n_passes
        )
        return super().passing_cost(n_rows, into_input) if through is None else through

    def product_cost(self, n_rows: int) -> int | None:
        """Count what `left_multiply` takes in closed form, there and back."""
        entries = self.n_members * self.size
        if not self._phi_is_frozen:
            if n_rows > THIN_ROWS:
                return None
            return self.form.parametrization.product_cost(2 * self.n_members * n_rows)
        if is_frozen_constant(self.eigenvalues_in, sync=True) or is_frozen_constant(
            self.eigenvalues_out, sync=True
        ):
            return 2 * n_rows * entries
        if n_rows <= THIN_ROWS:
            return 4 * n_rows * entries
        return (3 * n_rows + ENTRY_COST) * entries
