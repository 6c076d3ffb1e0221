"""What a second worker brings to a search.

    python benchmarks/scale/search.py --mnist mnist.npz [--backends loky dask ray]

The same grid search in this process and by two workers that were started for it, one thread
each, in turn. Efficiency is T(1) / (2 T(2)): with the start of the workers included, and
without the seconds that each of them took until its first fit. Every fit tells where it
ran and when, so what is lost can be told apart: fits that take longer beside others, and
workers that wait. Without ``--mnist`` the digits of scikit-learn are used.

Dask has its workers give memory back to the system as soon as it is free, which makes them
fetch it anew at each step; it also looks a hundred times a second at what they do.
``dask`` is without both, ``dask-defaults`` as Dask comes.

The cost model is T(p) = start + what the fits of one worker take when each is given to the
first of p workers that is free. It is compared with one and two workers, and extrapolated
to more and to a search 40 times as large: each on a core of its own, as fast as alone.
"""

import heapq
import json
import os
import statistics
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "trust"))

import numpy as np
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor
from plain import PLAIN
from results import parser, save, set_threads
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.datasets import load_mnist

GRID = {
    "spectralclassifier__hidden_layer_sizes": [(50,), (100,)],
    "spectralclassifier__linear_expansion": [None, 500],
    "spectralclassifier__train_eigenvectors": [False, True],
}
FOLDS, MNIST_ROWS = 3, 20_000
EPOCHS = {"mnist": 20, "digits": 150}
PACKAGES = {
    "loky": "joblib",
    "dask": "distributed",
    "dask-defaults": "distributed",
    "ray": "ray",
}
QUIET_DASK = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "2s",
}
GOAL, LARGER, WORKERS = 0.85, 40, (1, 2, 4, 8, 16, 32, 64)


class Stopwatch(TransformerMixin, BaseEstimator):
    """Pass the data on and remember when the fit began, all imports done."""

    __module__ = "__main__"

    def fit(self, X, y=None):
        """Look at the clock."""
        import sklearn_spectral.training.run  # noqa: F401

        warnings.simplefilter("ignore", ConvergenceWarning)
        self.begun_ = time.time()
        return self

    def transform(self, X):
        """Return X."""
        return X


def accuracy_and_times(model, X, y):
    """Return the score of a fit, and where and when it was."""
    return {
        "accuracy": model.score(X, y),
        "process": os.getpid(),
        "begun": model[0].begun_,
        "ended": time.time(),
    }


@contextmanager
def two_workers(backend):
    """Have joblib use two workers that are new, with one thread each."""
    os.environ.pop("MALLOC_TRIM_THRESHOLD_", None)  # of an earlier cluster of Dask's
    with ExitStack() as stack:
        if backend == "loky":
            get_reusable_executor().shutdown(wait=True)
            config = {"n_jobs": 2, "inner_max_num_threads": 1}
        elif backend.startswith("dask"):
            import dask
            from distributed import Client, LocalCluster

            quiet = QUIET_DASK if backend == "dask" else {}
            stack.enter_context(dask.config.set(quiet))
            cluster = LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=":0"
            )
            stack.enter_context(cluster)
            stack.enter_context(Client(cluster))
            config = {}
        else:
            import ray
            from ray.util.joblib import register_ray

            register_ray()
            local = {"num_cpus": 2, "include_dashboard": False, "log_to_driver": False}
            stack.enter_context(ray.init("local", **local))
            config = {"n_jobs": 2}
        stack.enter_context(parallel_config(backend.partition("-")[0], **config))
        yield


def run(X, y, epochs, backend=None):
    """Search once; return seconds, those of each fit, of starting, and all scores."""
    network = SpectralClassifier(
        random_state=0, **{**PLAIN, "max_iter": epochs, "n_iter_no_change": np.inf}
    )
    search = GridSearchCV(
        make_pipeline(Stopwatch(), network),
        GRID,
        cv=FOLDS,
        scoring=accuracy_and_times,
        refit=False,
        error_score="raise",
    )
    start = time.time()
    if backend is None:
        search.fit(X, y)
    else:
        with two_workers(backend):
            search.fit(X, y)
            end = time.time()
    seconds = (time.time() if backend is None else end) - start
    process, begun, ended, accuracy = (
        np.transpose([search.cv_results_[f"split{i}_test_{what}"] for i in range(FOLDS)])
        for what in ("process", "begun", "ended", "accuracy")
    )
    ready = [begun[process == one].min() - start for one in np.unique(process)]
    return {
        "seconds": seconds,
        "fits": (ended - begun).ravel().tolist(),
        "starts": ready if backend else [0.0],
        "scores": accuracy.ravel().tolist(),
    }


def makespan(fits, n_workers):
    """Return when the last fit ends, each given to the first worker that is free."""
    free = [0.0] * n_workers
    for seconds in fits:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def compare(backend, X, y, epochs, rounds):
    """Take turns of one worker and two; return medians of what was found in each round."""
    found = []
    for number in range(rounds):
        order = (None, backend) if number % 2 else (backend, None)
        runs = {name: run(X, y, epochs, name) for name in order}
        one, two = runs[None], runs[backend]
        assert len(two["starts"]) == 2, "one worker did all of it"
        start = statistics.mean(two["starts"])
        found.append(
            {
                "one worker": one["seconds"],
                "two workers, start included": two["seconds"],
                "start": start,
                "efficiency, start included": one["seconds"] / (2 * two["seconds"]),
                "efficiency, start excluded": one["seconds"]
                / (2 * (two["seconds"] - start)),
                "fits beside others / alone": sum(two["fits"]) / sum(one["fits"]),
                "workers waited, share": 1
                - sum(two["fits"]) / (2 * (two["seconds"] - start)),
                "model, one worker": makespan(one["fits"], 1),
                "model, two workers": start + makespan(one["fits"], 2),
                "equal scores": one["scores"] == two["scores"],
                "fits": one["fits"],
            }
        )
        print(
            f"{backend}, round {number + 1} of {rounds}: {one['seconds']:.1f} s and ",
            end="",
        )
        print(f"{two['seconds']:.1f} s, of them {start:.1f} s to start", flush=True)
    row = {
        key: statistics.median(one[key] for one in found)
        for key in found[0]
        if key not in ("equal scores", "fits")
    }
    row["equal scores"] = all(one["equal scores"] for one in found)
    larger = LARGER * np.median([one["fits"] for one in found], axis=0).tolist()
    row["extrapolated"] = [
        {
            "workers": p,
            "seconds": row["start"] * (p > 1) + makespan(larger, p),
            "efficiency": sum(larger) / p / (row["start"] * (p > 1) + makespan(larger, p)),
        }
        for p in WORKERS
    ]
    return {"backend": backend, **row, "rounds": found}


def report(row):
    """Print one backend's figures."""
    print(f"\n{row['backend']}, equal scores: {row['equal scores']}")
    for key, value in row.items():
        if isinstance(value, float):
            print(f"    {key:<30}{value:>8.2f}")
    reached = row["efficiency, start included"] >= GOAL
    print(f"    goal {GOAL} {'reached' if reached else 'MISSED'}")
    n_fits = LARGER * len(row["rounds"][0]["fits"])
    print(f"    extrapolated, {n_fits} fits:")
    for point in row["extrapolated"]:
        print(f"    {point['workers']:>6} workers {point['seconds']:>9.1f} s", end="")
        print(f"   efficiency {point['efficiency']:.2f}", flush=True)


def keep(setting, rows, out):
    """Write the figures; those of backends not asked for now stay, if of this setting."""
    file, results = out / "search.json", {}
    if file.exists():
        before = json.loads(file.read_text())
        if all(before.get(key) == value for key, value in setting.items()):
            results = before["results"]
    for row in rows:
        results[row.pop("backend")] = row
    versions = {name: version(PACKAGES[name]) for name in results}
    save({**setting, "backends": versions, "results": results}, out, "search")


def main():
    """Compare each backend asked for."""
    arguments = parser(__doc__)
    arguments.add_argument("--mnist", type=Path, help="mnist.npz")
    arguments.add_argument("--backends", nargs="+", choices=PACKAGES, default=["loky"])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--epochs", type=int, help="of each fit")
    arguments.set_defaults(out=Path("benchmarks/results/scale"))
    options = arguments.parse_args()
    set_threads(1)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = (
        "mnist" if options.mnist or os.environ.get("SKLEARN_SPECTRAL_MNIST") else "digits"
    )
    if data == "mnist":
        images = load_mnist(options.mnist)
        X, y = images.X_train[:MNIST_ROWS], images.y_train[:MNIST_ROWS]
    else:
        X, y = load_digits(return_X_y=True)
        X = (X / 16).astype(np.float32)
    epochs = options.epochs or EPOCHS[data]
    SpectralClassifier(**{**PLAIN, "max_iter": 1}).fit(X[:100], y[:100])  # imports, once
    rows = []
    for backend in options.backends:
        rows.append(compare(backend, X, y, epochs, options.rounds))
        report(rows[-1])
    setting = {"data": data, "rows": len(X), "epochs": epochs, "goal": GOAL}
    keep(setting, rows, options.out)


if __name__ == "__main__":
    main()
