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
    """Return a value as JSON can hold it, for `from_json`; a TypeError if it cannot.
    Scalars of numpy become builtin ones, arrays of one dimension lists, paths strings.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if isinstance(value, list | tuple):
        entries = [*map(to_json, value)]
        return {"tuple": entries} if isinstance(value, tuple) else entries
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} cannot be written as text")
    if len(value) > MAX_ENTRIES:
        raise TypeError(f"a dict of more than {MAX_ENTRIES} entries cannot be written")
    return {"dict": [[to_json(k), to_json(v)] for k, v in value.items()]}


def from_json(value: Any, depth: int = 20) -> Any:
    """Return what `to_json` was given, nested up to ``depth``; else a ModelFileError."""
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
    """Turn labels or names, of shape (n,), into a tensor and how it is packed: as
    "numbers", or as UTF-8 text of "strings" or "objects". A TypeError if it cannot be.
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
    packed_as = "strings" if values.dtype.kind == "U" else "objects"
    return np.frombuffer(text.encode("utf-8"), np.uint8), packed_as


def unpack(tensor: NDArray[Any], packed_as: str) -> NDArray[Any]:
    """Return a copy of what `pack` was given; what it never gives is a ModelFileError."""
    if packed_as == "numbers" and tensor.ndim == 1:
        return tensor.copy()
    is_text = packed_as in ("strings", "objects")
    if is_text and tensor.ndim == 1 and tensor.dtype == np.uint8:
        try:
            entries = json.loads(tensor.tobytes())
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"The file is damaged: no text ({error}).") from error
        plain = isinstance(entries, list) and all(
            isinstance(entry, str | bool | int | float) for entry in entries
        )
        if plain and packed_as == "objects":
            values = np.empty(len(entries), object)
            values[:] = entries
            return values
        if plain and all(isinstance(entry, str) for entry in entries):
            return np.array(entries, dtype=np.str_)
    raise ModelFileError(f"The file is damaged: an array of {packed_as} is not one.")
