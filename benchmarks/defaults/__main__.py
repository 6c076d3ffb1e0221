"""How the defaults do, untuned, beside other estimators' defaults.

    python benchmarks/defaults [--sets digits wine] [--jobs 2]

`SpectralClassifier()` and `SpectralRegressor()` beside `MLPClassifier()` and
`MLPRegressor()` (equal hidden layers: one of 100 ReLU nodes), logistic or ridge regression
and histogram gradient boosting, all as they come but for the seed, on 16 data sets that
scikit-learn ships or generates. Five folds, the same for all: accuracy or R^2, seconds of a
fit in one thread, trained parameters and bytes of a file (`save`; pickle for the others).
Features are standardised for all but the trees.

The spread of a difference is the standard error of its mean over the folds. A set counts as
lost to the MLP where the mean difference is below -2 spreads and below -0.005.
"""

import argparse
import io
import pickle
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "trust"))
sys.path.append(str(Path(__file__).parent))

import numpy as np
from data import tasks
from joblib import Parallel, delayed
from results import save as save_figures
from results import set_threads
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

from sklearn_spectral import SpectralClassifier, SpectralRegressor, save

OURS, MLP, LINEAR, TREES = "spectral", "MLP", "linear", "trees"
N_FOLDS = 5
LEAST = 0.005


def contestants(task, seed):
    """Return what is compared on a task, by name."""
    if task.regression:
        trees = HistGradientBoostingRegressor(random_state=seed)
        models = {
            OURS: SpectralRegressor(random_state=seed),
            MLP: MLPRegressor(random_state=seed),
            LINEAR: RidgeCV(np.logspace(-3, 3, 7)),
            TREES: trees if task.y.ndim == 1 else MultiOutputRegressor(trees),
        }
    else:
        models = {
            OURS: SpectralClassifier(random_state=seed),
            MLP: MLPClassifier(random_state=seed),
            LINEAR: LogisticRegression(),
            TREES: HistGradientBoostingClassifier(random_state=seed),
        }
    if task.scaler is None:
        return models
    return {
        name: model if name == TREES else make_pipeline(clone(task.scaler), model)
        for name, model in models.items()
    }


def n_parameters(model):
    """Return how many numbers training has set."""
    if hasattr(model, "n_parameters_"):
        return model.n_parameters_
    if hasattr(model, "coefs_"):
        return sum(array.size for array in (*model.coefs_, *model.intercepts_))
    if hasattr(model, "coef_"):
        return model.coef_.size + np.size(model.intercept_)
    boosted = getattr(model, "estimators_", [model])
    trees = [tree for one in boosted for row in one._predictors for tree in row]
    return sum(tree.get_n_leaf_nodes() + 2 * len(tree.nodes) for tree in trees)


def n_bytes(model):
    """Return the size of a file of a fitted model."""
    if hasattr(model, "n_parameters_"):
        with tempfile.TemporaryDirectory() as folder:
            save(model, Path(folder, "model"))
            return Path(folder, "model").stat().st_size
    file = io.BytesIO()
    pickle.dump(model, file)
    return file.tell()


def run(task, name, train, test, seed):
    """Fit one estimator to one fold; return what is told of it."""
    set_threads(1)
    warnings.simplefilter("ignore")
    model = contestants(task, seed)[name]
    X = task.X.toarray() if name == TREES and hasattr(task.X, "toarray") else task.X
    start = time.perf_counter()
    model.fit(X[train], task.y[train])
    seconds = time.perf_counter() - start
    last = model[-1] if hasattr(model, "steps") else model
    return {
        "score": model.score(X[test], task.y[test]),
        "seconds": seconds,
        "parameters": int(n_parameters(last)),
        "bytes": n_bytes(last),
    }


def compare(task, jobs, seed):
    """Return all figures of a task, by estimator."""
    kind = KFold if task.regression else StratifiedKFold
    folds = list(kind(N_FOLDS, shuffle=True, random_state=seed).split(task.X, task.y))
    names = [OURS, MLP, LINEAR, TREES]
    told = Parallel(jobs)(
        delayed(run)(task, name, train, test, seed)
        for name in names
        for train, test in folds
    )
    rows = {}
    for number, name in enumerate(names):
        mine = told[number * N_FOLDS : (number + 1) * N_FOLDS]
        rows[name] = {
            "scores": [one["score"] for one in mine],
            **{
                key: float(np.median([one[key] for one in mine]))
                for key in ("seconds", "parameters", "bytes")
            },
        }
    return rows


def verdict(rows):
    """Return the mean difference to the MLP, its spread, and whether that is a loss."""
    difference = np.subtract(rows[OURS]["scores"], rows[MLP]["scores"])
    spread = difference.std(ddof=1) / np.sqrt(len(difference))
    mean = difference.mean()
    return mean, spread, bool(mean < -2 * spread and mean < -LEAST)


def main():
    """Compare on all sets, print a table and keep the figures."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--sets", nargs="+", help="names of data sets; all by default")
    options.add_argument("--jobs", type=int, default=1, help="folds at once")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, default=Path("benchmarks/results/defaults"))
    options = options.parse_args()
    run(next(tasks()), OURS, np.arange(100), np.arange(100), 0)  # imports, once
    figures, lost, ranks = {}, [], {}
    for task in tasks():
        if options.sets and task.name not in options.sets:
            continue
        rows = compare(task, options.jobs, options.seed)
        mean, spread, is_lost = verdict(rows)
        scores = {name: np.mean(row["scores"]) for name, row in rows.items()}
        ranks[task.name] = rankdata([-score for score in scores.values()])
        lost += [task.name] if is_lost else []
        print(f"{task.name:<14} {task.X.shape[0]:>5} x {task.X.shape[1]:<5}", end="")
        print("".join(f"{name:>10} {score:.4f}" for name, score in scores.items()), end="")
        print(f"   ours - MLP {mean:+.4f} ± {spread:.4f}{' LOST' if is_lost else ''}")
        for key in ("seconds", "parameters", "bytes"):
            values = (f"{row[key]:>17.4g}" for row in rows.values())
            print(f"    {key:<23}{''.join(values)}", flush=True)
        figures[task.name] = {
            "about": task.about,
            "regression": task.regression,
            "shape": list(task.X.shape),
            "difference": mean,
            "spread": spread,
            "lost": is_lost,
            "models": rows,
        }
    mean_ranks = np.mean(list(ranks.values()), axis=0)
    print("mean ranks:", dict(zip(rows, mean_ranks.round(2).tolist(), strict=True)))
    print("lost to the MLP:", ", ".join(lost) or "none")
    named = dict(zip(rows, mean_ranks.tolist(), strict=True))
    if not options.sets:
        figures = {"folds": N_FOLDS, "mean_ranks": named, "lost": lost, "sets": figures}
        save_figures(figures, options.out, "defaults")


if __name__ == "__main__":
    main()
