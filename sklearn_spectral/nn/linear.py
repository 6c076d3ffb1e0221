"""SpectralLinear: a feed-forward layer seen as a square adjacency matrix."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._init_schemes import SCHEMES

TrainEigenvalues: TypeAlias = Literal["both", "out", "in"]


class SpectralLinear(nn.Module):
    r"""A linear layer parametrised by the eigenvalues and eigenvectors of its adjacency.

    The layer joins ``in_features`` to ``out_features`` nodes. As a square matrix on all
    of them it is :math:`A = \Phi \Lambda \Phi^{-1}`, with
    :math:`\Phi = [[1, 0], [\phi, 1]]`, :math:`\Phi^{-1} = 2 \cdot 1 - \Phi` and
    :math:`\Lambda = diag(\lambda_{in}, \lambda_{out})` [1]_. Its lower-left block is the
    weight of the layer,

    .. math:: W_{ij} = (\lambda_{in, j} - \lambda_{out, i}) \, \phi_{ij}.

    Adding one number to all eigenvalues of a layer leaves W as it is.

    Parameters
    ----------
    in_features, out_features : int
        Number of nodes on either side.
    bias : bool, default=True
        Whether to add a trained bias, started at zero.
    train_eigenvalues : {"both", "out", "in"}, default="both"
        Which of the two sets of eigenvalues train.
    train_eigenvectors : bool, default=False
        Whether phi trains too.
    init : {"scaled", "paper", "wide"}, default="scaled"
        The starting scheme.
    gain : float, default=1.0
        Scale of the starting weights, for the schemes that use one.
    seed : int or numpy.random.SeedSequence, optional
        Fixes the start on every platform and device. By default it is drawn from
        torch's global generator, so that ``torch.manual_seed`` governs it.
    device : torch.device or str, optional
        Where the parameters live.
    dtype : torch.dtype, optional
        Their type; torch's default dtype if not given.

    Attributes
    ----------
    eigenvalues_in : Parameter of shape (in_features,)
        :math:`\lambda_{in}`.
    eigenvalues_out : Parameter of shape (out_features,)
        :math:`\lambda_{out}`.
    eigenvectors : Parameter of shape (out_features, in_features)
        The block :math:`\phi`.
    bias : Parameter of shape (out_features,) or None
        The bias.

    Raises
    ------
    ValueError
        If a size is not positive, or an option is not one of those listed.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, T. Carletti, W. Nocentini, D. Fanelli, "Machine
       learning in spectral domain", Nature Communications 12, 1330 (2021).

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SpectralLinear
    >>> layer = SpectralLinear(784, 10, bias=False, seed=0)
    >>> layer
    SpectralLinear(784 -> 10, train_eigenvalues='both', train_eigenvectors=False,
    bias=False, trained 794 of 8634)
    >>> layer(torch.zeros(5, 784)).shape
    torch.Size([5, 10])
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        train_eigenvalues: TrainEigenvalues = "both",
        train_eigenvectors: bool = False,
        init: str = "scaled",
        gain: float = 1.0,
        seed: int | np.random.SeedSequence | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ValueError(
                "A spectral layer needs at least one node on either side; got "
                f"in_features={in_features}, out_features={out_features}."
            )
        if train_eigenvalues not in ("both", "out", "in"):
            raise ValueError(
                "train_eigenvalues must be 'both', 'out' or 'in'; got "
                f"{train_eigenvalues!r}."
            )
        if init not in SCHEMES:
            raise ValueError(f"init must be one of {sorted(SCHEMES)}; got {init!r}.")
        self.in_features = in_features
        self.out_features = out_features
        self.train_eigenvalues = train_eigenvalues
        self.init = init
        self.gain = gain

        def parameter(shape: tuple[int, ...], trained: bool) -> nn.Parameter:
            empty = torch.empty(shape, device=device, dtype=dtype)
            return nn.Parameter(empty, requires_grad=trained)

        self.eigenvalues_in = parameter((in_features,), train_eigenvalues != "out")
        self.eigenvalues_out = parameter((out_features,), train_eigenvalues != "in")
        self.eigenvectors = parameter((out_features, in_features), train_eigenvectors)
        if bias:
            self.bias = parameter((out_features,), True)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters(seed)

    @torch.no_grad()
    def reset_parameters(self, seed: int | np.random.SeedSequence | None = None) -> None:
        """Draw a new start.

        Parameters
        ----------
        seed : int or numpy.random.SeedSequence, optional
            As in the constructor.
        """
        if seed is None:
            seed = int(torch.randint(2**62, ()).item())
        start = SCHEMES[self.init](
            self.in_features,
            self.out_features,
            self.train_eigenvalues,
            self.gain,
            np.random.PCG64(seed),
        )
        self.eigenvalues_in.copy_(torch.from_numpy(start.eigenvalues_in))
        self.eigenvalues_out.copy_(torch.from_numpy(start.eigenvalues_out))
        self.eigenvectors.copy_(torch.from_numpy(start.eigenvectors))
        if self.bias is not None:
            self.bias.zero_()

    @property
    def weight(self) -> Tensor:
        """The weight W of shape (out_features, in_features), differentiable."""
        gaps = self.eigenvalues_in.unsqueeze(0) - self.eigenvalues_out.unsqueeze(1)
        return gaps * self.eigenvectors

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (..., in_features) to (..., out_features)."""
        return F.linear(x, self.weight, self.bias)

    def eigenvalue_matrix(self) -> Tensor:
        """Return Lambda, square on all in_features + out_features nodes."""
        return torch.diag(torch.cat([self.eigenvalues_in, self.eigenvalues_out]))

    def eigenvector_matrix(self) -> Tensor:
        """Return Phi, whose columns are the eigenvectors."""
        return _lower_left_block(self.eigenvectors)

    def inverse_eigenvector_matrix(self) -> Tensor:
        """Return the inverse of Phi, which is twice the identity less Phi."""
        return _lower_left_block(-self.eigenvectors)

    def adjacency_matrix(self) -> Tensor:
        """Return A = Phi Lambda Phi^-1, by its blocks.

        Returns
        -------
        Tensor of shape (in_features + out_features, in_features + out_features)
            The eigenvalues on the diagonal and the weight in the lower-left block; the
            bias is no part of it.
        """
        matrix = self.eigenvalue_matrix()
        matrix[self.in_features :, : self.in_features] = self.weight
        return matrix

    @property
    def n_trained(self) -> int:
        """Number of parameters that train."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @classmethod
    def from_linear(
        cls,
        linear: nn.Linear,
        *,
        train_eigenvalues: TrainEigenvalues = "both",
        train_eigenvectors: bool = False,
    ) -> SpectralLinear:
        """Turn an ordinary layer into a spectral one with exactly its weights.

        The eigenvalues are 1 on the side of the input and 0 on that of the output, so
        that phi is the weight itself and nothing is rounded.

        Parameters
        ----------
        linear : torch.nn.Linear
            The layer; it is copied, not changed.
        train_eigenvalues : {"both", "out", "in"}, default="both"
            Which eigenvalues of the new layer train.
        train_eigenvectors : bool, default=False
            Whether its eigenvectors train.

        Returns
        -------
        SpectralLinear
            On the same device and of the same dtype.

        Examples
        --------
        >>> import torch
        >>> from sklearn_spectral.nn import SpectralLinear
        >>> linear = torch.nn.Linear(3, 2)
        >>> layer = SpectralLinear.from_linear(linear)
        >>> bool((layer.weight == linear.weight).all())
        True
        """
        layer = cls(
            linear.in_features,
            linear.out_features,
            bias=linear.bias is not None,
            train_eigenvalues=train_eigenvalues,
            train_eigenvectors=train_eigenvectors,
            seed=0,
            device=linear.weight.device,
            dtype=linear.weight.dtype,
        )
        with torch.no_grad():
            layer.eigenvalues_in.fill_(1.0)
            layer.eigenvalues_out.zero_()
            layer.eigenvectors.copy_(linear.weight)
            if layer.bias is not None:
                layer.bias.copy_(linear.bias)
        return layer

    def to_linear(self) -> nn.Linear:
        """Return an ordinary layer with this one's weight and bias.

        Returns
        -------
        torch.nn.Linear
            A copy in direct space, all of whose weights train.
        """
        return direct_linear(self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return what ``repr`` shows between the brackets."""
        total = sum(p.numel() for p in self.parameters())
        return (
            f"{self.in_features} -> {self.out_features}, "
            f"train_eigenvalues={self.train_eigenvalues!r}, "
            f"train_eigenvectors={self.eigenvectors.requires_grad}, "
            f"bias={self.bias is not None}, trained {self.n_trained} of {total}"
        )


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


def _lower_left_block(block: Tensor) -> Tensor:
    """Return the identity with ``block`` in its lower-left corner."""
    n_out, n_in = block.shape
    matrix = torch.eye(n_in + n_out, dtype=block.dtype, device=block.device)
    matrix[n_in:, :n_in] = block
    return matrix
