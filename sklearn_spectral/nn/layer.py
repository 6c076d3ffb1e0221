"""LinearLayer: what a stack, a network and the training need to know of a layer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from numbers import Integral

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spec.plan import ENTRY_COST


class LinearLayer(nn.Module):
    """Base of the layers y = W x + b, however W is parametrised.

    Parameters
    ----------
    in_features, out_features : int
        Number of nodes on either side.
    bias : bool
        Whether to add a trained bias, started at zero.
    device : torch.device or str, optional
        Where the parameters live.
    dtype : torch.dtype, optional
        Their type.
    n_members : int, default=1
        How many networks it is a layer of. With more than one the weight and the bias have
        one axis more, in front.

    Raises
    ------
    ValueError
        If a size or the number of members is not positive.

    Examples
    --------
    A layer of one's own needs a weight and what of it may be penalised:

    >>> import torch
    >>> from sklearn_spectral.nn import LinearLayer, LinearStack
    >>> class Scaled(LinearLayer):
    ...     def __init__(self, n_nodes):
    ...         super().__init__(n_nodes, n_nodes, bias=False)
    ...         self.scale = torch.nn.Parameter(torch.ones(n_nodes))
    ...
    ...     @property
    ...     def weight(self):
    ...         return torch.diag(self.scale)
    ...
    ...     def penalised(self):
    ...         yield "weights", self.scale
    >>> LinearStack([Scaled(3), Scaled(3)])(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        n_members: int = 1,
    ) -> None:
        super().__init__()
        sizes = (in_features, out_features, n_members)
        if not all(isinstance(n, Integral) and n >= 1 for n in sizes):
            raise ValueError(
                "A layer needs a whole number of nodes, at least one, on either side, and "
                f"of members; got in_features={in_features!r}, "
                f"out_features={out_features!r}, n_members={n_members!r}."
            )
        self.n_members = n_members
        self.in_features = in_features
        self.out_features = out_features
        if bias:
            shape = (out_features,) if n_members == 1 else (n_members, out_features)
            zeros = torch.zeros(shape, device=device, dtype=dtype)
            self.bias = nn.Parameter(zeros)
        else:
            self.register_parameter("bias", None)

    @property
    @abstractmethod
    def weight(self) -> Tensor:
        """The weight W, differentiable, of shape (out_features, in_features), or of
        (n_members, out_features, in_features) if there are several members."""

    def left_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``matrix @ weight``, cheaper where the parametrisation allows it."""
        return matrix @ self.weight

    def right_multiply(self, matrix: Tensor) -> Tensor:
        """Return ``weight @ matrix``, cheaper where the parametrisation allows it."""
        return self.weight @ matrix

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (..., in_features) to (..., out_features).

        Several members take rows that they share, (n_samples, in_features), or rows of
        their own, (n_members, n_samples, in_features), and give (n_members, n_samples,
        out_features).
        """
        return affine(x, self.weight, self.bias)

    # ---- a factor of the weight that never changes ----

    def frozen_factor(self) -> Tensor | None:
        """Return the matrix F if the layer is a trained function of the entries of F x.

        Data that are multiplied by it once need not pass the layer again:
        ``forward(x)`` is ``from_projection(x @ F.T)``.
        """
        return None

    def from_projection(self, projected: Tensor) -> Tensor:
        """Finish `forward` from the precomputed projection F x."""
        raise NotImplementedError(f"{type(self).__name__} has no frozen factor.")

    # ---- what it costs, in multiplications, for the telescope's plan ----

    @property
    def size(self) -> int:
        """Number of entries of the weight of one member."""
        return self.in_features * self.out_features

    @property
    def trains_weight(self) -> bool:
        """Whether anything but the bias trains."""
        return any(p.requires_grad for name, p in self.named_parameters() if name != "bias")

    def forming_cost(self) -> int:
        """Count what forming the weight and its gradient takes; 0 for a parameter."""
        return ENTRY_COST * self.n_members * self.size

    def passing_cost(self, n_rows: int, into_input: bool) -> int:
        """Count what a batch takes, forwards and backwards, into the input if so asked."""
        products = 1 + self.trains_weight + into_input
        return self.n_members * n_rows * self.size * products + self.forming_cost()

    def product_cost(self, n_rows: int) -> int | None:
        """Count what `left_multiply` takes in closed form, there and back; None without.

        ``right_multiply`` takes as much for as many columns.
        """
        return None

    @abstractmethod
    def penalised(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the trained parameters that a penalty may act on, with their group."""

    @property
    def n_trained(self) -> int:
        """Number of parameters that train."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def __repr__(self) -> str:
        """Show the layer in one line, whatever modules it is made of."""
        return f"{type(self).__name__}({self.extra_repr()})"

    def to_linear(self) -> nn.Linear:
        """Return an ordinary layer with this one's weight and bias.

        Returns
        -------
        torch.nn.Linear
            A copy in direct space, all of whose weights train.

        Raises
        ------
        ValueError
            If it has several members; see `SpectralNetwork.retract`.
        """
        if self.n_members > 1:
            raise ValueError(
                f"This layer has {self.n_members} members, which are no single ordinary "
                "layer. Take one by layer.member(k), or retract the whole network."
            )
        return direct_linear(self.weight, self.bias)


def affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``x @ weight.T + bias``; weights of several members are (K, n_out, n_in)."""
    if weight.ndim == 2:
        return F.linear(x, weight, bias)
    # Of several members rows are neighbours, as what reads the result has them.
    if x.ndim == 2 and bias is not None:  # rows that all share: one product
        column, stacked = bias.flatten().unsqueeze(-1), weight.flatten(0, 1)
        product = torch.addmm(column, stacked, x.T)
        return product.unflatten(0, weight.shape[:2]).mT
    if bias is None:
        return (weight @ x.mT).mT
    return torch.baddbmm(bias.unsqueeze(-1), weight, x.mT).mT


def direct_linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return an ordinary linear layer holding a copy of ``weight`` and ``bias``."""
    out_features, in_features = weight.shape
    linear = nn.utils.skip_init(
        nn.Linear,
        in_features,
        out_features,
        bias=bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )
    with torch.no_grad():
        linear.weight.copy_(weight)
        if bias is not None:
            linear.bias.copy_(bias)
    return linear


def seed_from_torch() -> int:
    """Draw a seed from torch's global generator, so that its seed governs the start."""
    return int(torch.randint(2**62, ()).item())
