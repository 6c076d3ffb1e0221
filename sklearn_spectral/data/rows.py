"""Rows of numbers from any source: arrays, CSR, memory maps, arrays that are sliced.

`as_rows` gives them one interface, `Rows`; torch's data sets join it in ``torch_data``.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

CHUNK_BYTES = 2**25
"""About how much memory the widest layer of one chunk may take."""

BLOCK_NUMBERS = 2**18
"""About how many numbers a block has: rows that are read together."""

BUFFER_BLOCKS = 64
"""How many blocks are in memory, and shuffled, together."""


class Rows:
    """Rows of one source, read by slices, by row numbers, or in chunks.
    A source whose ``has_row_numbers`` is False can only be read from start to end.
    """

    in_file = False  # may be larger than memory
    is_dense = False  # a dense array in memory
    is_random_access = True  # any row costs about what the next one does
    has_row_numbers = True

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape: tuple[int, int] = array.shape
        self.dtype: np.dtype = array.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | NDArray[np.intp]) -> Any:
        return self.array[index]

    def chunks(
        self, n_rows: int | None = None, rows: NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, Any]]:
        """Yield all rows, or those numbered ``rows``, at most ``n_rows`` at a time.
        The slice says which of them a chunk has; ``rows`` of a file must ascend.
        """
        if n_rows is None:
            n_rows = chunk_rows(self.shape[1])
        for part in slices(len(self) if rows is None else len(rows), n_rows):
            yield part, self[part if rows is None else rows[part]]
            self.release()

    def check_finite(self) -> None:
        """Read everything once and reject NaN and infinity, by row and column."""
        if self.dtype.kind != "f":
            return
        for rows, values in self.chunks():
            if not np.isfinite(values.sum(dtype=np.float64)):
                refuse_not_finite(values, rows.start)

    def check_row_numbers(self, feature: str, name: str = "X") -> None:
        """Refuse a source without row numbers for a feature that needs them."""

    def release(self) -> None:
        """Give back the memory of what was read, where a file's pages hold it."""

    def contents(self) -> Any:
        """Return what to compute a checksum from."""
        return self.array

    @property
    def block_rows(self) -> int:
        """How many rows are read, and moved in a shuffle by blocks, together."""
        return _rows_of_block(self.shape[1])

    @property
    def buffer_blocks(self) -> int:
        """How many blocks are in memory, and shuffled, together."""
        return max(1, BUFFER_BLOCKS * _rows_of_block(self.shape[1]) // self.block_rows)

    @property
    def buffer_rows(self) -> int:
        """How many rows are in memory, and shuffled, together, if there are no blocks."""
        return BUFFER_BLOCKS * BLOCK_NUMBERS // self.shape[1]


class ArrayRows(Rows):
    """A dense array in memory."""

    is_dense = True


class SparseRows(Rows):
    """A CSR matrix; its rows are CSR, too, until `densify` makes them dense."""

    def contents(self) -> Any:
        """Return its arrays."""
        X = self.array
        return [X.shape, X.data, X.indices, X.indptr]


class MappedRows(Rows):
    """A memory-mapped array, whose pages are given back after each chunk."""

    in_file = True

    def release(self) -> None:
        """Give back the pages that were read."""
        release_pages(self.array)


class SlicedRows(Rows):
    """An array that offers slices of rows and no more: HDF5, Zarr, Dask and others.
    Only blocks of rows are read; ``chunks`` of the array says how many are stored together.
    """

    in_file = True
    is_random_access = False

    def __init__(self, array: Any) -> None:
        self.array = array
        shape = tuple(array.shape)
        given = f"X, a {type(array).__module__}.{type(array).__qualname__},"
        if len(shape) != 2:
            raise ValueError(
                f"{given} has the shape {shape}; expected two dimensions, one row per "
                "sample. Store it as (n_samples, n_features)."
            )
        if not all(isinstance(size, int | np.integer) for size in shape):
            raise ValueError(
                f"{given} does not know its shape, {shape}. For a Dask array call "
                "X.compute_chunk_sizes() first."
            )
        if array.dtype.kind not in "iubf":
            raise ValueError(
                f"{given} has the dtype {array.dtype}; expected real numbers. Convert "
                "it, or give a numpy array."
            )
        if 0 in shape:
            raise ValueError(
                f"{given} has {shape[0]} sample(s) and {shape[1]} feature(s); at least "
                "one of each is required."
            )
        self.shape = (int(shape[0]), int(shape[1]))
        self.dtype = array.dtype.newbyteorder("=")

    def __getitem__(self, index: slice | NDArray[np.intp] | list[int]) -> NDArray[Any]:
        if isinstance(index, slice):
            return self._read(*index.indices(len(self))[:2])
        index = np.asarray(index)
        order = np.argsort(index, kind="stable")
        result = np.empty((len(index), self.shape[1]), self.dtype)
        for part, values in self.chunks(rows=index[order]):
            result[order[part]] = values
        return result

    def chunks(
        self, n_rows: int | None = None, rows: NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Read block by block, and cut the blocks to ``n_rows`` if that is given."""
        for block in slices(len(self), self.block_rows):
            low, high = block.start, block.stop
            if rows is not None:
                low, high = np.searchsorted(rows, [low, high])
            if low == high:
                continue
            values = self[block]
            if rows is not None:
                values = values[rows[low:high] - block.start]
            for part in slices(len(values), n_rows or len(values)):
                yield slice(low + part.start, low + part.stop), values[part]

    def contents(self) -> Any:
        """Return itself: a checksum reads its chunks."""
        return self

    @property
    def block_rows(self) -> int:
        """How many rows are read together: whole chunks of the file, if it has any."""
        rows = _rows_of_block(self.shape[1])
        # What a buffer cannot hold is not read whole, however it is stored.
        stored = min(_stored_together(self.array), BUFFER_BLOCKS * rows)
        return max(1, rows // stored) * stored

    def _read(self, start: int, stop: int) -> NDArray[Any]:
        read = np.asanyarray(self.array[start:stop])
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


def as_rows(X: Any) -> Rows:
    """Return an array, a CSR matrix, a memory map or a sliced array as `Rows`."""
    if isinstance(X, Rows):
        return X
    if isinstance(X, np.ndarray):
        return MappedRows(X) if is_memmap(X) else ArrayRows(X)
    return SparseRows(X) if issparse(X) else SlicedRows(X)


def is_sliced(values: Any) -> bool:
    """Tell whether something is read by slices of rows: a shape, a numpy dtype and slices,
    but no array of numpy, of scipy or of the array API, and no data frame."""
    if isinstance(values, Rows):
        return True
    if isinstance(values, np.ndarray | np.generic) or issparse(values):
        return False
    if hasattr(values, "__array_namespace__") or hasattr(values, "iloc"):
        return False
    has_slices = hasattr(values, "__getitem__") and hasattr(values, "shape")
    return has_slices and isinstance(getattr(values, "dtype", None), np.dtype)


def is_memmap(values: Any) -> bool:
    """Tell whether an array is a memory-mapped file or a view of one."""
    return _mapped(values) is not None


def input_error(name: str, source: Any, expected: str, advice: str) -> ValueError:
    """Return the error for a source that cannot be used; all such errors are made here."""
    return ValueError(f"{name} is of type {type(source).__name__}. {expected}: {advice}.")


def row_numbers_error(name: str, source: Any, feature: str, advice: str) -> ValueError:
    """Return the error for a source without row numbers."""
    expected = f"{feature} needs rows by their numbers, which {type(source).__name__} does"
    return input_error(name, source, f"{expected} not give", advice)


def chunk_rows(n_columns: int, itemsize: int = 8, n_bytes: int | None = None) -> int:
    """Return how many rows of so many numbers take ``n_bytes``, `CHUNK_BYTES` if None."""
    n_bytes = CHUNK_BYTES if n_bytes is None else n_bytes
    return max(1, n_bytes // max(1, n_columns * itemsize))


def slices(n: int, step: int) -> Iterator[slice]:
    """Cut ``n`` things into consecutive slices of ``step``; the last may have fewer."""
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def row_chunks(
    n_rows: int, n_columns: int, itemsize: int = 8, n_bytes: int | None = None
) -> Iterator[slice]:
    """Cut rows into slices of bounded memory, at least one row each; see `chunk_rows`."""
    return slices(n_rows, chunk_rows(n_columns, itemsize, n_bytes))


def densify(values: Any, dtype: Any) -> NDArray[Any]:
    """Return a dense array of a sparse one, or an array as it is, in the given type."""
    if hasattr(values, "toarray"):
        values = values.astype(dtype, copy=False).toarray()
    return np.asarray(values, dtype=dtype)


def release_pages(values: Any) -> None:
    """Give back the pages of a memory-mapped file that were read, if it is one.
    They stay in the system's cache, but a cluster no longer counts them as the process's.
    """
    memmap = _mapped(values)
    # Of a private map ("c") it would undo what was written.
    if memmap is None or getattr(memmap, "mode", None) not in ("r", "r+"):
        return
    if hasattr(mmap, "MADV_DONTNEED") and hasattr(memmap, "_mmap"):
        memmap._mmap.madvise(mmap.MADV_DONTNEED)


def refuse_not_finite(values: NDArray[Any], first_row: int) -> None:
    """Raise if an entry is NaN or infinite; name its row, counted from ``first_row``."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        what = "NaN" if np.isnan(values[row, column]) else "infinity"
        raise ValueError(
            f"Input X contains {what}, in row {first_row + row}, column {column}. Impute "
            "or leave out such rows."
        )


def _mapped(values: Any) -> np.memmap | None:
    while values is not None:
        if isinstance(values, np.memmap):
            return values
        values = getattr(values, "base", None)
    return None


def _rows_of_block(n_columns: int) -> int:
    return max(1, BLOCK_NUMBERS // n_columns)


def _stored_together(array: Any) -> int:
    """Return how many rows an array stores together; 1 if it does not say."""
    chunks = getattr(array, "chunks", None)
    try:
        rows = chunks[0]  # type: ignore[index]
        return max(1, int(max(rows) if isinstance(rows, tuple | list) else rows))
    except (TypeError, ValueError, IndexError, KeyError):
        return 1  # contiguous, or in a form that says nothing about rows
