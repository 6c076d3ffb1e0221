"""Layers in direct space: the rivals of the spectral layer, which train the weights.

Each class is one way to say which part of a weight matrix trains. They start from a
given weight, so that rivals can be compared from the same start.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .forms import FactoredForm
from .layer import LinearLayer


class DirectLayer(LinearLayer):
    """Base of the layers in direct space.

    Parameters
    ----------
    start : Tensor of shape (out_features, in_features)
        The weight before training.
    bias : bool, default=True
        Whether to add a trained bias, started at zero.
    """

    def __init__(self, start: Tensor, bias: bool = True) -> None:
        out_features, in_features = start.shape
        super().__init__(in_features, out_features, bias, start.device, start.dtype)

    def penalised(self) -> Iterator[tuple[str, Tensor]]:
        """Yield all that trains but the bias."""
        for name, parameter in self.named_parameters():
            if parameter.requires_grad and name != "bias":
                yield "weights", parameter

    def extra_repr(self) -> str:
        """Return what ``repr`` shows between the brackets."""
        return (
            f"{self.in_features} -> {self.out_features}, bias={self.bias is not None}, "
            f"trained {self.n_trained}"
        )


class DirectLinear(DirectLayer):
    """An ordinary layer, all of whose weights train, or none.

    Parameters
    ----------
    start : Tensor of shape (out_features, in_features)
        The weight before training.
    bias : bool, default=True
        Whether to add a trained bias, started at zero.
    trained : bool, default=True
        Whether the weights and the bias train. Random features do not.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import DirectLinear
    >>> DirectLinear(torch.ones(2, 3))
    DirectLinear(3 -> 2, bias=True, trained 8)
    """

    def __init__(self, start: Tensor, bias: bool = True, trained: bool = True) -> None:
        super().__init__(start, bias)
        self.matrix = nn.Parameter(start.clone(), requires_grad=trained)
        if self.bias is not None:
            self.bias.requires_grad_(trained)

    @property
    def weight(self) -> Tensor:
        """The weight of shape (out_features, in_features)."""
        return self.matrix

    def frozen_factor(self) -> Tensor | None:
        """Return the weight where it does not train."""
        return None if self.matrix.requires_grad else self.matrix

    def from_projection(self, projected: Tensor) -> Tensor:
        """Add the bias."""
        return projected if self.bias is None else projected + self.bias

    def forming_cost(self) -> int:
        """Return nothing: the weight is held."""
        return 0


class SubsetLinear(DirectLayer):
    """A layer of which only some weights train: the paper's constrained network.

    Parameters
    ----------
    start : Tensor of shape (out_features, in_features)
        The weight before training.
    position : Tensor of int64 of shape (n,)
        Which entries of the flattened weight train.
    bias : bool, default=True
        Whether to add a trained bias, started at zero.
    untrained : {"start", "zero"}, default="start"
        What the other weights are for ever.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SubsetLinear
    >>> SubsetLinear(torch.ones(2, 3), torch.tensor([0, 4]), untrained="zero").weight
    tensor([[1., 0., 0.],
            [0., 1., 0.]], grad_fn=<ViewBackward0>)
    """

    frozen: Tensor
    position: Tensor

    def __init__(
        self,
        start: Tensor,
        position: Tensor,
        bias: bool = True,
        untrained: str = "start",
    ) -> None:
        super().__init__(start, bias)
        if untrained not in ("start", "zero"):
            raise ValueError(f"untrained must be 'start' or 'zero'; got {untrained!r}.")
        flat = start.flatten()
        self.trained = nn.Parameter(flat[position])
        frozen = flat.clone() if untrained == "start" else torch.zeros_like(flat)
        self.register_buffer("frozen", frozen)
        self.register_buffer("position", position.clone())

    @property
    def weight(self) -> Tensor:
        """The weight of shape (out_features, in_features)."""
        flat = self.frozen.index_copy(0, self.position, self.trained)
        return flat.view(self.out_features, self.in_features)


class GainLinear(DirectLayer):
    r"""One gain per node that the layer feeds: :math:`W = diag(g) \, W_0`.

    Parameters
    ----------
    start : Tensor of shape (out_features, in_features)
        W_0, which stays.
    bias : bool, default=True
        Whether to add a trained bias, started at zero.

    Notes
    -----
    A spectral layer whose output eigenvalues alone train is the same family: its gains
    are :math:`\lambda_{in} - \lambda_{out}` where :math:`\lambda_{in}` is one number.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import GainLinear
    >>> GainLinear(torch.ones(2, 3), bias=False)
    GainLinear(3 -> 2, bias=False, trained 2)
    """

    frozen: Tensor

    def __init__(self, start: Tensor, bias: bool = True) -> None:
        super().__init__(start, bias)
        self.register_buffer("frozen", start.clone())
        self.gains = nn.Parameter(start.new_ones(self.out_features))

    @property
    def weight(self) -> Tensor:
        """The weight of shape (out_features, in_features)."""
        return self.gains.unsqueeze(1) * self.frozen

    def left_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``matrix @ weight`` without forming the weight."""
        return (matrix * self.gains) @ self.frozen

    def right_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``weight @ matrix`` without forming the weight."""
        return self.gains.unsqueeze(1) * (self.frozen @ matrix)

    def frozen_factor(self) -> Tensor | None:
        """Return W_0."""
        return self.frozen

    def from_projection(self, projected: Tensor) -> Tensor:
        """Multiply by the gains and add the bias."""
        output = projected * self.gains
        return output if self.bias is None else output + self.bias

    def product_cost(self, n_rows: int) -> int | None:
        """Count one product there and one back."""
        return 2 * n_rows * self.size


class LowRankLinear(DirectLayer):
    """A weight of low rank, W = U V, both factors of which train.

    Parameters
    ----------
    left : Tensor of shape (out_features, rank)
        U before training.
    right : Tensor of shape (rank, in_features)
        V before training.
    bias : bool, default=True
        Whether to add a trained bias, started at zero.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import LowRankLinear
    >>> LowRankLinear(torch.ones(5, 2), torch.ones(2, 7), bias=False)
    LowRankLinear(7 -> 5, bias=False, trained 24)
    """

    def __init__(self, left: Tensor, right: Tensor, bias: bool = True) -> None:
        super().__init__(left.new_empty(left.shape[0], right.shape[1]), bias)
        self.left = nn.Parameter(left.clone())
        self.right = nn.Parameter(right.clone())

    @property
    def weight(self) -> Tensor:
        """The weight of shape (out_features, in_features)."""
        return self.left @ self.right

    def left_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``matrix @ weight`` through the narrow middle."""
        return (matrix @ self.left) @ self.right

    def right_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``weight @ matrix`` through the narrow middle."""
        return self.left @ (self.right @ matrix)

    def forming_cost(self) -> int:
        """Count the product of the factors, and its two gradients."""
        return 3 * self.left.shape[1] * self.size

    def passing_cost(self, n_rows: int, into_input: bool) -> int:
        """Count what a batch takes through the narrow middle."""
        into_right = n_rows * self.right.numel() * (2 + into_input)
        return into_right + 3 * n_rows * self.left.numel()

    def product_cost(self, n_rows: int) -> int | None:
        """Count the products with both factors, there and back."""
        return 3 * n_rows * (self.left.numel() + self.right.numel())

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (..., in_features) to (..., out_features)."""
        return F.linear(F.linear(x, self.right), self.left, self.bias)


class SingularValueLinear(DirectLayer):
    r"""A weight whose singular values train: :math:`W = U \, diag(s) \, V^T`.

    Reference 22 of the paper: the rectangular matrix is decomposed itself, without the
    square adjacency matrix around it, and only s moves.

    Parameters
    ----------
    start : Tensor of shape (out_features, in_features)
        The weight before training, which is decomposed.
    bias : bool, default=True
        Whether to add a trained bias, started at zero.

    References
    ----------
    Giambagli et al., Nature Communications 12, 1330 (2021), last paragraph of the
    discussion.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SingularValueLinear
    >>> SingularValueLinear(torch.rand(2, 3), bias=False)
    SingularValueLinear(3 -> 2, bias=False, trained 2)
    """

    def __init__(self, start: Tensor, bias: bool = True) -> None:
        super().__init__(start, bias)
        self.form = FactoredForm(start, "svd")
        self.rank = min(start.shape)

    @property
    def weight(self) -> Tensor:
        """The weight of shape (out_features, in_features)."""
        return self.form()

    def left_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``matrix @ weight`` without forming the weight."""
        return self.form.left_multiply(matrix)

    def forming_cost(self) -> int:
        """Count the product of the frozen factors, and its gradient."""
        return 2 * self.rank * self.size

    def product_cost(self, n_rows: int) -> int | None:
        """Count the products with both frozen factors, there and back."""
        return 2 * n_rows * self.rank * (self.in_features + self.out_features)
