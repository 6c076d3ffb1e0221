"""Reading arrays piece by piece: dense, sparse or mapped from a file."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 2**25
"""About how much memory the widest layer of one chunk may take."""


def row_chunks(
    n_rows: int, n_columns: int, itemsize: int = 8, n_bytes: int | None = None
) -> Iterator[slice]:
    """Cut rows into slices whose dense copy stays within a bound.

    Parameters
    ----------
    n_rows, n_columns : int
        Shape of the whole.
    itemsize : int, default=8
        Bytes of one number.
    n_bytes : int, optional
        The bound; `CHUNK_BYTES` if not given.

    Yields
    ------
    slice
        Consecutive rows, at least one at a time.
    """
    n_bytes = CHUNK_BYTES if n_bytes is None else n_bytes
    step = max(1, n_bytes // max(1, n_columns * itemsize))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def densify(values: Any, dtype: Any) -> NDArray[Any]:
    """Return a dense array of a sparse one, or an array as it is, in the given type."""
    if hasattr(values, "toarray"):
        values = values.astype(dtype, copy=False).toarray()
    return np.asarray(values, dtype=dtype)


def is_memmap(values: Any) -> bool:
    """Tell whether an array is a view of a memory-mapped file.

    Parameters
    ----------
    values : object
        Anything.

    Returns
    -------
    bool
        True for a `numpy.memmap` and for views of one.
    """
    return _mapped(values) is not None


def release_pages(values: Any) -> None:
    """Let go of the pages of a memory-mapped file that were read, if it is one.

    They stay in the system's cache, but count no longer as memory of this process, by
    which a cluster may decide to kill it.

    Parameters
    ----------
    values : object
        Anything.
    """
    memmap = _mapped(values)
    # Of a private map ("c") it would undo what was written.
    if memmap is None or getattr(memmap, "mode", None) not in ("r", "r+"):
        return
    if hasattr(mmap, "MADV_DONTNEED") and hasattr(memmap, "_mmap"):
        memmap._mmap.madvise(mmap.MADV_DONTNEED)


def check_finite_by_rows(X: NDArray[Any]) -> None:
    """Read a memory-mapped array piece by piece and refuse what is no number.

    Parameters
    ----------
    X : memmap of shape (n_samples, n_features)
        The array.

    Raises
    ------
    ValueError
        If an entry is NaN or infinite; the message names its row and column.
    """
    if X.dtype.kind != "f":
        return
    for rows in row_chunks(len(X), X.shape[1], X.itemsize):
        piece = X[rows]
        if not np.isfinite(piece.sum(dtype=np.float64)):
            refuse_not_finite(piece, rows.start)
        release_pages(X)


def refuse_not_finite(values: NDArray[Any], first_row: int) -> None:
    """Raise if an entry of some rows is NaN or infinite, and say which.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        The rows.
    first_row : int
        The number of the first of them.

    Raises
    ------
    ValueError
        If there is one.
    """
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
