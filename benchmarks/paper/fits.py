"""One cell: load its data, fit, score, and keep the quantiles of its weights."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import sklearn
import torch
from cells import Cell
from methods import digest, make
from sklearn.exceptions import ConvergenceWarning

from sklearn_spectral import datasets

COLUMNS = [
    "data",
    "family",
    "widths",
    "network",
    "method",
    "seed",
    "accuracy",
    "train_accuracy",
    "n_parameters",
    "loss",
    "n_epochs",
    "stop_reason",
    "parameters",
    "seconds",
    "torch",
    "scikit_learn",
    "python",
]
KEY = ["data", "network", "method", "seed"]
N_QUANTILES = 201
DISTRIBUTION_COLUMNS = [*KEY, *(f"q{k}" for k in range(N_QUANTILES))]


@lru_cache(maxsize=2)
def _load(data, path):
    return getattr(datasets, f"load_{data}")(path)


def load(data: str, paths: Mapping[str, Path | None]):
    """Load a data set, once per process."""
    return _load(data, paths[data])


@contextmanager
def quietly() -> Iterator[None]:
    """Fit on one core, without warnings that more epochs would help.

    Twenty epochs are the paper's, so that is no surprise; a fit that diverged says so in
    its row.
    """
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def fit(cell: Cell, paths: Mapping[str, Path | None]):
    """Fit one cell; return its row and the quantiles of its weights if it is linear."""
    data = load(cell.data, paths)
    model = make(cell)
    start = time.perf_counter()
    with quietly():
        model.fit(data.X_train, data.y_train)
    row = cell.row() | {
        "accuracy": round(model.score(data.X_test, data.y_test), 6),
        "train_accuracy": round(model.score(data.X_train, data.y_train), 6),
        "n_parameters": model.n_parameters_,
        "loss": round(model.loss_, 6),
        "n_epochs": model.n_iter_,
        "stop_reason": model.stop_reason_,
        "parameters": digest(cell),
        "seconds": round(time.perf_counter() - start, 1),
        "torch": torch.__version__,
        "scikit_learn": sklearn.__version__,
        "python": platform.python_version(),
    }
    if not hasattr(model, "coef_"):
        return row, None
    quantiles = np.quantile(model.coef_, np.linspace(0, 1, N_QUANTILES))
    named = {f"q{k}": f"{q:.5g}" for k, q in enumerate(quantiles)}
    return row, dict(zip(KEY, cell.key, strict=True)) | named
