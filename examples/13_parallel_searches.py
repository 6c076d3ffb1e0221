"""
One search, on processes here or on a cluster
=============================================

scikit-learn hands the fits of a search to joblib, and joblib to whoever has workers: loky
starts processes on this machine, Dask and Ray have them on many. The search stays the same
and so do its scores. By default loky is tried and Dask, where ``distributed`` is installed,
with two workers each::

    python 13_parallel_searches.py
    python 13_parallel_searches.py --backend ray
    python 13_parallel_searches.py --backend dask --scheduler tcp://host:8786
"""

# %%
# What is searched
# ----------------
# Workers are new processes and may import this file: what is to run once only stands
# in ``main``, below ``__name__ == "__main__"``.
import argparse
import os
import time
import warnings
from contextlib import ExitStack, contextmanager, nullcontext
from importlib.util import find_spec
from itertools import chain

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from joblib import parallel_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier

HIDDEN = "spectralclassifier__hidden_layer_sizes"
LINEAR = "spectralclassifier__linear_expansion"
GRID = {HIDDEN: [(), (50,), (100,)], LINEAR: [None, 200, 800]}
FACTS = ("process", "begun", "ended")
QUIET_DASK = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "2s",
}


class Stopwatch(TransformerMixin, BaseEstimator):
    """Pass the data on and remember when the fit began."""

    def fit(self, X, y=None):
        """Look at the clock."""
        warnings.simplefilter("ignore", ConvergenceWarning)  # in the worker, too
        self.begun_ = time.time()
        return self

    def transform(self, X):
        """Return X."""
        return X


def accuracy_and_times(model, X, y):
    """Tell the score, and for the picture where and when the fit was."""
    return {
        "accuracy": model.score(X, y),
        "process": os.getpid(),
        "begun": model[0].begun_,
        "ended": time.time(),
    }


def search(splits):
    """Return the search: 9 networks, 3 folds, 27 fits."""
    network = SpectralClassifier(
        n_members=1, train_eigenvectors=False, max_iter=40, random_state=0
    )
    return GridSearchCV(
        make_pipeline(Stopwatch(), StandardScaler(), network),
        GRID,
        cv=splits,
        scoring=accuracy_and_times,
        refit=False,
        error_score="raise",
    )


# %%
# Who has the workers
# -------------------
# One thread in each: two workers with as many threads as there are cores would be in each
# other's way. Dask and Ray take one by themselves; for more set ``OMP_NUM_THREADS`` and
# ``MKL_NUM_THREADS`` where their workers are started. Dask has them give memory back as
# soon as it is free, which training needs again at the next step, and looks a hundred times
# a second at what they do; fits are faster without both.
#
# A worker may be killed, for example where memory runs short. Ray starts another if it was
# told how often. Dask does so by itself and runs the lost fits again, if what joblib sends
# lies on all workers: name it in ``scatter``, the folds too, and stop the manager of
# memory, which holds several copies for too many. With loky the search ends with an error.
# Give the estimators a ``checkpoint_dir`` that all workers see, and search again: finished
# fits are read, the others go on.
@contextmanager
def workers(backend, sent, scheduler=None):
    """Have joblib use the workers of a backend, here or at the address of a scheduler."""
    with ExitStack() as stack:
        if backend == "loky":
            config = {"n_jobs": 2, "inner_max_num_threads": 1}
        elif backend == "dask":
            import dask
            from distributed import Client, LocalCluster

            stack.enter_context(dask.config.set(QUIET_DASK))
            cluster = scheduler or stack.enter_context(
                LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
            )
            stack.enter_context(Client(cluster)).amm.stop()
            config = {"scatter": sent}
        else:
            import ray
            from ray.util.joblib import register_ray

            register_ray()
            local = {"num_cpus": 2, "include_dashboard": False}
            stack.enter_context(
                ray.init(scheduler or "local", **{} if scheduler else local)
            )
            again = {"max_restarts": 3, "max_task_retries": 3}
            config = {"n_jobs": -1, "ray_remote_args": again}
        stack.enter_context(parallel_config(backend, **config))
        yield


def fits_of(found):
    """Return process, beginning, end and hidden layers of each fit of a search."""
    results = found.cv_results_
    sizes = results[f"param_{HIDDEN}"]
    return [
        (*(results[f"split{fold}_test_{what}"][i] for what in FACTS), sizes[i])
        for i in range(len(sizes))
        for fold in range(found.n_splits_)
    ]


# %%
# The same scores from all
# ------------------------
def main():
    """Search in this process, then with each backend; compare."""
    parser = argparse.ArgumentParser(description="One search, on several backends.")
    parser.add_argument("--backend", choices=["loky", "dask", "ray"])
    parser.add_argument("--scheduler", help="address of a Dask scheduler or a Ray cluster")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    backends = [options.backend] if options.backend else ["loky"]
    if options.backend is None and find_spec("distributed"):
        backends.append("dask")

    X, y = load_digits(return_X_y=True)
    splits = list(StratifiedKFold(3).split(X, y))
    sent = [X, y, *chain(*splits)]
    torch.set_num_threads(1)  # as in each worker
    searches, begun = {}, {}
    for name in ["this process", *backends]:
        here = name not in backends
        with nullcontext() if here else workers(name, sent, options.scheduler):
            begun[name] = time.time()
            searches[name] = search(splits).fit(X, y)
            seconds = time.time() - begun[name]
        n_processes = len({fit[0] for fit in fits_of(searches[name])})
        print(f"{name:<14}{len(fits_of(searches[name]))} fits in {seconds:4.1f} s", end="")
        print(f", processes: {n_processes}")

    scores = {k: s.cv_results_["mean_test_accuracy"] for k, s in searches.items()}
    print(f"\n{'hidden':<8}{'linear':<8}" + "".join(f"{name:>14}" for name in scores))
    for row, *found in zip(
        searches["this process"].cv_results_["params"], *scores.values(), strict=True
    ):
        hidden, linear = row.values()
        print(f"{hidden!s:<8}{linear!s:<8}" + "".join(f"{score:>14.4f}" for score in found))
    folds = [f"split{fold}_test_accuracy" for fold in range(3)]
    equal = all(
        np.array_equal(searches["this process"].cv_results_[fold], s.cv_results_[fold])
        for s in searches.values()
        for fold in folds
    )
    print("scores of all fits are equal:", equal)
    draw(searches, begun)


# %%
# Where the fits were
# -------------------
# The gap at the left and what makes the first bars long is the start: each worker imports
# torch. It is paid once, and is nothing where fits take minutes.
def draw(searches, begun):
    """Draw the fits of each process over time, and the scores."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 4.5), layout="constrained", width_ratios=[3, 2]
    )
    colours = {size: f"C{i}" for i, size in enumerate(GRID[HIDDEN])}
    rows = []
    for name, found in searches.items():
        fits = fits_of(found)
        for number, process in enumerate(sorted({fit[0] for fit in fits}), 1):
            for _, start, end, size in (fit for fit in fits if fit[0] == process):
                left.barh(
                    len(rows),
                    end - start,
                    left=start - begun[name],
                    color=colours[size],
                    edgecolor="white",
                    linewidth=0.8,
                )
            rows.append(name if name == "this process" else f"{name}, worker {number}")
    left.set_yticks(range(len(rows)), rows)
    left.invert_yaxis()
    left.set(
        title="Each bar is one fit", xlabel="seconds since the search began", xlim=(0, None)
    )

    results = searches["this process"].cv_results_
    linear = [str(n) for n in GRID[LINEAR]]
    for size in GRID[HIDDEN]:
        chosen = [params[HIDDEN] == size for params in results["params"]]
        right.errorbar(
            linear,
            results["mean_test_accuracy"][chosen],
            results["std_test_accuracy"][chosen],
            marker="o",
            capsize=3,
            color=colours[size],
            label=f"{size[0]} ReLU nodes" if size else "no hidden layer",
        )
    right.set(
        title="The scores, equal from all",
        xlabel="linear nodes while training (linear_expansion)",
        ylabel="accuracy, mean and deviation of 3 folds",
    )
    right.legend()
    figure.savefig("parallel_searches.png", dpi=120)
    print("Saved parallel_searches.png")


if __name__ == "__main__":
    main()
