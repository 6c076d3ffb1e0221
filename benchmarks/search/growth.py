"""How the time of a search grows with candidates and rows, and what memory it takes.

    python -m benchmarks.search.growth
    python -m benchmarks.search.growth memory

Made tables of 20 features, networks 20-100-2 of one member, 20 epochs, three folds: 1 to
256 candidates on 500 rows, and eight candidates on 500 to 50,000 rows; beside GridSearchCV
with two workers that are there already. It draws growth.png. ``memory`` makes a search of
512 fits below 256 MiB of ``working_memory`` and tells by how much the process grew.
"""

import argparse
import resource
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn import config_context
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from benchmarks.search.data import OUT, show, write
from sklearn_spectral import SpectralClassifier
from sklearn_spectral.model_selection import SpectralSearchCV

CANDIDATES, ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256), (500, 1500, 5000, 15000, 50000)


def seconds(search, n_candidates, n_rows, jobs):
    """Return how long a search takes."""
    X, y = make_classification(n_rows, 20, n_informative=10, random_state=0)
    model = SpectralClassifier(100, n_members=1, max_iter=20, tol=0, random_state=0)
    grid = {"learning_rate_init": [*np.geomspace(0.003, 0.03, n_candidates)]}
    start = time.perf_counter()
    search(model, grid, cv=3, n_jobs=jobs, refit=False).fit(X, y)
    return time.perf_counter() - start


def grow():
    """Measure times, draw and write them."""
    for search, jobs in ((GridSearchCV, 2), (SpectralSearchCV, None)):
        seconds(search, 2, 500, jobs)  # which starts the workers, and imports torch
    rows = []
    for n_candidates, n_rows in [(c, 500) for c in CANDIDATES] + [(8, r) for r in ROWS[1:]]:
        ours = seconds(SpectralSearchCV, n_candidates, n_rows, None)
        theirs = seconds(GridSearchCV, n_candidates, n_rows, 2)
        row = {"candidates": n_candidates, "rows": n_rows, "seconds": ours}
        rows.append(row | {"GridSearchCV": theirs, "ratio": ours / theirs})
        show([rows[-1]], [*rows[-1]])
    write("growth", rows)
    draw(rows)


def draw(rows):
    """Draw both curves of both."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
    parts = (
        (axes[0], "candidates", [row for row in rows if row["rows"] == 500]),
        (axes[1], "rows", [row for row in rows if row["candidates"] == 8]),
    )
    for ax, name, own in parts:
        x = [row[name] for row in own]
        ax.loglog(x, [row["seconds"] for row in own], "o-", label="SpectralSearchCV")
        theirs = [row["GridSearchCV"] for row in own]
        ax.loglog(x, theirs, "s--", label="GridSearchCV(n_jobs=2)")
        ax.set_xlabel(name)
        ax.grid(alpha=0.3)
    axes[0].set_title("500 rows, three folds")
    axes[1].set_title("eight candidates, three folds")
    axes[0].set_ylabel("seconds")
    axes[0].legend()
    figure.savefig(OUT / "growth.png", dpi=120)


def memory():
    """Measure by how much the process grows in a search of 512 fits."""
    limit = 256
    seconds(SpectralSearchCV, 2, 5000, None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with config_context(working_memory=limit):
        taken = seconds(SpectralSearchCV, 171, 5000, None)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    row = {"fits": 513, "limit, MiB": limit, "grown by, MiB": grown, "seconds": taken}
    show([row], [*row])
    write("memory", [row])


def main():
    """Measure."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["growth", "memory"], default="growth")
    if parser.parse_args().what == "memory":
        memory()
    else:
        grow()


if __name__ == "__main__":
    main()
