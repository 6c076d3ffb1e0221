"""DirectLinear: a layer in direct space, of whose weight all or part trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from .layer import LinearLayer
from .parametrized import ParametrizedMatrix


class DirectLinear(LinearLayer):
    """A layer in direct space, to compare the spectral layer with.

    It starts from a given weight, so that rivals can be compared from the same start.

    Parameters
    ----------
    start : Tensor of shape (out_features, in_features) or ParametrizedMatrix
        The weight before training.
    bias : bool, default=True
        Whether to add a trained bias, started at zero. In a layer of random features it
        does not train either.
    parametrization : str, default="weights"
        What of the weight trains, if ``start`` is a tensor: ``"weights"`` for all, or as
        for `ParametrizedMatrix`.
    **options
        Likewise.

    Attributes
    ----------
    form : ParametrizedMatrix
        The module that has the weight.
    bias : Parameter of shape (out_features,) or None
        The bias.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import DirectLinear
    >>> DirectLinear(torch.ones(2, 3))
    DirectLinear(3 -> 2, bias=True, trained 8)
    >>> DirectLinear(torch.ones(2, 3), False, "gains")
    DirectLinear(3 -> 2, bias=False, trained 2)
    >>> some = {"position": [0, 4], "frozen_init": "zero"}
    >>> DirectLinear(torch.ones(2, 3), True, "subset", **some).weight.detach()
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """

    form: ParametrizedMatrix

    def __init__(
        self,
        start: Tensor | ParametrizedMatrix,
        bias: bool = True,
        parametrization: str = "weights",
        **options: Any,
    ) -> None:
        if isinstance(start, ParametrizedMatrix):
            form = start
        else:
            form = ParametrizedMatrix(start, parametrization, **options)
        maths, like = form.parametrization, next(form.parameters())
        super().__init__(maths.n_in, maths.n_out, bias, like.device, like.dtype)
        self.form = form
        if self.bias is not None:
            self.bias.requires_grad_(maths.trains_bias)

    @property
    def weight(self) -> Tensor:
        """The weight of shape (out_features, in_features)."""
        return self.form()

    def left_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``matrix @ weight``, cheaper where the parametrization allows it."""
        return self.form.left_multiply(matrix)

    def right_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``weight @ matrix``, cheaper where the parametrization allows it."""
        return self.form.right_multiply(matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (..., in_features) to (..., out_features)."""
        maths = self.form.parametrization
        if maths.grids_cost(x[..., 0].numel(), x.requires_grad) is not None:
            output = maths.through_grids(x, self.form)
            return output if self.bias is None else output + self.bias
        last, *others = maths.factors(self.form)
        for factor in reversed(others):
            x = F.linear(x, factor)
        return F.linear(x, last, self.bias)

    def frozen_factor(self) -> Tensor | None:
        """Return the weight where it does not train, or what gains scale."""
        return self.form.parametrization.frozen_factor(self.form)

    def from_projection(self, projected: Tensor) -> Tensor:
        """Finish `forward` from the precomputed projection F x."""
        output = self.form.parametrization.from_projection(projected, self.form)
        return output if self.bias is None else output + self.bias

    def forming_cost(self) -> int:
        """Count what forming the weight takes, there and back."""
        return self.form.parametrization.forming_cost()

    def passing_cost(self, n_rows: int, into_input: bool) -> int:
        """Count what a batch takes, through the factors of the weight if it has any."""
        maths = self.form.parametrization
        for cost in (maths.grids_cost, maths.passing_cost):
            if (through := cost(n_rows, into_input)) is not None:
                return through
        return super().passing_cost(n_rows, into_input)

    def product_cost(self, n_rows: int) -> int | None:
        """Count what `left_multiply` takes, there and back."""
        return self.form.parametrization.product_cost(n_rows)

    def penalised(self) -> Iterator[tuple[str, Tensor]]:
        """Yield all that trains but the bias."""
        for parameter in self.form.parameters():
            if parameter.requires_grad:
                yield "weights", parameter

    def extra_repr(self) -> str:
        """Return what ``repr`` shows between the brackets."""
        return (
            f"{self.in_features} -> {self.out_features}, bias={self.bias is not None}, "
            f"trained {self.n_trained}"
        )
