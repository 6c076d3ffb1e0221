"""Forms of a matrix: which of its entries, or which of its factors, train.

A form is a module that gives the matrix. What the factors of one are is said in
``spec/factorizations.py``, for torch and numpy at once.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from ..spec.factorizations import FACTORIZATIONS


class MatrixForm(nn.Module):
    """Base of the forms."""

    @abstractmethod
    def forward(self) -> Tensor:
        """Return the matrix."""

    @abstractmethod
    def left_multiply(self, left: Tensor) -> Tensor:
        """Return ``left @ matrix``, cheaper than that where the form allows it."""

    @abstractmethod
    def load(self, matrix: Tensor) -> None:
        """Take new values."""


class FreeForm(MatrixForm):
    """All entries of a matrix, trained or frozen.

    Parameters
    ----------
    phi : Tensor of shape (n_out, n_in)
        The start.
    trained : bool, default=True
        Whether the entries train.
    copy : bool, default=True
        Whether to copy the start, or to take the tensor itself.

    Attributes
    ----------
    block : Parameter of shape (n_out, n_in)
        The matrix itself.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import FreeForm
    >>> FreeForm(torch.ones(2, 3))().shape
    torch.Size([2, 3])
    """

    def __init__(self, phi: Tensor, trained: bool = True, copy: bool = True) -> None:
        super().__init__()
        self.block = nn.Parameter(phi.clone() if copy else phi, requires_grad=trained)

    def forward(self) -> Tensor:
        """Return phi."""
        return self.block

    def left_multiply(self, left: Tensor) -> Tensor:
        """Return ``left @ phi``."""
        return left @ self.block

    @torch.no_grad()
    def load(self, matrix: Tensor) -> None:
        """Take new values."""
        self.block.copy_(matrix)


class FactoredForm(MatrixForm):
    """A product of factors, of which some train and others are frozen.

    Parameters
    ----------
    phi : Tensor of shape (n_out, n_in)
        The start, which is decomposed.
    factorization : {"svd", "qr"}
        ``"svd"`` is the S-SVD form of the eigenvectors, U diag(s) V^T with trained s;
        ``"qr"`` the S-QR form, Q R (of a wide matrix, of its transpose) with trained
        R [1]_.

    Attributes
    ----------
    left, right, singular_values : Tensor of shape (n_out, r), (r, n_in) and (r,)
        With ``"svd"``: U, the transpose of V and s, where r = min(n_in, n_out).
    orthogonal, triangle : Tensor of shape (max(n_in, n_out), r) and (r * (r + 1) / 2,)
        With ``"qr"``: Q, and the entries of R row by row.

    References
    ----------
    .. [1] L. Chicchi, L. Giambagli, L. Buffoni, T. Carletti, M. Ciavarella, D. Fanelli,
       "Training of sparse and dense deep neural networks: Fewer parameters, same
       performance", Physical Review E 104, 054312 (2021).

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import FactoredForm
    >>> phi = torch.rand(2, 3)
    >>> form = FactoredForm(phi, "qr")
    >>> torch.allclose(form(), phi, atol=1e-6), form.triangle.shape
    (True, torch.Size([3]))
    """

    def __init__(self, phi: Tensor, factorization: str) -> None:
        super().__init__()
        self.factorization = FACTORIZATIONS[factorization](*phi.shape)
        for name, shape in self.factorization.shapes().items():
            if name in self.factorization.trained:
                self.register_parameter(name, nn.Parameter(phi.new_empty(shape)))
            else:
                self.register_buffer(name, phi.new_empty(shape))
        for name, values in self.factorization.constants().items():
            constant = torch.from_numpy(values).to(phi.device)
            self.register_buffer(name, constant, persistent=False)
        self.load(phi)

    def forward(self) -> Tensor:
        """Return phi."""
        return self.factorization.matrix(self)

    def left_multiply(self, left: Tensor) -> Tensor:
        """Return ``left @ phi`` by the factors."""
        return self.factorization.left_multiply(left, self)

    @torch.no_grad()
    def load(self, matrix: Tensor) -> None:
        """Take new values: decompose again."""
        for name, values in self.factorization.split(matrix, torch.linalg).items():
            getattr(self, name).copy_(values)  # the matrix may be on another device


def make_form(train_eigenvectors: bool | str, phi: Tensor) -> MatrixForm:
    """Return the form of some eigenvectors.

    Parameters
    ----------
    train_eigenvectors : bool or str
        Whether all entries train, or a key of ``FACTORIZATIONS``.
    phi : Tensor of shape (n_out, n_in)
        The start; it may be kept.

    Returns
    -------
    MatrixForm
        Free or factored.
    """
    if isinstance(train_eigenvectors, str):
        return FactoredForm(phi, train_eigenvectors)
    return FreeForm(phi, trained=train_eigenvectors, copy=False)
