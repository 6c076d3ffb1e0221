"""Whether each solver, at its automatic rate, does as well as Adamax.

    python benchmarks/defaults/solvers.py [--sets iris digits] [--seeds 5] [--jobs 2]

`SpectralClassifier(solver=...)` and `SpectralRegressor(solver=...)`, all else as it comes,
by eigenvalues and with eigenvectors, on the 16 data sets of this folder: five folds for
each seed. It prints the mean score, the difference from Adamax, and how many fits
diverged. A solver is behind where the mean difference is below -0.03.
"""

import argparse
import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "trust"))
sys.path.append(str(Path(__file__).parent))

import numpy as np
from data import tasks
from joblib import Parallel, delayed
from plain import PLAIN
from results import save as save_figures
from results import set_threads
from sklearn.base import clone
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sklearn_spectral import SpectralClassifier, SpectralRegressor

SOLVERS = ("adamax", "adam", "sgd", "lbfgs")
MARGIN = 0.03


def run(task, solver, train_eigenvectors, train, test, seed):
    """Return the score of one fold, and whether the fit diverged."""
    set_threads(1)
    warnings.simplefilter("ignore")
    kind = SpectralRegressor if task.regression else SpectralClassifier
    model = kind(
        solver=solver,
        random_state=seed,
        **{**PLAIN, "train_eigenvectors": train_eigenvectors},
    )
    whole = model if task.scaler is None else make_pipeline(clone(task.scaler), model)
    whole.fit(task.X[train], task.y[train])
    return whole.score(task.X[test], task.y[test]), model.stop_reason_ == "diverged"


def main():
    """Fit everything, print a table and save the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/defaults"))
    options = parser.parse_args()
    figures = {}
    for task in tasks():
        if options.sets and task.name not in options.sets:
            continue
        kind = KFold if task.regression else StratifiedKFold
        folds = [
            (*fold, seed)
            for seed in range(options.seeds)
            for fold in kind(5, shuffle=True, random_state=seed).split(task.X, task.y)
        ]
        figures[task.name] = {}
        for trains, eigenvectors in (("eigenvalues", False), ("eigenvectors", True)):
            told = Parallel(options.jobs)(
                delayed(run)(task, solver, eigenvectors, *fold)
                for solver in SOLVERS
                for fold in folds
            )
            scores = np.array([score for score, _ in told]).reshape(len(SOLVERS), -1)
            diverged = np.array([bad for _, bad in told]).reshape(len(SOLVERS), -1).sum(1)
            means = scores.mean(axis=1)
            figures[task.name][trains] = {
                solver: {"score": mean, "diverged": int(n)}
                for solver, mean, n in zip(SOLVERS, means.tolist(), diverged, strict=True)
            }
            cells = [
                f"{solver} {mean:7.3f} ({mean - means[0]:+.3f}){'!' * int(n)}"
                for solver, mean, n in zip(SOLVERS, means, diverged, strict=True)
            ]
            print(f"{task.name:<14} {trains:<13} " + "   ".join(cells), flush=True)
    behind = [
        f"{solver} on {name} ({trains})"
        for name, both in figures.items()
        for trains, row in both.items()
        for solver in SOLVERS
        if row[solver]["score"] < row["adamax"]["score"] - MARGIN
    ]
    n_diverged = sum(
        cell["diverged"]
        for both in figures.values()
        for row in both.values()
        for cell in row.values()
    )
    print(f"{n_diverged} fits diverged; behind Adamax: {', '.join(behind) or 'none'}")
    save_figures({"sets": figures, "behind": behind}, options.out, "solvers")


if __name__ == "__main__":
    main()
