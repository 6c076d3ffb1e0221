"""Factored eigenvectors: phi as a product of which some factors train and others stay.

To add one, write a class here and register it in ``FACTORIZATIONS``: its key is then a
value of ``train_eigenvectors`` of estimators and networks. The same lines compute with
arrays of numpy, for what a fit leaves, and with tensors, for training.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

ALL = slice(None)


class Factorization(ABC):
    """How a matrix of one shape is kept in factors.

    Parameters
    ----------
    n_out, n_in : int
        The shape of the matrix.

    Attributes
    ----------
    trained : tuple of str
        The factors that train; the others stay as the start was decomposed.
    is_dense : bool
        Whether so much trains that steps are those of training all entries, not those of
        eigenvalues.
    """

    trained: ClassVar[tuple[str, ...]]
    is_dense: ClassVar[bool] = False

    def __init__(self, n_out: int, n_in: int) -> None:
        self.n_out, self.n_in = n_out, n_in
        self.rank = min(n_out, n_in)

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each factor by its name."""

    @abstractmethod
    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Return the factors of a matrix.

        Parameters
        ----------
        matrix : ndarray or Tensor of shape (n_out, n_in)
            What to decompose.
        linalg : module
            ``numpy.linalg`` or ``torch.linalg``.
        """

    @abstractmethod
    def matrix(self, factors: Any, rows: slice = ALL) -> Any:
        """Return rows of the matrix.

        Parameters
        ----------
        factors : object
            With the factors, and `constants`, as attributes.
        rows : slice
            Which rows; all by default.
        """

    def left_multiply(self, left: Any, factors: Any) -> Any:
        """Return ``left @ matrix``; override where it is cheaper without the matrix."""
        return left @ self.matrix(factors)

    def constants(self) -> dict[str, NDArray[Any]]:
        """Return arrays that follow from the shape, by name; none by default."""
        return {}


class SVD(Factorization):
    r"""The singular values train: the S-SVD form.

    :math:`\phi = U \, diag(s) \, V^T` with U and V frozen, which adds min(n_in, n_out)
    trained parameters to the eigenvalues [1]_. Trained, the singular values may change
    order and sign.

    References
    ----------
    .. [1] L. Chicchi, L. Giambagli, L. Buffoni, T. Carletti, M. Ciavarella, D. Fanelli,
       "Training of sparse and dense deep neural networks: Fewer parameters, same
       performance", Physical Review E 104, 054312 (2021).
    """

    trained = ("singular_values",)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return those of U, of the transpose of V and of s."""
        return {
            "left": (self.n_out, self.rank),
            "right": (self.rank, self.n_in),
            "singular_values": (self.rank,),
        }

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Decompose by singular values."""
        left, values, right = linalg.svd(matrix, full_matrices=False)
        return {"left": left, "singular_values": values, "right": right}

    def matrix(self, factors: Any, rows: slice = ALL) -> Any:
        """Return rows of U diag(s) V^T."""
        left = factors.left if rows == ALL else factors.left[rows]
        return (left * factors.singular_values) @ factors.right

    def left_multiply(self, left: Any, factors: Any) -> Any:
        """Multiply by one factor after the other."""
        return ((left @ factors.left) * factors.singular_values) @ factors.right


class QR(Factorization):
    r"""The triangular factor trains: the S-QR form.

    With n_out >= n_in it is :math:`\phi = Q R`, else :math:`\phi^T = Q R`; the orthogonal
    Q is frozen, R is upper triangular of the smaller width r, with r (r + 1) / 2 trained
    entries, kept row by row [1]_.

    References
    ----------
    .. [1] L. Chicchi, L. Giambagli, L. Buffoni, T. Carletti, M. Ciavarella, D. Fanelli,
       "Training of sparse and dense deep neural networks: Fewer parameters, same
       performance", Physical Review E 104, 054312 (2021).
    """

    trained = ("triangle",)
    is_dense = True

    def __init__(self, n_out: int, n_in: int) -> None:
        super().__init__(n_out, n_in)
        self.is_tall = n_out >= n_in

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return those of Q and of the entries of R."""
        return {
            "orthogonal": (max(self.n_out, self.n_in), self.rank),
            "triangle": (self.rank * (self.rank + 1) // 2,),
        }

    def constants(self) -> dict[str, NDArray[Any]]:
        """Return where the entries of R stand in the flattened square."""
        rows, columns = np.triu_indices(self.rank)
        return {"position": rows * self.rank + columns}

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Decompose the matrix, or its transpose if it is wide."""
        orthogonal, triangle = linalg.qr(matrix if self.is_tall else matrix.T)
        return {
            "orthogonal": orthogonal,
            "triangle": triangle[np.triu_indices(self.rank)],
        }

    def triangle(self, factors: Any) -> Any:
        """Return R as a square matrix."""
        entries, size = factors.triangle, self.rank * self.rank
        if isinstance(entries, np.ndarray):
            flat = np.zeros(size, entries.dtype)
            flat[factors.position] = entries
        else:
            flat = entries.new_zeros(size).index_copy(0, factors.position, entries)
        return flat.reshape(self.rank, self.rank)

    def matrix(self, factors: Any, rows: slice = ALL) -> Any:
        """Return rows of Q R, or of its transpose."""
        triangle = self.triangle(factors)
        if self.is_tall:
            orthogonal = factors.orthogonal
            return (orthogonal if rows == ALL else orthogonal[rows]) @ triangle
        return (factors.orthogonal @ (triangle if rows == ALL else triangle[:, rows])).T

    def left_multiply(self, left: Any, factors: Any) -> Any:
        """Multiply by one factor after the other."""
        triangle = self.triangle(factors)
        if self.is_tall:
            return (left @ factors.orthogonal) @ triangle
        return (left @ triangle.T) @ factors.orthogonal.T


FACTORIZATIONS: dict[str, type[Factorization]] = {"svd": SVD, "qr": QR}
"""The factored eigenvectors by the value of ``train_eigenvectors``."""
