"""What numpy would make numbers of without a word: dates, masked entries, merged labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from itertools import chain
from typing import Any

import numpy as np

DATES = (date, time, timedelta, np.datetime64, np.timedelta64)
"""The types of single dates and times; pandas' own are subclasses of Python's."""


def refuse_unusable(values: Any, name: str) -> None:
    """Refuse dates and times, missing ones too, and masked entries, in what a user gave.
    numpy would make numbers of some unit of the first, and use what the others hide.
    """
    found = next(_dates(values), None)
    if found is not None:
        raise ValueError(
            f"{name} has dates or times ({found}); turn them into numbers first, for "
            "example days since the earliest."
        )
    rows = values if isinstance(values, list | tuple) else [values]
    if any(isinstance(row, np.ma.MaskedArray) and np.ma.is_masked(row) for row in rows):
        raise ValueError(
            f"{name} has masked entries, whose values would be used as if they were not "
            "masked. Impute them, or leave out such rows."
        )


def exact_integers(values: Any) -> Any:
    """Return whole numbers of a nullable type of pandas as those of numpy.
    scikit-learn makes floats of them, of which neighbours beyond 2**53 are equal.
    """
    is_frame = hasattr(values, "columns") and hasattr(values, "dtypes")
    types = list(values.dtypes) if is_frame else [getattr(values, "dtype", None)]
    plain = {getattr(dtype, "numpy_dtype", None) for dtype in types}
    if len(plain) == 1 and getattr(next(iter(plain)), "kind", None) in ("i", "u"):
        try:
            return values.astype(plain.pop())
        except (ValueError, TypeError):  # missing entries, which scikit-learn names
            return values
    return values


def _dates(values: Any) -> Iterator[str]:
    """Yield what is a date or a time among values: types, or columns with theirs."""
    dtype = getattr(values, "dtype", None)
    if hasattr(values, "columns") and hasattr(values, "dtypes"):
        yield from _dates_of_frame(values)
    elif type(values).__module__.startswith("pyarrow"):
        fields = getattr(values, "schema", [values])  # a table, or a column
        yield from (str(field.type) for field in fields if _is_date(field.type))
    elif isinstance(values, list | tuple):
        yield from _types_of_dates(values)
        inner = (row for row in values if isinstance(row, list | tuple))
        yield from _types_of_dates(chain.from_iterable(inner))
        for row in values:
            yield from _dates(row) if hasattr(row, "dtype") else ()
    elif _is_date(dtype):
        yield str(dtype)
    elif getattr(dtype, "kind", None) == "O":
        yield from _types_of_dates(getattr(values, "flat", values))


def _dates_of_frame(frame: Any) -> Iterator[str]:
    """Yield the columns of a data frame that have dates or times."""
    for position, (name, dtype) in enumerate(
        zip(frame.columns, frame.dtypes, strict=False)
    ):
        if _is_date(dtype):
            yield f"column {name!r}: {dtype}"
        elif getattr(dtype, "kind", None) == "O" and hasattr(frame, "iloc"):
            yield from _types_of_dates(frame.iloc[:, position])


def _types_of_dates(values: Iterable[Any]) -> Iterator[str]:
    """Yield the names of the types of single values that are dates or times."""
    for type_ in set(map(type, values)):
        if issubclass(type_, DATES):
            yield type_.__name__


def _is_date(dtype: Any) -> bool:
    """Tell whether a dtype of numpy, pandas, Arrow or polars is one of dates or times."""
    if isinstance(dtype, np.dtype):  # first, since it is what predict mostly sees
        return dtype.kind in "mM"
    if getattr(dtype, "kind", None) in ("m", "M"):
        return True
    if hasattr(dtype, "is_temporal"):  # polars
        return bool(dtype.is_temporal())
    return str(dtype).startswith(("period", "date", "time", "duration"))  # "timestamp"
