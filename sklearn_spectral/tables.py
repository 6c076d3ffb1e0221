"""Mixed tables: what stands before an estimator that takes numbers only.

The steps are scikit-learn's. What is ours says which columns are numbers and which are
categories, and brings the ways of writing them, and what is missing, to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from .data.refused import refuse_unusable

__all__ = ["make_table_pipeline"]


def make_table_pipeline(
    estimator: Any, *, min_frequency: int | float = 2, max_categories: int | None = 40
) -> Pipeline:
    """Make a pipeline that prepares a table of numbers and categories for an estimator.

    All of its steps are scikit-learn's, and each can be set by its name:

    - ``table``: a :class:`~sklearn.compose.ColumnTransformer` of ``numbers`` and
      ``categories``. ``fit`` finds out what each column is. Missing numbers become the
      median of their column, and an indicator column is added. Categories (strings,
      bools, categoricals, and columns of different types) are one-hot; missing is a
      category of its own, rare ones share a column, and a category that ``fit`` has not
      seen counts as rare or, if there are no rare ones, as none. Dates are refused.
    - ``varying``: a :class:`~sklearn.feature_selection.VarianceThreshold`, which drops
      constant columns.
    - ``est``: the estimator.

    Numbers are scaled by a :class:`~sklearn.preprocessing.StandardScaler`, unless the
    estimator, or one inside it, has ``standardize=True`` when this function is called.

    Parameters
    ----------
    estimator : estimator instance
        A classifier or a regressor, of this package or any other that takes dense
        arrays. It is not copied.
    min_frequency : int or float, default=2
        Categories with fewer rows, as a float with a smaller share of them, share one
        column. See :class:`~sklearn.preprocessing.OneHotEncoder`.
    max_categories : int or None, default=40
        The most columns that one column of categories becomes; the most frequent ones
        keep theirs, and the others share one. None is no limit.

    Returns
    -------
    Pipeline
        With the steps ``table``, ``varying`` and ``est``, not fitted. It takes frames of
        pandas and of polars, and arrays of shape (n_samples, n_features).

    Raises
    ------
    TypeError
        If ``estimator`` is no instance of an estimator. In ``fit``, if X is sparse or a
        frame of another kind.
    ValueError
        In ``fit``, if a column has dates or times, or entries that are neither numbers,
        strings nor bools; in ``fit`` and ``predict``, if a number is infinite; in
        ``predict``, if a column of numbers has something else.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_spectral import SpectralClassifier, make_table_pipeline
    >>> flats = pd.DataFrame(
    ...     {
    ...         "rooms": [2, 3, None, 4, 3, 2],
    ...         "city": ["Bari", "Pisa", "Pisa", "Bari", None, "Pisa"],
    ...         "lift": [True, False, True, True, False, False],
    ...     }
    ... )
    >>> model = make_table_pipeline(SpectralClassifier(random_state=0))
    >>> model = model.fit(flats, ["sold", "let", "let", "sold", "let", "sold"])
    >>> model.predict(flats).shape
    (6,)
    >>> for name in model[:-1].get_feature_names_out():
    ...     print(name)
    rooms
    missingindicator_rooms
    city=Bari
    city=Pisa
    city=infrequent_sklearn
    lift=False
    lift=True
    """
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            f"estimator is {estimator!r}; give an instance of an estimator, as in "
            "make_table_pipeline(SpectralClassifier())."
        )
    numbers = [
        ("floats", FunctionTransformer(to_floats, feature_names_out="one-to-one")),
        # What is empty becomes constant, which the step after the table leaves out.
        (
            "impute",
            SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        ),
    ]
    if not _standardizes(estimator):
        numbers.append(("scale", StandardScaler()))
    categories = [
        ("texts", FunctionTransformer(to_texts, feature_names_out="one-to-one")),
        (
            "onehot",
            OneHotEncoder(
                handle_unknown="infrequent_if_exist",
                min_frequency=min_frequency,
                max_categories=max_categories,
                sparse_output=False,  # sparse columns could not be centred later
                feature_name_combiner=name_category,
            ),
        ),
    ]
    table = ColumnTransformer(
        [
            ("numbers", Pipeline(numbers), number_columns),
            ("categories", Pipeline(categories), category_columns),
        ],
        verbose_feature_names_out=False,
    )
    return Pipeline(
        [("table", table), ("varying", VarianceThreshold()), ("est", estimator)]
    )


def _standardizes(estimator: Any) -> bool:
    """Tell whether an estimator, or one inside it, standardises its inputs itself."""
    parameters = estimator.get_params() if hasattr(estimator, "get_params") else {}
    return any(
        name.rpartition("__")[2] == "standardize" and value is True
        for name, value in parameters.items()
    )


# ---- what the steps call; pickles name these functions ----


def number_columns(X: Any) -> list[int]:
    """Return the positions of the columns of numbers; see `make_table_pipeline`."""
    return [position for position, is_number in enumerate(_kinds(X)) if is_number]


def category_columns(X: Any) -> list[int]:
    """Return the positions of all other columns."""
    return [position for position, is_number in enumerate(_kinds(X)) if not is_number]


def to_floats(X: Any) -> NDArray[Any]:
    """Return columns of numbers as one array of floats; NaN is missing."""
    refuse_unusable(X, "X")
    return np.column_stack([_floats(name, column) for name, column in _columns(X)])


def to_texts(X: Any) -> NDArray[Any]:
    """Return columns of categories as one array of strings; None is missing.
    So that 1, 1.0 and "1" are one category, and True is one with or without missing ones.
    """
    refuse_unusable(X, "X")
    texts = np.empty(X.shape, dtype=object)
    for position, (_, column) in enumerate(_columns(X)):
        texts[:, position] = [_text(value) for value in np.asarray(column, dtype=object)]
    return texts


def name_category(feature: str, category: Any) -> str:
    """Return the name of the output of a category; missing as the imputer names it."""
    missing = _is_missing(category)  # NaN, if the steps hand frames of pandas on
    return f"missingindicator_{feature}" if missing else f"{feature}={category}"


# ---- columns of frames and arrays ----


def _columns(X: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the columns of a frame or an array, each with its name or position."""
    if hasattr(X, "iloc"):
        yield from ((name, X.iloc[:, i]) for i, name in enumerate(X.columns))
    elif hasattr(X, "columns"):
        yield from zip(X.columns, X.iter_columns(), strict=True)
    else:
        yield from enumerate(np.asarray(X).T)


def _kinds(X: Any) -> list[bool]:
    """Tell of each column whether it is one of numbers, and refuse what is unusable."""
    if issparse(X):
        raise TypeError(
            "X is sparse, which a table with columns of different types is not: give it to "
            "the estimator itself."
        )
    if not hasattr(X, "columns") and np.ndim(X) != 2:
        raise ValueError(f"X has {np.ndim(X)} dimensions; expected a table, with two.")
    if hasattr(X, "columns") and not (hasattr(X, "iloc") or hasattr(X, "iter_columns")):
        raise TypeError(
            f"X is a {type(X).__name__}; expected a frame of pandas or polars, or an array."
        )
    refuse_unusable(X, "X")
    return [_is_number(name, column) for name, column in _columns(X)]


def _is_number(name: Any, column: Any) -> bool:
    """Tell whether a column is one of numbers, by its type or by what it holds."""
    dtype = column.dtype
    kind = getattr(dtype, "kind", "O")
    if hasattr(dtype, "categories") or kind == "b":
        return False
    if kind in "iuf":
        return True
    values = np.asarray(column, dtype=object)
    types = {type(value) for value in values if not _is_missing(value)}
    for type_ in types:
        if not issubclass(type_, (str, bool, np.bool_, Real, Decimal)):
            raise ValueError(
                f"Column {name!r} has entries of type {type_.__name__}; expected numbers, "
                "strings or bools. Convert it to one of these, or drop it."
            )
    return bool(types) and not any(issubclass(t, (str, bool, np.bool_)) for t in types)


def _floats(name: Any, column: Any) -> NDArray[Any]:
    """Return a column of numbers as floats; NaN is missing."""
    values = np.asarray(column)
    if values.dtype.kind == "f":
        return values
    if values.dtype.kind in "iub":
        return values.astype(np.float64)
    try:
        return np.array([np.nan if _is_missing(v) else float(v) for v in values])
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"Column {name!r} had numbers only in fit, and now has something else: {error}."
        ) from error


def _text(value: Any) -> str | None:
    """Return a category as a string, a whole number without its point; None is missing."""
    if isinstance(value, str):
        return str(value)
    if _is_missing(value):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _is_missing(value: Any) -> bool:
    """Tell whether an entry is None, NaN or pandas' NA."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # NA is neither true nor false; arrays are no entries
        return type(value).__name__ == "NAType"
