"""SpectralLinear: a feed-forward layer seen as a square adjacency matrix."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor, nn

from ..spec import parametrizations as forms
from ..spec.parametrizations import RANK, Parametrization
from ..spec.starts import SCHEMES, Start, draw_start
from .layer import seed_from_torch
from .multiplication import SpectralMultiplication
from .parametrized import ParametrizedMatrix, drawn_arrays
from .products import Scratch

TrainEigenvalues: TypeAlias = Literal["both", "out", "in"]
TrainEigenvectors: TypeAlias = bool | str
"""A bool or one of ``eigenvector_choices()``."""


class SpectralLinear(SpectralMultiplication):
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
    train_eigenvectors : bool, str or Parametrization, default=False
        Whether phi trains too: all of its entries, its singular values only (``"svd"``),
        its triangular factor (``"qr"``) [2]_, one factor per row (``"gains"``), or the
        factors of a sum of ``rank`` Kronecker products (``"kronecker"``).
    rank : int, default=4
        Number of Kronecker products.
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
        Their type.
    n_members : int, default=1
        How many networks it is a layer of: members of a population, which share phi.
        Eigenvalues and biases then have one axis more, in front.
    differ : bool, default=True
        Whether the lambda_in of the members are different at the start.

    Attributes
    ----------
    eigenvalues_in : Parameter of shape (in_features,)
        :math:`\lambda_{in}`.
    eigenvalues_out : Parameter of shape (out_features,)
        :math:`\lambda_{out}`.
    eigenvectors : Tensor of shape (out_features, in_features)
        The block :math:`\phi`, differentiable where it trains.
    form : ParametrizedMatrix
        The module that has the block.
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
    .. [2] L. Chicchi, L. Giambagli, L. Buffoni, T. Carletti, M. Ciavarella, D. Fanelli,
       "Training of sparse and dense deep neural networks: Fewer parameters, same
       performance", Physical Review E 104, 054312 (2021).

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

    form: ParametrizedMatrix

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        train_eigenvalues: TrainEigenvalues = "both",
        train_eigenvectors: TrainEigenvectors | Parametrization = False,
        rank: int = RANK,
        init: str = "scaled",
        gain: float = 1.0,
        seed: int | np.random.SeedSequence | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        n_members: int = 1,
        differ: bool = True,
    ) -> None:
        super().__init__(in_features, out_features, bias, device, dtype, n_members)
        if train_eigenvalues not in ("both", "out", "in"):
            raise ValueError(
                "train_eigenvalues must be 'both', 'out' or 'in'; got "
                f"{train_eigenvalues!r}."
            )
        if isinstance(train_eigenvectors, Parametrization):
            chosen = train_eigenvectors
            if (chosen.n_out, chosen.n_in) != (out_features, in_features):
                raise ValueError(
                    f"The parametrization is of {chosen.n_in} -> {chosen.n_out} nodes."
                )
            train_eigenvectors = forms.name_of(chosen)
        else:
            train_eigenvectors = forms.checked_choice(train_eigenvectors)
            config = {"train_eigenvectors": train_eigenvectors, "rank": rank}
            (chosen,) = forms.parametrize(config, [(out_features, in_features)], 0)
        if init not in SCHEMES:
            raise ValueError(f"init must be one of {sorted(SCHEMES)}; got {init!r}.")
        self.train_eigenvalues = train_eigenvalues
        self.train_eigenvectors = train_eigenvectors
        self.init = init
        self.gain = gain
        self.differ = differ
        dtype = dtype or torch.get_default_dtype()
        seed = seed_from_torch() if seed is None else seed
        # A large block never takes more than its type does; what is decomposed is so in
        # float64 on the CPU, that a start may be the same everywhere.
        is_single = dtype == torch.float32 and chosen.is_stored
        start = self._start(seed, np.float32 if is_single else np.float64)
        ends = map(torch.from_numpy, (start.eigenvalues_in, start.eigenvalues_out))
        self.eigenvalues_in = nn.Parameter(next(ends), train_eigenvalues != "out")
        self.eigenvalues_out = nn.Parameter(next(ends), train_eigenvalues != "in")
        self.form = ParametrizedMatrix.of_arrays(chosen, drawn_arrays(start, chosen, seed))
        self.scratch = Scratch()
        self.to(device=device, dtype=dtype)

    def _start(
        self, seed: int | np.random.SeedSequence, dtype: DTypeLike = np.float64
    ) -> Start:
        """Draw eigenvalues in float64 and eigenvectors in the type given, as arrays."""
        return draw_start(
            self.in_features,
            self.out_features,
            self.train_eigenvalues,
            self.init,
            seed,
            self.gain,
            dtype,
            self.n_members,
            self.differ,
        )

    @torch.no_grad()
    def reset_parameters(self, seed: int | np.random.SeedSequence | None = None) -> None:
        """Draw a new start.

        Parameters
        ----------
        seed : int or numpy.random.SeedSequence, optional
            As in the constructor.
        """
        seed = seed_from_torch() if seed is None else seed
        start, form = self._start(seed), self.form.parametrization
        self.form.load_arrays(drawn_arrays(start, form, seed))
        self._take(*map(torch.from_numpy, (start.eigenvalues_in, start.eigenvalues_out)))

    @torch.no_grad()
    def load(
        self,
        eigenvalues_in: Tensor,
        eigenvalues_out: Tensor,
        eigenvectors: Tensor,
        bias: Tensor | None = None,
    ) -> None:
        """Take new values; they are copied.

        Parameters
        ----------
        eigenvalues_in : Tensor of shape (in_features,)
            Eigenvalues of the nodes that the layer reads; (n_members, in_features) for
            several members, as all but the eigenvectors.
        eigenvalues_out : Tensor of shape (out_features,)
            Eigenvalues of the nodes that it feeds.
        eigenvectors : Tensor of shape (out_features, in_features)
            The block phi; where only a factor of it trains it is decomposed again.
        bias : Tensor of shape (out_features,), optional
            The bias; zeros if not given. A layer without one does not use it.
        """
        self.form.load(eigenvectors)
        self._take(eigenvalues_in, eigenvalues_out, bias)

    def _take(self, lambda_in: Tensor, lambda_out: Tensor, bias: Tensor | None = None):
        """Copy eigenvalues and the bias, zeros if not given."""
        self.eigenvalues_in.copy_(lambda_in)
        self.eigenvalues_out.copy_(lambda_out)
        if self.bias is not None:
            self.bias.zero_() if bias is None else self.bias.copy_(bias)

    def load_weight(self, weight: Tensor, bias: Tensor | None = None) -> None:
        """Take the weight of an ordinary layer: phi is the weight, the eigenvalues 1 and 0.

        Parameters
        ----------
        weight : Tensor of shape (out_features, in_features)
            Copied; exact where phi is not decomposed.
        bias : Tensor of shape (out_features,), optional
            As in `load`.
        """
        ones = torch.ones_like(self.eigenvalues_in)
        self.load(ones, torch.zeros_like(self.eigenvalues_out), weight, bias)

    @torch.no_grad()
    def absorb(self, weight: Tensor) -> None:
        """Take another weight: eigenvectors keep their norms, eigenvalues take the change.

        Where only ``out`` trains these are the eigenvalues of the nodes that the layer
        feeds, elsewhere those of the nodes that it reads; the other set becomes one number.

        Parameters
        ----------
        weight : Tensor of shape (out_features, in_features)
            The new weight, of all members; the bias stays.
        """
        along = 1 if self.train_eigenvalues == "out" else 0
        before, after = (m.norm(dim=along) for m in (self.eigenvectors, weight))
        gaps = torch.where(before > 0, after / before, after)
        safe = torch.where(gaps > 0, gaps, torch.ones_like(gaps))
        lambda_in, lambda_out = gaps, torch.zeros_like(self.eigenvalues_out)
        if along:
            fixed = self.eigenvalues_in.flatten()[0]
            lambda_in = fixed.expand(self.in_features)
            lambda_out = fixed - gaps
        phi = weight / safe.unsqueeze(along)
        self.load(lambda_in.clone(), lambda_out.clone(), phi, self.bias)

    def penalised(self) -> Iterator[tuple[str, Tensor]]:
        """Yield trained eigenvalues and trained parameters of the eigenvectors."""
        pairs = (
            (self.eigenvalues_in, self.eigenvalues_out),
            (self.eigenvalues_out, self.eigenvalues_in),
        )
        for trained, other in pairs:
            if trained.requires_grad:
                # Adding a number to both sets changes no weight, so that a set is small
                # or large beside the other: beside that one's number, if it has one.
                if other.requires_grad:
                    yield "eigenvalues", trained
                else:  # decided on the device: this is asked for at every batch
                    first = other[..., :1]
                    is_one = (other == first).all(-1, keepdim=True)
                    yield "eigenvalues", trained - first * is_one
        for parameter in self.form.parameters():
            if parameter.requires_grad:
                yield "eigenvectors", parameter

    def eigenvalue_matrix(self) -> Tensor:
        """Return Lambda, square on all in_features + out_features nodes."""
        both = torch.cat([self.eigenvalues_in, self.eigenvalues_out], dim=-1)
        return torch.diag_embed(both)

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
            The eigenvalues on the diagonal, the weight in the lower-left block; of several
            members one each, in front. The bias is no part of it.
        """
        matrix = self.eigenvalue_matrix()
        matrix[..., self.in_features :, : self.in_features] = self.weight
        return matrix

    @classmethod
    def from_linear(
        cls,
        linear: nn.Linear,
        *,
        train_eigenvalues: TrainEigenvalues = "both",
        train_eigenvectors: TrainEigenvectors = False,
    ) -> SpectralLinear:
        """Turn an ordinary layer into a spectral one with exactly its weights.

        The eigenvalues are 1 where it reads and 0 where it feeds, and phi is the weight.

        Parameters
        ----------
        linear : torch.nn.Linear
            The layer; it is copied, not changed.
        train_eigenvalues : {"both", "out", "in"}, default="both"
            Which eigenvalues of the new layer train.
        train_eigenvectors : {False, True, "svd", "qr", "gains"}, default=False
            What of its eigenvectors trains. A decomposition rounds the weights.

        Returns
        -------
        SpectralLinear
            On the same device, of the same dtype.

        Examples
        --------
        >>> import torch
        >>> from sklearn_spectral.nn import SpectralLinear
        >>> linear = torch.nn.Linear(3, 2)
        >>> layer = SpectralLinear.from_linear(linear)
        >>> bool((layer.weight == linear.weight).all())
        True
        """
        if not isinstance(linear, nn.Linear):
            raise TypeError(
                f"from_linear takes a torch.nn.Linear; got {type(linear).__name__}."
            )
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
        layer.load_weight(linear.weight, linear.bias)
        return layer

    @torch.no_grad()
    def member(self, k: int) -> SpectralLinear:
        """Return a copy of the layer as one member has it, without their axis."""
        if not 0 <= k < self.n_members:
            raise IndexError(f"There is no member {k}; there are {self.n_members}.")
        layer = deepcopy(self)
        layer.n_members = 1
        for name in ("eigenvalues_in", "eigenvalues_out", "bias"):
            values = getattr(self, name)
            if self.n_members > 1 and values is not None:
                alone = nn.Parameter(values[k].clone(), values.requires_grad)
                setattr(layer, name, alone)
        return layer

    def extra_repr(self) -> str:
        """Return what ``repr`` shows between the brackets."""
        tensors = (*self.parameters(), *self.form.buffers())
        total = sum(t.numel() for t in tensors if t.is_floating_point())
        members = "" if self.n_members == 1 else f"n_members={self.n_members}, "
        return (
            f"{self.in_features} -> {self.out_features}, {members}"
            f"train_eigenvalues={self.train_eigenvalues!r}, "
            f"train_eigenvectors={self.train_eigenvectors!r}, "
            f"bias={self.bias is not None}, trained {self.n_trained} of {total}"
        )


def _lower_left_block(block: Tensor) -> Tensor:
    """Return the identity with ``block`` in its lower-left corner."""
    n_out, n_in = block.shape
    matrix = torch.eye(n_in + n_out, dtype=block.dtype, device=block.device)
    matrix[n_in:, :n_in] = block
    return matrix
