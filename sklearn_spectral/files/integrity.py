"""Checksums of fitted state: the same for equal values on every platform."""

from __future__ import annotations

import hashlib
from numbers import Real
from typing import Any

import numpy as np

from ..data.rows import SlicedRows, release_pages

PIECE = 2**22
"""About how many bytes of an array are read at a time; most are not copied."""


def digest(*values: Any) -> str:
    """Return the SHA-256 of values: arrays, containers and builtin types.

    Of other objects only the type counts.

    Parameters
    ----------
    *values : object
        The values.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_spectral.files.integrity import digest
    >>> digest([1, "a"], np.arange(3)) == digest([1, "a"], np.arange(3))
    True
    >>> digest(np.arange(3)) == digest(np.arange(3.0))
    False
    """
    hasher = hashlib.sha256()
    _feed(hasher, list(values))
    return hasher.hexdigest()


def _feed(hasher: Any, value: Any) -> None:
    def tell(*words: Any) -> None:
        hasher.update((" ".join(map(str, words)) + ";").encode("utf-8", "surrogatepass"))

    if isinstance(value, np.generic) and value.dtype.kind in "biufU":
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        dtype = value.dtype.newbyteorder("<")
        tell("array", dtype.str, *value.shape)
        rows = np.atleast_1d(value)
        n_rows = max(1, PIECE * len(rows) // max(1, rows.nbytes))
        for start in range(0, len(rows) if rows.size else 0, n_rows):
            piece = np.ascontiguousarray(rows[start : start + n_rows], dtype)
            hasher.update(piece.view(np.uint8).data)
            release_pages(value)
    elif isinstance(value, SlicedRows):
        tell("rows", value.dtype.newbyteorder("<").str, *value.shape)
        for _, piece in value.chunks():
            hasher.update(np.ascontiguousarray(piece).view(np.uint8).data)
    elif isinstance(value, np.ndarray):
        tell("objects", *value.shape)
        _feed(hasher, value.ravel().tolist())
    elif isinstance(value, dict):
        tell("dict", len(value))
        for key, entry in value.items():
            _feed(hasher, key)
            _feed(hasher, entry)
    elif isinstance(value, list | tuple):
        tell(type(value).__name__, len(value))
        for entry in value:
            _feed(hasher, entry)
    elif value is None or isinstance(value, bool | int | float | str | bytes):
        text = repr(value)
        tell(type(value).__name__, len(text), text)
    elif isinstance(value, Real):  # such as a long double, or a fraction
        tell(type(value).__name__, repr(value))
    else:
        tell("object", type(value).__name__)
