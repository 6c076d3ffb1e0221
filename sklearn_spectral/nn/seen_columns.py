"""Rows of sparse data with the columns that have values in a batch, and no others.

Nothing that a batch does depends on a column that is zero in all its rows, and of 60,000
words a few hundred texts have a sixth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

WIDE = 256
"""Rows of as many columns are looked through for columns of zeros."""


class SeenColumns:
    """Rows of a CSR matrix by the columns that have values in them.

    Parameters
    ----------
    rows : csr_array of shape (n_rows, n_seen)
        The values of these columns.
    columns : ndarray of shape (n_seen,) and type int64
        Which they are, ascending.
    n_features : int
        How many columns there are.
    """

    def __init__(self, rows: Any, columns: NDArray[np.int64], n_features: int) -> None:
        self.rows, self.n_features = rows, n_features
        self.columns = torch.from_numpy(columns)
        self.shape = (rows.shape[0], n_features)

    @classmethod
    def of(cls, rows: Any, dtype: Any) -> SeenColumns:
        """Take the rows of a CSR matrix, as numbers of a numpy type."""
        is_seen = np.zeros(rows.shape[1], bool)
        is_seen[rows.indices] = True
        columns = np.flatnonzero(is_seen)
        places = (np.cumsum(is_seen) - 1).astype(rows.indices.dtype)
        values = rows.data.astype(dtype, copy=False)
        return cls(_with(rows, values, places[rows.indices]), columns, rows.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def divided(self, scale: Tensor) -> SeenColumns:
        """Return the rows divided by one number for each column of all."""
        columns, rows = self.columns.numpy(), self.rows
        values = rows.data / scale.numpy()[columns][rows.indices]
        return SeenColumns(_with(rows, values, rows.indices), columns, self.n_features)

    def values(self) -> Tensor:
        """Return a dense tensor of the columns seen."""
        return torch.from_numpy(self.rows.toarray())

    def dense(self) -> Tensor:
        """Return a dense tensor of all columns."""
        values = self.values()
        return values.new_zeros(self.shape).index_copy_(1, self.columns, values)

    def times(self, matrix: Tensor) -> Tensor:
        """Return the rows times a matrix of shape (n_seen, n_out)."""
        return torch.from_numpy(self.rows @ matrix.numpy())

    def transposed_times(self, matrix: Tensor) -> Tensor:
        """Return the transpose of the rows times a matrix of shape (n_rows, n_out)."""
        return torch.from_numpy(self.rows.T @ matrix.numpy())


def _with(rows: Any, values: NDArray[Any], indices: NDArray[Any]) -> Any:
    """Return a matrix whose rows are as long, with other values and columns."""
    n_seen = int(indices.max()) + 1 if len(indices) else 0
    return sparse.csr_array((values, indices, rows.indptr), (rows.shape[0], n_seen))
