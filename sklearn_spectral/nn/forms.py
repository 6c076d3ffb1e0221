"""Forms of a matrix: which of its entries, or which of its factors, train.

A form is a module that gives the matrix. To add one for the eigenvectors, write it here,
register it in ``FORMS``, and give it a numpy twin in ``_spectral.py``, where fitted
arrays become ``eigenvectors_`` without torch.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn


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


class SVDForm(MatrixForm):
    r"""The singular values of a matrix train: the S-SVD form of the eigenvectors.

    :math:`\phi = U \, diag(s) \, V^T` with U and V frozen, which adds min(n_in, n_out)
    trained parameters to the eigenvalues [1]_.

    Parameters
    ----------
    phi : Tensor of shape (n_out, n_in)
        The start, which is decomposed.

    Attributes
    ----------
    singular_values : Parameter of shape (r,)
        s, with r = min(n_in, n_out). Trained, they may change order and sign.
    left : Tensor of shape (n_out, r)
        U.
    right : Tensor of shape (r, n_in)
        The transpose of V.

    References
    ----------
    .. [1] L. Chicchi, L. Giambagli, L. Buffoni, T. Carletti, M. Ciavarella, D. Fanelli,
       "Training of sparse and dense deep neural networks: Fewer parameters, same
       performance", Physical Review E 104, 054312 (2021).

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SVDForm
    >>> phi = torch.rand(2, 3)
    >>> torch.allclose(SVDForm(phi)(), phi, atol=1e-6)
    True
    """

    left: Tensor
    right: Tensor

    def __init__(self, phi: Tensor) -> None:
        super().__init__()
        rank = min(phi.shape)
        self.register_buffer("left", phi.new_empty(phi.shape[0], rank))
        self.register_buffer("right", phi.new_empty(rank, phi.shape[1]))
        self.singular_values = nn.Parameter(phi.new_empty(rank))
        self.load(phi)

    def forward(self) -> Tensor:
        """Return phi."""
        return (self.left * self.singular_values) @ self.right

    def left_multiply(self, left: Tensor) -> Tensor:
        """Return ``left @ phi`` without forming phi."""
        return ((left @ self.left) * self.singular_values) @ self.right

    @torch.no_grad()
    def load(self, matrix: Tensor) -> None:
        """Take new values: decompose again."""
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
        self.left.copy_(left)
        self.right.copy_(right)
        self.singular_values.copy_(values)


class QRForm(MatrixForm):
    r"""The triangular factor of a matrix trains: the S-QR form of the eigenvectors.

    With n_out >= n_in it is :math:`\phi = Q R`, else :math:`\phi^T = Q R`; the orthogonal
    Q is frozen, R is upper triangular of the smaller width r, with r (r + 1) / 2 trained
    entries [1]_.

    Parameters
    ----------
    phi : Tensor of shape (n_out, n_in)
        The start, which is decomposed.

    Attributes
    ----------
    triangle : Parameter of shape (r * (r + 1) / 2,)
        The entries of R, row by row.
    orthogonal : Tensor of shape (max(n_in, n_out), r)
        Q.

    References
    ----------
    .. [1] L. Chicchi, L. Giambagli, L. Buffoni, T. Carletti, M. Ciavarella, D. Fanelli,
       "Training of sparse and dense deep neural networks: Fewer parameters, same
       performance", Physical Review E 104, 054312 (2021).

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import QRForm
    >>> phi = torch.rand(2, 3)
    >>> form = QRForm(phi)
    >>> torch.allclose(form(), phi, atol=1e-6), form.triangle.shape
    (True, torch.Size([3]))
    """

    orthogonal: Tensor
    position: Tensor

    def __init__(self, phi: Tensor) -> None:
        super().__init__()
        self.is_tall = phi.shape[0] >= phi.shape[1]
        width = min(phi.shape)
        rows, columns = torch.triu_indices(width, width, device=phi.device)
        self.register_buffer("position", rows * width + columns, persistent=False)
        self.register_buffer("orthogonal", phi.new_empty(max(phi.shape), width))
        self.triangle = nn.Parameter(phi.new_empty(len(self.position)))
        self.load(phi)

    def factor(self) -> Tensor:
        """Return R as a square matrix."""
        width = self.orthogonal.shape[1]
        flat = self.triangle.new_zeros(width * width)
        return flat.index_copy(0, self.position, self.triangle).view(width, width)

    def forward(self) -> Tensor:
        """Return phi."""
        phi = self.orthogonal @ self.factor()
        return phi if self.is_tall else phi.T

    def left_multiply(self, left: Tensor) -> Tensor:
        """Return ``left @ phi`` without forming phi."""
        if self.is_tall:
            return (left @ self.orthogonal) @ self.factor()
        return (left @ self.factor().T) @ self.orthogonal.T

    @torch.no_grad()
    def load(self, matrix: Tensor) -> None:
        """Take new values: decompose again."""
        orthogonal, triangle = torch.linalg.qr(matrix if self.is_tall else matrix.T)
        self.orthogonal.copy_(orthogonal)
        # The matrix may be on another device than the form.
        self.triangle.copy_(triangle.flatten()[self.position.to(triangle.device)])


FORMS: dict[bool | str, Callable[[Tensor], MatrixForm]] = {
    False: lambda phi: FreeForm(phi, trained=False, copy=False),
    True: lambda phi: FreeForm(phi, copy=False),
    "svd": SVDForm,
    "qr": QRForm,
}
"""The forms of the eigenvectors by the value of ``train_eigenvectors``. They may keep the
tensor that they are given."""
