"""Labels as the loss wants them: an index for each row, or zeros and ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

LARGEST_EXACT = 2.0**53
"""From here on neighbouring whole numbers are equal as float64."""


def are_indicators(y: Any) -> bool:
    """Tell whether y has a column for each label, of which several may be right."""
    if issparse(y):
        return True
    shape = y.shape if hasattr(y, "shape") else np.shape(y)
    return len(shape) == 2 and shape[1] > 1


def indicators(y: Any, name: str) -> NDArray[np.float32]:
    """Return an indicator matrix, dense; refuse other entries than 0 and 1."""
    dense = y.toarray() if issparse(y) else np.asarray(y)
    if dense.ndim != 2 or dense.shape[1] < 2:
        raise ValueError(
            f"{name} is sparse, of shape {dense.shape}: only several labels per row can "
            f"be, in two columns or more. For one label per row pass "
            f"{name}.toarray().ravel()."
        )
    if dense.dtype.kind == "O":
        try:
            dense = dense.astype(np.float64)
        except (TypeError, ValueError):
            dense = np.array([[np.nan]])
    if dense.dtype.kind not in "biuf" or not ((dense == 0) | (dense == 1)).all():
        raise ValueError(
            f"{name} has {y.shape[1]} columns, which are taken as labels of which several "
            f"may be right: it must have 0 and 1 alone. For one label per row {name} "
            "should be a 1d array; for several targets of several classes each see "
            "sklearn.multioutput.MultiOutputClassifier."
        )
    return dense.astype(np.float32)


def found_labels(y: Any, name: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the labels in y, sorted, and the index of each row's among them."""
    y = column_or_1d(y, warn=True)
    check_classification_targets(y)
    if y.dtype.kind == "f" and np.abs(y).max(initial=0) >= LARGEST_EXACT:
        raise ValueError(
            f"{name} has floats of 2**53 and more as labels, of which different whole "
            "numbers are equal. Give them as integers or as strings."
        )
    return np.unique(y, return_inverse=True)


def places_among(found: NDArray[Any], known: NDArray[Any], name: str) -> NDArray[np.intp]:
    """Return where labels are among those that are known; refuse others."""
    shown = known.tolist()
    if {found.dtype.kind, known.dtype.kind} == {"i", "u"}:
        # numpy would compare them as floats, of which large neighbours are equal.
        found, known = found.astype(object), known.astype(object)
    unknown = found[~np.isin(found, known)]
    if len(unknown):
        raise ValueError(
            f"{name} has labels that are not among the classes: {unknown.tolist()}; "
            f"the classes are {shown}."
        )
    return np.searchsorted(known, found)


def at_least_two(classes: NDArray[Any], where: str = "y") -> NDArray[Any]:
    """Refuse a single class."""
    if len(classes) < 2:
        raise ValueError(
            f"{where} has one class only, {classes.tolist()}; a classifier needs two or "
            "more classes."
        )
    return classes


def first_classes(classes: Any) -> NDArray[Any]:
    """Return the classes that the first call of partial_fit announces."""
    if classes is None:
        raise ValueError(
            "The first call of partial_fit needs classes: all labels that any later "
            "call may bring."
        )
    return at_least_two(classes, "classes")
