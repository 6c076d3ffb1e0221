"""Where the columns of data lie and how far they spread, found in one reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler

from .rows import BLOCK_NUMBERS, Rows, as_rows

Numbers: TypeAlias = NDArray[np.float64]
ShiftAndScale: TypeAlias = tuple[Numbers | None, Numbers]


def shift_and_scale(
    X: Any,
    weight: NDArray[Any] | None = None,
    rows: NDArray[np.intp] | None = None,
    *,
    centred: bool = True,
    dtype: DTypeLike = np.float64,
) -> ShiftAndScale:
    """Return the weighted mean of each column, and its standard deviation.

    Of sparse data the mean is None: they stay sparse, and their columns have the root of
    the mean square of the entries that are not zero: by a standard deviation, words that
    are in few texts would be the largest of all. If dense ones are not to be ``centred`` it
    is, too, and the scale is the root of the mean square. A column without spread, or with
    one that cannot be divided by in ``dtype``, has the scale 1. Only rows numbered ``rows``
    count, of which there are ``weight``.
    """
    X = as_rows(X)
    if _is_sparse(X):
        return None, _scale_of_sparse(X, weight, rows)
    if weight is not None:
        weight = weight / weight.mean()  # constant columns are found by their sum
    scaler = StandardScaler()
    for part, values in _pieces(X, rows):
        with np.errstate(over="ignore", invalid="ignore"):
            scaler.partial_fit(values, None, None if weight is None else weight[part])
    mean, scale = scaler.mean_, scaler.scale_
    with np.errstate(over="ignore", invalid="ignore"):
        mean_square = scaler.var_ + mean**2
    least = np.sqrt(np.finfo(dtype).tiny)
    scale = scale if centred else np.sqrt(mean_square)
    # Numbers whose squares overflow are left as they are, too.
    known = (scale > least) & np.isfinite(scale) & np.isfinite(mean)
    scale = np.where(known, scale, 1.0)
    return (np.where(np.isfinite(mean_square), mean, 0.0) if centred else None), scale


def _scale_of_sparse(
    X: Rows, weight: NDArray[Any] | None, rows: NDArray[np.intp] | None
) -> Numbers:
    squares, entries = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for part, chunk in X.chunks(rows=rows):
        of_rows = np.ones(chunk.shape[0]) if weight is None else weight[part]
        values = chunk.astype(np.float64)
        values.data **= 2
        squares += of_rows @ values
        values.data = np.sign(values.data)
        entries += of_rows @ values
    scale = np.sqrt(squares / np.where(entries > 0, entries, 1.0))
    return np.where((scale > 0) & np.isfinite(scale), scale, 1.0)


def _is_sparse(X: Rows) -> bool:
    return issparse(X.array)


def _pieces(X: Rows, rows: NDArray[np.intp] | None) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield all rows in pieces of a size that does not depend on their source, so that the
    sums of equal rows are of the same bits."""
    size = max(1, BLOCK_NUMBERS // X.shape[1])
    waiting: list[NDArray[Any]] = []
    start = n_waiting = 0
    for _, chunk in X.chunks(size, rows):
        values = chunk.astype(np.float64)
        waiting.append(values)
        n_waiting += len(values)
        while n_waiting >= size:
            joined = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            yield slice(start, start + size), joined[:size]
            waiting, n_waiting, start = [joined[size:]], n_waiting - size, start + size
    if n_waiting:
        yield slice(start, start + n_waiting), np.concatenate(waiting)
