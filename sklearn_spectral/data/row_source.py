"""Arrays that are read by slices of rows: HDF5, Zarr, Dask, and what else offers them.

They may be larger than memory; only blocks of rows are ever read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .arrays import refuse_not_finite

BLOCK_NUMBERS = 2**18
"""About how many numbers a block has: rows that are read together."""

BUFFER_BLOCKS = 64
"""How many blocks are held, and shuffled, together."""


def is_row_source(values: Any) -> bool:
    """Tell whether something is an array that offers slices of rows and no more.

    Parameters
    ----------
    values : object
        Anything.

    Returns
    -------
    bool
        True for what has a shape, a numpy dtype and slices, but is no array of numpy, of
        scipy or of the array API, and no data frame.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_spectral.data.row_source import is_row_source
    >>> is_row_source(np.ones((3, 2))), is_row_source([[1.0, 2.0]])
    (False, False)
    """
    if isinstance(values, RowSource):
        return True
    if isinstance(values, np.ndarray | np.generic) or issparse(values):
        return False
    if hasattr(values, "__array_namespace__") or hasattr(values, "iloc"):
        return False
    has_slices = hasattr(values, "__getitem__") and hasattr(values, "shape")
    return has_slices and isinstance(getattr(values, "dtype", None), np.dtype)


class RowSource:
    """Rows of an array that is read by slices, in two dimensions.

    Parameters
    ----------
    array : object
        Its ``shape`` is of length two, its ``dtype`` one of numpy, and its slices of rows
        are what ``numpy.asarray`` takes. ``chunks``, if there are any, say how many rows
        are stored together.

    Raises
    ------
    ValueError
        If it has not two dimensions, no rows or columns, or no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_spectral.data.row_source import RowSource
    >>> rows = RowSource(np.arange(20.0).reshape(10, 2))  # for an array in a file
    >>> rows[[1, 8]]
    array([[ 2.,  3.],
           [16., 17.]])
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        shape = tuple(array.shape)
        kind = f"X, a {type(array).__module__}.{type(array).__qualname__},"
        if len(shape) != 2:
            raise ValueError(
                f"{kind} has the shape {shape}; expected two dimensions, one row per "
                "sample. Store it as (n_samples, n_features)."
            )
        if not all(isinstance(size, int | np.integer) for size in shape):
            raise ValueError(
                f"{kind} does not know its shape, {shape}. For a Dask array call "
                "X.compute_chunk_sizes() first."
            )
        if array.dtype.kind not in "iubf":
            raise ValueError(
                f"{kind} has the dtype {array.dtype}; expected real numbers. Convert "
                "it, or give a numpy array."
            )
        if 0 in shape:
            raise ValueError(
                f"{kind} has {shape[0]} sample(s) and {shape[1]} feature(s); at least "
                "one of each is required."
            )
        self.shape = (int(shape[0]), int(shape[1]))
        self.dtype = array.dtype.newbyteorder("=")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[np.intp] | list[int]) -> NDArray[Any]:
        """Return rows as a numpy array; for many of them see `pieces`."""
        if isinstance(rows, slice):
            return self._read(*rows.indices(len(self))[:2])
        index = np.asarray(rows)
        order = np.argsort(index, kind="stable")
        result = np.empty((len(index), self.shape[1]), self.dtype)
        start = 0
        for piece in self.pieces(index[order]):
            stop = start + len(piece)
            result[order[start:stop]] = piece
            start = stop
        return result

    @property
    def block_rows(self) -> int:
        """How many rows are read together: whole chunks, if there are any."""
        rows = max(1, BLOCK_NUMBERS // self.shape[1])
        chunk = _chunk_rows(self._array)
        # What a buffer cannot hold is not read whole, however it is stored.
        chunk = min(chunk, BUFFER_BLOCKS * rows)
        return max(1, rows // chunk) * chunk

    def blocks(self) -> Iterator[slice]:
        """Yield all rows as blocks, in order."""
        for start in range(0, len(self), self.block_rows):
            yield slice(start, min(start + self.block_rows, len(self)))

    def pieces(self, rows: NDArray[np.intp] | None = None) -> Iterator[NDArray[Any]]:
        """Yield rows in order, block by block.

        Parameters
        ----------
        rows : ndarray of int, optional
            Which rows, in ascending order; all by default.

        Yields
        ------
        ndarray of shape (n, n_features)
            Those of one block.
        """
        for block in self.blocks():
            if rows is None:
                yield self[block]
                continue
            low, high = np.searchsorted(rows, [block.start, block.stop])
            if low < high:
                yield self[block][rows[low:high] - block.start]

    def check_finite(self) -> None:
        """Read everything once and refuse what is no number.

        Raises
        ------
        ValueError
            If an entry is NaN or infinite; the message names its row and column.
        """
        if self.dtype.kind != "f":
            return
        for block in self.blocks():
            values = self[block]
            if not np.isfinite(values.sum(dtype=np.float64)):
                refuse_not_finite(values, block.start)

    def _read(self, start: int, stop: int) -> NDArray[Any]:
        read = np.asanyarray(self._array[start:stop])
        if np.ma.is_masked(read):
            raise ValueError(
                f"X[{start}:{stop}] has missing values (masked entries). Impute or leave "
                "out such rows."
            )
        if not np.can_cast(read.dtype, self.dtype, "same_kind"):
            raise ValueError(
                f"X[{start}:{stop}] has the dtype {read.dtype}, but X.dtype is "
                f"{self.dtype}: rows would be cut to it. Numbers that are packed in a file "
                "have to be unpacked with the dtype that they then have, as xarray does."
            )
        values = np.asarray(read, self.dtype)
        if values.shape != (max(stop - start, 0), self.shape[1]):
            raise ValueError(
                f"X[{start}:{stop}] has the shape {values.shape}; expected "
                f"{(stop - start, self.shape[1])}, as X.shape is {self.shape}."
            )
        return values


def _chunk_rows(array: Any) -> int:
    """Return how many rows an array stores together; 1 if it does not say."""
    chunks = getattr(array, "chunks", None)
    try:
        rows = chunks[0]  # type: ignore[index]
        return max(1, int(max(rows) if isinstance(rows, tuple | list) else rows))
    except (TypeError, ValueError, IndexError, KeyError):
        return 1  # contiguous, or in a form that says nothing about rows
