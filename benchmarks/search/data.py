"""The tables and grids of the measurements of searches, and how results are written."""

import json
import platform
from pathlib import Path

import joblib
import numpy as np
import sklearn
import torch

from benchmarks.tables import sets
from sklearn_spectral import SpectralClassifier, SpectralRegressor

OUT = Path("benchmarks/results/search")
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
GRID = {"learning_rate_init": RATES, "alpha": [0, 0.01]}  # 12 candidates
TIMED = ("crx", "pima", "tic-tac-toe", "vowel", "segment", "chess", "housing", "galton")
COMPARED = (
    "crx",
    "mammographic",
    "monk-2",
    "pima",
    "saheart",
    "tic-tac-toe",
    "vowel",
    "california_schools",
    "housing",
    "galton",
    "solder",
    "winter_air",
)
"""Tables on which nothing was chosen."""


def table(name):
    """Return a table prepared as for the comparison of defaults, and whether its targets
    are numbers."""
    X, y = sets.read(name)
    X = np.asarray(sets.preparation(X).fit_transform(X), float)
    is_regression = sets.KINDS[name] == "regression"
    y = np.asarray(y, float) if is_regression else np.unique(y, return_inverse=True)[1]
    return X, y, is_regression


def network(is_regression, **parameters):
    """Return an estimator of the kind of a table."""
    kind = SpectralRegressor if is_regression else SpectralClassifier
    return kind(random_state=0, **parameters)


def write(name, rows):
    """Write what was measured, and by what."""
    OUT.mkdir(parents=True, exist_ok=True)
    versions = {m.__name__: m.__version__ for m in (sklearn, torch, np, joblib)}
    told = {
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "versions": versions,
        "rows": rows,
    }
    (OUT / f"{name}.json").write_text(json.dumps(told, indent=1, default=float) + "\n")


def show(rows, columns):
    """Print rows as a table of Markdown."""
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        shown = [f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells]
        print("| " + " | ".join(shown) + " |", flush=True)
