"""How the defaults do, untuned, beside other estimators' defaults.

    python benchmarks/defaults [--sets digits wine] [--jobs 2]

`SpectralClassifier()` and `SpectralRegressor()` beside `MLPClassifier()` and
`MLPRegressor()` (equal hidden layers: one of 100 ReLU nodes), logistic or ridge regression
and histogram gradient boosting, all as they come but for the seed, on 16 data sets that
scikit-learn ships or generates. Five folds three times, the same for all: accuracy or R^2,
seconds of a fit in one thread, trained parameters and bytes of a file (`save`; pickle for
the others). Features are standardised for all but the trees. Targets are not, as they come;
`--scale-targets` does that for all networks, on the regressions alone, and keeps no file.

Beside the defaults stands one network whose eigenvalues alone train, which was the default
before: few trained numbers, and small files.

The spread of a difference is the standard error of its mean over the folds. A set counts as
lost to the MLP where the mean difference is below minus the spread. Ranks are among the
MLP, the linear model, the trees and one of ours.

The tables are written into docs/defaults.md; `--tables` writes them anew from kept figures.
`--also '{"max_iter": 200}'` tries other parameters beside these, and keeps no file.
"""

import argparse
import io
import json
import pickle
import sys
import tempfile
import time
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
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from table import write as write_tables

from sklearn_spectral import SpectralClassifier, SpectralRegressor, save

OURS = {
    "spectral": {},
    "eigenvalues": PLAIN,
}
MLP, LINEAR, TREES = RIVALS = ("MLP", "linear", "trees")
N_FOLDS, N_REPEATS = 5, 3
PAGE = Path("docs/defaults.md")


def contestants(task, seed, scale_targets=False, variants=OURS):
    """Return what is compared on a task, by name."""
    if task.regression:
        trees = HistGradientBoostingRegressor(random_state=seed)
        rivals = {
            MLP: MLPRegressor(random_state=seed),
            LINEAR: RidgeCV(np.logspace(-3, 3, 7)),
            TREES: trees if task.y.ndim == 1 else MultiOutputRegressor(trees),
        }
    else:
        rivals = {
            MLP: MLPClassifier(random_state=seed),
            LINEAR: LogisticRegression(),
            TREES: HistGradientBoostingClassifier(random_state=seed),
        }
    ours = SpectralRegressor if task.regression else SpectralClassifier
    models = {
        **{name: ours(random_state=seed, **more) for name, more in variants.items()},
        **rivals,
    }
    if scale_targets:
        for name in (*variants, MLP):
            models[name] = TransformedTargetRegressor(
                models[name], transformer=StandardScaler()
            )
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


def run(task, name, train, test, seed, scale_targets=False, variants=OURS):
    """Fit one estimator to one fold; return what is told of it."""
    set_threads(1)
    warnings.simplefilter("ignore")
    model = contestants(task, seed, scale_targets, variants)[name]
    X = task.X.toarray() if name == TREES and hasattr(task.X, "toarray") else task.X
    start = time.perf_counter()
    model.fit(X[train], task.y[train])
    seconds = time.perf_counter() - start
    last = model[-1] if hasattr(model, "steps") else model
    last = getattr(last, "regressor_", last)
    return {
        "score": model.score(X[test], task.y[test]),
        "seconds": seconds,
        "parameters": int(n_parameters(last)),
        "bytes": n_bytes(last),
    }


def compare(task, jobs, scale_targets):
    """Return all figures of a task, by estimator."""
    kind = KFold if task.regression else StratifiedKFold
    folds = [
        (train, test, seed)
        for seed in range(N_REPEATS)
        for train, test in kind(N_FOLDS, shuffle=True, random_state=seed).split(
            task.X, task.y
        )
    ]
    told = Parallel(jobs)(
        delayed(run)(task, name, *fold, scale_targets, OURS)
        for name in (*OURS, *RIVALS)
        for fold in folds
    )
    rows = {}
    for number, name in enumerate((*OURS, *RIVALS)):
        mine = told[number * len(folds) : (number + 1) * len(folds)]
        rows[name] = {
            "scores": [one["score"] for one in mine],
            **{
                key: float(np.median([one[key] for one in mine]))
                for key in ("seconds", "parameters", "bytes")
            },
        }
    return rows


def verdict(rows, name):
    """Return the mean difference to the MLP, its spread, and whether that is a loss."""
    difference = np.subtract(rows[name]["scores"], rows[MLP]["scores"])
    spread = difference.std(ddof=1) / np.sqrt(len(difference))
    mean = difference.mean()
    return {
        "difference": mean,
        "spread": spread,
        "lost": bool(mean < -spread),
    }


def ranks(rows, name):
    """Return the ranks of one of ours and of the rivals."""
    compared = (name, *RIVALS)
    found = rankdata([-np.mean(rows[each]["scores"]) for each in compared])
    return dict(zip(compared, found.tolist(), strict=True))


def mean_ranks(figures, name):
    """Return the mean ranks of one of ours and of the rivals."""
    found = [ranks(each["models"], name) for each in figures]
    return {each: np.mean([one[each] for one in found]) for each in (name, *RIVALS)}


def summary(figures):
    """Return and print mean ranks, what is lost and what is smaller, for each of ours."""
    found = {}
    everything = list(figures.values())
    kinds = {
        "all": everything,
        "classification": [each for each in everything if not each["regression"]],
        "regression": [each for each in everything if each["regression"]],
    }
    for name in OURS:
        print(name)
        found[name] = {}
        for kind, each in kinds.items():
            if each:
                found[name][kind] = mean = mean_ranks(each, name)
                print(
                    f"    mean ranks, {kind}:", *(f"{k} {v:.2f}" for k, v in mean.items())
                )
        for each in everything:
            each["to MLP"][name] = verdict(each["models"], name)
        lost = [task for task, each in figures.items() if each["to MLP"][name]["lost"]]
        fewer = [
            task
            for task, each in figures.items()
            if each["models"][name]["parameters"] < each["models"][MLP]["parameters"]
        ]
        found[name] |= {"lost": lost, "fewer_parameters": fewer}
        print(f"    lost to the MLP ({len(lost)}):", ", ".join(lost) or "none")
        print(f"    fewer trained parameters: {len(fewer)} of {len(figures)}")
    return found


def measure(options):
    """Fit everything, print a table, and return the figures by data set."""
    run(next(tasks()), "spectral", np.arange(100), np.arange(100), 0)  # imports, once
    figures = {}
    print(f"{'':<32}" + "".join(f"{name:>14}" for name in (*OURS, *RIVALS)))
    for task in tasks():
        if options.sets and task.name not in options.sets:
            continue
        if options.scale_targets and not task.regression:
            continue
        rows = compare(task, options.jobs, options.scale_targets)
        shape = f"{task.X.shape[0]:,} x {task.X.shape[1]:,}"
        print(f"{task.name:<16}{shape:<16}", end="")
        print("".join(f"{np.mean(row['scores']):>14.4f}" for row in rows.values()))
        for key in ("seconds", "parameters", "bytes"):
            values = (f"{row[key]:>14.4g}" for row in rows.values())
            print(f"    {key:<28}{''.join(values)}", flush=True)
        figures[task.name] = {
            "about": task.about,
            "regression": task.regression,
            "shape": list(task.X.shape),
            "to MLP": {},
            "models": rows,
        }
    return figures


def main():
    """Compare on all sets, keep the figures and write the tables."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--sets", nargs="+", help="names of data sets; all by default")
    options.add_argument("--jobs", type=int, default=1, help="folds at once")
    options.add_argument("--scale-targets", action="store_true")
    options.add_argument("--also", type=json.loads, help="parameters of ours, as JSON")
    options.add_argument("--tables", action="store_true", help="from kept figures")
    options.add_argument("--out", type=Path, default=Path("benchmarks/results/defaults"))
    options = options.parse_args()
    kept = options.out / "defaults.json"
    if options.tables:
        content = json.loads(kept.read_text())
        content["summary"] = summary(content["sets"])
        kept.write_text(json.dumps(content, indent=1) + "\n")
        write_tables(content["sets"], PAGE)
        return
    if options.also is not None:
        OURS["also"] = options.also
    figures = measure(options)
    found = summary(figures)
    if not (options.sets or options.scale_targets or options.also):
        about = {"folds": N_FOLDS, "repeats": N_REPEATS, "jobs": options.jobs}
        content = {**about, "summary": found, "sets": figures}
        save_figures(content, options.out, "defaults")
        write_tables(figures, PAGE)


if __name__ == "__main__":
    main()
