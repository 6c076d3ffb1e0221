"""Checksums of fitted state: the same for equal values on every platform."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.rows import SlicedRows, release_pages, slices

CHUNK_BYTES = 2**22
"""About how many bytes of an array are read at a time; most are not copied."""


def digest(*values: Any) -> str:
    """Return the SHA-256 of arrays, containers and builtin types, as hexadecimal digits.
    Of other objects only the type counts.
    """
    hasher = hashlib.sha256()
    _feed(hasher, list(values))
    return hasher.hexdigest()


def _feed(hasher: Any, value: Any) -> None:
    if isinstance(value, np.generic) and value.dtype.kind in "biufU":
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        _write(hasher, "objects", *value.shape)
        _feed(hasher, value.ravel().tolist())
    elif isinstance(value, np.ndarray | SlicedRows):
        _feed_rows(hasher, value)
    elif isinstance(value, dict):
        _write(hasher, "dict", len(value))
        for entry in (part for item in value.items() for part in item):
            _feed(hasher, entry)
    elif isinstance(value, list | tuple):
        _write(hasher, type(value).__name__, len(value))
        for entry in value:
            _feed(hasher, entry)
    elif value is None or isinstance(value, bool | int | float | str | bytes):
        text = repr(value)
        _write(hasher, type(value).__name__, len(text), text)
    elif isinstance(value, Real):  # such as a long double, or a fraction
        _write(hasher, type(value).__name__, repr(value))
    else:
        _write(hasher, "object", type(value).__name__)


def _write(hasher: Any, *words: Any) -> None:
    hasher.update((" ".join(map(str, words)) + ";").encode("utf-8", "surrogatepass"))


def _feed_rows(hasher: Any, values: Any) -> None:
    is_array = isinstance(values, np.ndarray)
    dtype = values.dtype.newbyteorder("<")
    _write(hasher, "array" if is_array else "rows", dtype.str, *values.shape)
    for rows in _chunks(values) if is_array else (chunk for _, chunk in values.chunks()):
        hasher.update(np.ascontiguousarray(rows, dtype).view(np.uint8).data)


def _chunks(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the rows of an array, some at a time; let go of the pages of a mapped file."""
    rows = np.atleast_1d(values)
    n_rows = max(1, CHUNK_BYTES * len(rows) // max(1, rows.nbytes))
    for part in slices(len(rows) if rows.size else 0, n_rows):
        yield rows[part]
        release_pages(values)
