"""Which settings to call ours: candidates compared on held-out training images.

The last 10,000 of the shuffled training images are the validation set; the test set is
never touched. One seed. Rows go to ``settings.csv``; the first candidate of each network
is the one that ``methods.CHOSEN`` names.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import methods
import numpy as np
from cells import Cell, ours
from fits import quietly
from joblib import Parallel, delayed
from methods import CHOSEN, EIGHT, FOUR, key_of
from store import Store
from tqdm import tqdm

COLUMNS = [
    "data",
    "network",
    "method",
    "candidate",
    "validation_accuracy",
    "train_accuracy",
    "seconds",
]
KEY = ["data", "network", "method", "candidate"]
N_TRAINING = 50_000


def start(init: str, rate: float, **more: object) -> dict[str, object]:
    """Return a candidate."""
    return {"init": init, "learning_rate_init": rate, **more}


OTHERS = {
    ("mnist", "wide", "both sets"): [
        start("sqrt_covariance", 0.1),
        start("scaled", 0.3),
        start("covariance", 0.1),
        start("sqrt_covariance", 0.05),
        start("sqrt_covariance", 0.03),
        start("sqrt_covariance", 0.02),
        start("sqrt_covariance", 0.2),
        start("sqrt_covariance", 0.1, batch_size=200),
        start("sqrt_covariance", 0.1, **FOUR),
        start("sqrt_covariance", 0.1, **EIGHT),
    ],
    ("mnist", "wide", "out"): [start("scaled", 1.0), start("covariance", 0.1)],
    ("mnist", "wide", "eigenvectors"): [start("scaled", 0.01), start("paper", 0.003)],
    ("mnist", "deep", "both sets"): [start("scaled", 0.1), start("sqrt_covariance", 0.05)],
    ("mnist", "deep", "out"): [start("scaled", 0.1), start("sqrt_covariance", 0.1)],
    ("mnist", "deep", "eigenvectors"): [start("scaled", 0.001), start("scaled", 0.01)],
    ("mnist", "non-linear", "both sets"): [
        start("scaled", 0.3),
        start("sqrt_covariance", 0.1),
    ],
    ("mnist", "non-linear", "out"): [start("scaled", 0.3), start("sqrt_covariance", 0.1)],
    ("mnist", "non-linear", "eigenvectors"): [
        start("scaled", 0.01),
        start("scaled", 0.01, loss="brier"),
        start("scaled", 0.01, loss="brier", batch_size=200),
        start("wide", 0.03, loss="brier"),
        start("sqrt_covariance", 0.01, loss="brier"),
        start("scaled", 0.05),
        start("scaled", 0.01, batch_size=200),
        start("scaled", 0.02, alpha_eigenvectors=10.0),
        start("scaled", 0.01, batch_size=200, alpha_eigenvectors=10.0),
        start("scaled", 0.01, **FOUR),
        start("scaled", 0.01, batch_size=200, label_smoothing=0.1, **FOUR),
        start("scaled", 0.01, batch_size=200, averaging=0.999, **EIGHT),
    ],
    ("fashion_mnist", "non-linear", "both sets"): [
        start("sqrt_covariance", 0.05, loss="brier", batch_size=200),
        start("scaled", 0.3),
        start("covariance", 0.05),
        start("sqrt_covariance", 0.05),
        start("sqrt_covariance", 0.05, batch_size=200),
        start("sqrt_covariance", 0.05, **FOUR),
        start(
            *("sqrt_covariance", 0.05),
            **FOUR,
            loss="brier",
            batch_size=200,
            max_iter=40,
            averaging=0.99,
        ),
        start("sqrt_covariance", 0.05, max_iter=60),
    ],
    ("fashion_mnist", "non-linear", "eigenvectors"): [
        start("scaled", 0.01),
        start("scaled", 0.01, loss="brier"),
        start("scaled", 0.01, loss="brier", batch_size=200),
        start("scaled", 0.02, loss="brier"),
        start("sqrt_covariance", 0.003, loss="brier"),
        start("scaled", 0.03),
        start("scaled", 0.02, batch_size=200),
        start("scaled", 0.02, alpha_eigenvectors=3.0),
        start("scaled", 0.01, **FOUR),
        start("scaled", 0.02, alpha_eigenvectors=3.0, **FOUR),
        start("scaled", 0.01, label_smoothing=0.1, **FOUR),
        start("scaled", 0.01, label_smoothing=0.1, **EIGHT),
    ],
}


def compare(cell: Cell, candidate: dict[str, object], load: Callable) -> dict[str, object]:
    """Fit a candidate on the training part; score it on the other."""
    data = load(cell.data)
    order = np.random.RandomState(0).permutation(len(data.y_train))
    training, validation = order[:N_TRAINING], order[N_TRAINING:]
    model = methods.ours(cell, candidate)

    def accuracy(rows):
        return round(model.score(data.X_train[rows], data.y_train[rows]), 6)

    begin = time.perf_counter()
    with quietly():
        model.fit(data.X_train[training], data.y_train[training])
    return {
        "data": cell.data,
        "network": cell.network,
        "method": cell.method,
        "candidate": json.dumps(candidate, sort_keys=True),
        "validation_accuracy": accuracy(validation),
        "train_accuracy": accuracy(training),
        "seconds": round(time.perf_counter() - begin, 1),
    }


def open_store(folder: Path) -> Store:
    """Return the rows of the candidates."""
    return Store(folder / "settings.csv", COLUMNS, KEY)


def run(folder: Path, load: Callable, n_jobs: int, only: str = "") -> None:
    """Compare what has not been compared yet, of the networks whose key holds ``only``."""
    store = open_store(folder)
    done = store.keys()
    tasks = []
    for cell in ours(0):
        key = key_of(cell)
        if only not in ", ".join(key):
            continue
        for candidate in (CHOSEN[key], *OTHERS[key]):
            text = json.dumps(candidate, sort_keys=True)
            if (cell.data, cell.network, cell.method, text) not in done:
                tasks.append(delayed(compare)(cell, candidate, load))
    rows = Parallel(n_jobs, return_as="generator_unordered")(tasks)
    for row in tqdm(rows, total=len(tasks), unit="candidate"):
        store.append(row)
