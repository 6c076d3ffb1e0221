"""All sets by name, the half of each, their folds, and what is done before any fit."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from . import classifications, regressions, wide

READERS = {
    "classification": classifications,
    "regression": regressions,
    "wide": wide,
}
"""Modules with NAMES, in alphabetical order, and `read`, by kind of set."""

KINDS = {name: kind for kind, module in READERS.items() for name in module.NAMES}

HALVES = {
    name: ("chosen on", "not looked at")[position % 2]
    for module in READERS.values()
    for position, name in enumerate(module.NAMES)
}
"""Settings are chosen on the first, third, ... of each list; the others are for claims."""

N_FOLDS = 5
N_FOLDS_SLOW = 3
SMALL = 1500
"""Rows up to which the slow rivals are fitted, with fewer folds, the same for all there."""


@dataclass(frozen=True)
class Fold:
    """What a fit gets, what it is scored on, and where it is from.

    Parameters
    ----------
    X_train, X_test : array or CSR matrix of float64
        Prepared: numbers imputed and standardised, one column per category.
    y_train, y_test : array
        Labels from 0, or numbers.
    set, kind : str
        Of the table.
    fold, of : int
        Which, of how many.
    n_classes : int or None
        Of the whole set; None for regressions.
    spread : float
        Standard deviation of the numbers of the whole set.
    """

    X_train: np.ndarray | sparse.csr_matrix
    y_train: np.ndarray
    X_test: np.ndarray | sparse.csr_matrix
    y_test: np.ndarray
    set: str
    kind: str
    fold: int
    of: int
    n_classes: int | None
    spread: float


@cache
def read(name: str):
    """Return the columns and the target of a set, by its name."""
    if name not in KINDS:
        known = ", ".join(KINDS)
        raise SystemExit(f"There is no set {name!r}. There are: {known}.")
    return READERS[KINDS[name]].read(name)


def is_small(name: str) -> bool:
    """Say whether the slow rivals are fitted to a set."""
    return len(read(name)[1]) <= SMALL


def preparation(X):
    """Return what numbers and categories go through; None where all is sparse."""
    if sparse.issparse(X):
        return None
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    if not isinstance(X, pd.DataFrame):
        return numbers
    words = X.select_dtypes(exclude="number").columns
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("numbers", numbers, X.columns.drop(words)), ("categories", encoder, words)]
    )


def folds(name: str, of: int) -> Iterator[Fold]:
    """Yield the folds of a set; what is fitted before a fit is fitted to its rows alone."""
    X, y = read(name)
    kind = KINDS[name]
    splitter = KFold if kind == "regression" else StratifiedKFold
    n_classes = None if kind == "regression" else int(y.max()) + 1
    prepare = preparation(X)
    rows = X.iloc if isinstance(X, pd.DataFrame) else X
    splits = splitter(of, shuffle=True, random_state=0).split(np.zeros(len(y)), y)
    for number, (train, test) in enumerate(splits):
        X_train, X_test = rows[train], rows[test]
        if prepare is not None:
            X_train = np.asarray(prepare.fit_transform(X_train), np.float64)
            X_test = np.asarray(prepare.transform(X_test), np.float64)
        yield Fold(
            *(X_train, y[train], X_test, y[test]),
            *(name, kind, number, of, n_classes, float(np.std(y))),
        )
