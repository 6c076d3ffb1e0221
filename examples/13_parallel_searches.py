"""
One search, on processes here or on a cluster
=============================================

scikit-learn hands the fits of a search to joblib: loky runs them in processes on this
machine, Dask and Ray on many machines. The search stays the same, and so do its scores. By
default this example uses loky, and Dask if ``distributed`` is installed, with two workers
each::

    python 13_parallel_searches.py
    python 13_parallel_searches.py --backend ray
    python 13_parallel_searches.py --backend dask --scheduler tcp://host:8786
"""

# %%
# The search
# ----------
# Nine networks, three folds. Workers are new processes that may import this file, so what
# is to run once stands in ``main``.
import argparse
import time
import warnings
from contextlib import ExitStack, contextmanager, nullcontext
from importlib.util import find_spec

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sklearn_spectral import SpectralClassifier

GRID = {"hidden_layer_sizes": [(), (50,), (100,)], "linear_expansion": [None, 200, 800]}
HERE = "this process"


def search():
    """Return the search."""
    network = SpectralClassifier(
        n_members=1, train_eigenvectors=False, max_iter=30, random_state=0
    )
    return GridSearchCV(network, GRID, cv=3)


# %%
# The workers
# -----------
# Each has one thread: two workers with as many threads as there are cores would slow each
# other down. More on threads, and on workers that die, is in the user guide.
@contextmanager
def workers(backend, scheduler=None):
    """Have joblib use the workers of a backend, here or at the address of a scheduler."""
    with ExitStack() as stack:
        config = {"n_jobs": 2}
        if backend == "loky":
            config["inner_max_num_threads"] = 1
        elif backend == "dask":
            from distributed import Client, LocalCluster

            cluster = scheduler or LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=":0"
            )
            stack.enter_context(Client(cluster))
        else:
            import ray
            from ray.util.joblib import register_ray

            register_ray()
            local = {"num_cpus": 2, "include_dashboard": False}
            stack.enter_context(
                ray.init(scheduler or "local", **{} if scheduler else local)
            )
        stack.enter_context(parallel_config(backend, **config))
        yield


# %%
# The same scores from all
# ------------------------
# Seconds include the start of the workers, each of which imports torch. In a longer search
# that counts for little.
def main():
    """Search in this process, then with each backend; compare."""
    parser = argparse.ArgumentParser(description="One search, on several backends.")
    parser.add_argument("--backend", choices=["loky", "dask", "ray"])
    parser.add_argument("--scheduler", help="address of a Dask scheduler or a Ray cluster")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    backends = ["loky", "dask"] if find_spec("distributed") else ["loky"]
    if options.backend:
        backends = [options.backend]

    X, y = load_digits(return_X_y=True)
    torch.set_num_threads(1)  # as in each worker
    searches, seconds = {}, {}
    for name in (HERE, *backends):
        with nullcontext() if name == HERE else workers(name, options.scheduler):
            start = time.perf_counter()
            searches[name] = search().fit(X / 16, y)
            seconds[name] = time.perf_counter() - start
        print(f"{name:<14}{seconds[name]:5.1f} s")
    scores = [found.cv_results_["mean_test_score"] for found in searches.values()]
    print("scores of all are equal:", all(np.array_equal(scores[0], s) for s in scores))
    draw(searches[HERE].cv_results_, seconds)


def draw(results, seconds):
    """Draw the scores of the networks, and the seconds of each search."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.8), layout="constrained", width_ratios=[3, 2]
    )
    for size in GRID["hidden_layer_sizes"]:
        rows = [params["hidden_layer_sizes"] == size for params in results["params"]]
        left.errorbar(
            [str(n) for n in GRID["linear_expansion"]],
            results["mean_test_score"][rows],
            results["std_test_score"][rows],
            marker="o",
            capsize=3,
            label=f"{size[0]} ReLU nodes" if size else "no hidden layer",
        )
    left.set(title="The scores, equal from all", ylabel="accuracy of 3 folds")
    left.set_xlabel("linear nodes while training (linear_expansion)")
    left.legend()
    bars = right.barh([*seconds], [*seconds.values()])
    right.bar_label(bars, fmt="%.0f s", padding=4)
    right.invert_yaxis()
    right.set(title="27 fits, two workers", xlabel="seconds", xmargin=0.15)
    figure.savefig("parallel_searches.png", dpi=120)
    print("Saved parallel_searches.png")


if __name__ == "__main__":
    main()
