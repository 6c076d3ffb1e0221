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
    """Refuse dates and times, which would be numbers of some unit, and masked entries.

    Parameters
    ----------
    values : object
        What a user gave: an array, a frame, a column, a list of rows, or anything else,
        which is let through.
    name : str
        Its name.

    Raises
    ------
    ValueError
        If it has dates or times, missing ones too, or entries that are masked.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_spectral.data.refused import refuse_unusable
    >>> refuse_unusable([[np.datetime64("2026-01-01"), 1.0]], "X")
    Traceback (most recent call last):
        ...
    ValueError: X has dates or times (datetime64); turn them into numbers first, for example
    days since the earliest.
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

    Parameters
    ----------
    values : object
        A column or a frame with such types; anything else, and what has missing entries,
        comes back as it is.

    Returns
    -------
    object
        The same, with types of numpy.
    """
    is_frame = hasattr(values, "columns") and hasattr(values, "dtypes")
    types = list(values.dtypes) if is_frame else [getattr(values, "dtype", None)]
    plain = {getattr(kind, "numpy_dtype", None) for kind in types}
    if len(plain) == 1 and getattr(next(iter(plain)), "kind", None) in ("i", "u"):
        try:
            return values.astype(plain.pop())
        except (ValueError, TypeError):  # missing entries, which scikit-learn names
            return values
    return values


def _dates(values: Any) -> Iterator[str]:
    """Yield what is a date or a time among values: types, or columns with theirs."""
    if hasattr(values, "columns") and hasattr(values, "dtypes"):
        for position, (name, kind) in enumerate(
            zip(values.columns, values.dtypes, strict=False)
        ):
            if _is_date(kind):
                yield f"column {name!r}: {kind}"
            elif getattr(kind, "kind", None) == "O" and hasattr(values, "iloc"):
                yield from _types_of_dates(values.iloc[:, position])
    elif type(values).__module__.startswith("pyarrow"):
        fields = getattr(values, "schema", [values])  # a table, or a column
        for field in fields:
            if _is_date(field.type):
                yield str(field.type)
    elif isinstance(values, list | tuple):
        yield from _types_of_dates(values)
        inner = (row for row in values if isinstance(row, list | tuple))
        yield from _types_of_dates(chain.from_iterable(inner))
        for row in values:
            yield from _dates(row) if hasattr(row, "dtype") else ()
    elif _is_date(getattr(values, "dtype", None)):
        yield str(values.dtype)
    elif getattr(getattr(values, "dtype", None), "kind", None) == "O":
        yield from _types_of_dates(getattr(values, "flat", values))


def _types_of_dates(values: Iterable[Any]) -> Iterator[str]:
    """Yield the names of the types of single values that are dates or times."""
    for kind in set(map(type, values)):
        if issubclass(kind, DATES):
            yield kind.__name__


def _is_date(kind: Any) -> bool:
    """Tell whether a type of numpy, pandas, Arrow or polars is one of dates or times."""
    if isinstance(kind, np.dtype):  # first, since it is what predict mostly sees
        return kind.kind in "mM"
    if getattr(kind, "kind", None) in ("m", "M"):
        return True
    if hasattr(kind, "is_temporal"):  # polars
        return bool(kind.is_temporal())
    return str(kind).startswith(("period", "date", "time", "duration"))  # "timestamp"
