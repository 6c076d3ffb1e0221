"""Reading arrays piece by piece: dense, sparse or mapped from a file."""

from __future__ import annotations

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
    while values is not None:
        if isinstance(values, np.memmap):
            return True
        values = getattr(values, "base", None)
    return False
