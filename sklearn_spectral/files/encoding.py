"""Values as JSON and arrays as tensors, and back: builtin types, labels, names."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import ModelFileError

MAX_ENTRIES = 10_000
"""How many entries a dict may have: numbers can be chosen so that to hash many is slow."""


def to_json(value: Any) -> Any:
    """Return what JSON can hold of a value, so that `from_json` gives it back.

    Parameters
    ----------
    value : object
        None, a boolean, number, string or path, or a tuple, list, dict or one-dimensional
        array of such. Scalars of numpy become builtin ones, arrays lists, paths strings.

    Returns
    -------
    object
        For ``json.dumps``.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, tuple):
        return {"tuple": [to_json(entry) for entry in value]}
    if isinstance(value, list):
        return [to_json(entry) for entry in value]
    if isinstance(value, dict) and len(value) > MAX_ENTRIES:
        raise TypeError(f"a dict of more than {MAX_ENTRIES} entries cannot be written")
    if isinstance(value, dict):
        return {"dict": [[to_json(k), to_json(v)] for k, v in value.items()]}
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return [to_json(entry) for entry in value.tolist()]
    raise TypeError(f"{type(value).__name__} cannot be written as text")


def from_json(value: Any, depth: int = 20) -> Any:
    """Return what `to_json` was given.

    Parameters
    ----------
    value : object
        From ``json.loads``.
    depth : int, default=20
        How deep it may be nested.

    Returns
    -------
    object
        Of builtin types.

    Raises
    ------
    ModelFileError
        If `to_json` never gives this.
    """
    if depth == 0:
        raise ModelFileError("The file is damaged: a value is nested too deep.")
    depth -= 1
    if isinstance(value, list):
        return [from_json(entry, depth) for entry in value]
    if not isinstance(value, dict):
        return value
    try:
        ((tag, inner),) = value.items()
        if tag == "float" and inner in ("inf", "-inf", "nan"):
            return float(inner)
        if tag == "tuple" and isinstance(inner, list):
            return tuple(from_json(entry, depth) for entry in inner)
        if tag == "dict" and len(inner) <= MAX_ENTRIES:
            return {from_json(k, depth): from_json(v, depth) for k, v in inner}
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"The file is damaged: a value is wrong ({error}).") from error
    raise ModelFileError(f"The file is damaged: it has values of the unknown kind {tag!r}.")


def pack(values: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Turn a one-dimensional array into one of numbers, and a word that says how.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers, booleans, strings, or objects that are one of these.

    Returns
    -------
    tensor : ndarray
        The numbers themselves, or UTF-8 text.
    kind : {"numbers", "strings", "objects"}
        For `unpack`.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if values.dtype.kind in "biuf" and values.dtype.itemsize <= 8:
        return values, "numbers"
    if values.dtype.kind not in "UO":
        raise TypeError(f"an array of {values.dtype} cannot be written")
    entries = values.tolist()
    for entry in entries:
        if not isinstance(entry, str | bool | int | float):
            raise TypeError(f"a label of type {type(entry).__name__} cannot be written")
    text = json.dumps(entries, allow_nan=False)
    kind = "strings" if values.dtype.kind == "U" else "objects"
    return np.frombuffer(text.encode("utf-8"), np.uint8), kind


def unpack(tensor: NDArray[Any], kind: str) -> NDArray[Any]:
    """Return what `pack` was given.

    Parameters
    ----------
    tensor : ndarray
        The numbers, or the text.
    kind : str
        What `pack` said.

    Returns
    -------
    ndarray of shape (n,)
        A copy.

    Raises
    ------
    ModelFileError
        If `pack` never gives this.
    """
    if kind == "numbers" and tensor.ndim == 1:
        return tensor.copy()
    if kind in ("strings", "objects") and tensor.ndim == 1 and tensor.dtype == np.uint8:
        try:
            entries = json.loads(tensor.tobytes())
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"The file is damaged: no text ({error}).") from error
        plain = isinstance(entries, list) and all(
            isinstance(entry, str | bool | int | float) for entry in entries
        )
        if plain and kind == "objects":
            values = np.empty(len(entries), object)
            values[:] = entries
            return values
        if isinstance(entries, list) and all(isinstance(e, str) for e in entries):
            return np.array(entries, dtype=np.str_)
    raise ModelFileError(f"The file is damaged: an array of {kind} is not one.")
