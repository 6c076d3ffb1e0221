"""The images and tables of the league, each with rows that only choose settings."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks.tables import sets
from sklearn_spectral import datasets

IMAGES = ("mnist", "fashion_mnist")
TABLES = (
    *("chess", "letter", "optdigits", "penbased"),
    *("satimage", "segment", "spambase", "splice"),
)
"""Of KEEL: real, of 2,300 rows or more and of 16 features or more."""

COUNTS = {
    "image": (500, 1000, 2000, 4200, 7500, 13_200, 30_000),
    "table": (500, 2000, 8000, 30_000),
}
EPOCHS = {"image": 20, "table": 60}
BATCHES = {"image": 500, "table": 100}
N_CHOOSING = 20_000
"""Training images that settings are compared with, of the first 50,000 in random order."""


def kind_of(name: str) -> str:
    """Return "image" or "table"."""
    return "image" if name in IMAGES else "table"


@dataclass(frozen=True)
class Split:
    """Rows that train and rows that are scored."""

    X: np.ndarray
    y: np.ndarray
    X_scored: np.ndarray
    y_scored: np.ndarray


@lru_cache(maxsize=1)
def load(name: str, path: Path | None) -> Split:
    """Return the training and the test rows of a set, as float32."""
    if kind_of(name) == "image":
        found = getattr(datasets, f"load_{name}")(path)
        return Split(found.X_train, found.y_train, found.X_test, found.y_test)
    X, y = sets.read(name)
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.3, stratify=y, random_state=0
    )
    prepare = sets.preparation(X)
    X_train = np.asarray(prepare.fit_transform(X.iloc[train]), np.float32)
    X_test = np.asarray(prepare.transform(X.iloc[test]), np.float32)
    return Split(X_train, y[train], X_test, y[test])


def choosing(data: Split, n_rows: int | None = N_CHOOSING) -> Split:
    """Return a sixth of the training rows to be scored on, and so many of the others, or
    all of them."""
    order = np.random.RandomState(0).permutation(len(data.y))
    held_out = order[-(len(order) // 6) :]
    train = order[: -len(held_out)][:n_rows]
    return Split(data.X[train], data.y[train], data.X[held_out], data.y[held_out])
