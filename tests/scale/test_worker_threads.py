"""How many threads torch has in the workers of loky, Dask and Ray.

Nothing in the environment may say so beforehand, hence the new processes.
"""

import json
import os
import subprocess
import sys

import joblib
import pytest

SETTINGS = {
    "loky": """
settings = [{}, {"inner_max_num_threads": 2}]
for setting in settings:
    with parallel_config("loky", n_jobs=2, **setting):
        show()
""",
    "dask": """
import dask, distributed
variables = "distributed.nanny.pre-spawn-environ."
for wanted in (None, 2):
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS"] if wanted else []
    for name in names:  # an earlier cluster has set them for this process
        os.environ.pop(name)
    with (
        dask.config.set({variables + name: wanted for name in names}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
        parallel_config("dask"),
    ):
        show()
""",
    "ray": """
import ray
from ray.util.joblib import register_ray
register_ray()
ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
for setting in [{}, {"num_cpus": 2}]:
    with parallel_config("ray", n_jobs=2, ray_remote_args=setting):
        show()
""",
}
SHOW_THREADS = """
import json, os, torch
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn_spectral import SpectralClassifier

def n_threads(model, X, y):
    return torch.get_num_threads()

def show():
    grid = {"hidden_layer_sizes": [5, 6]}
    model = SpectralClassifier(max_iter=1)
    search = GridSearchCV(model, grid, cv=2, refit=False, scoring=n_threads)
    search.fit(*load_digits(return_X_y=True))
    scores = [search.cv_results_[f"split{i}_test_score"].tolist() for i in (0, 1)]
    with open("told", "a") as file:  # Ray prints, too
        print(json.dumps(sum(scores, [])), file=file)

"""


def told_without_limits_of_threads(script, folder, **variables):
    """Return what a new process writes where nothing tells the number of threads."""
    free = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**free, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "told").read_text().splitlines()]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """As many threads as torch has if two are asked for: one, where there is one core."""
    [found] = told_without_limits_of_threads(
        "import torch; print(torch.get_num_threads(), file=open('told', 'w'))",
        tmp_path_factory.mktemp("two"),
        OMP_NUM_THREADS="2",
    )
    return found


@pytest.mark.parametrize(
    "backend",
    [
        "loky",
        pytest.param("dask", marks=pytest.mark.dask),
        pytest.param("ray", marks=pytest.mark.ray),
    ],
)
def test_two_workers_have_no_more_threads_than_cores_or_as_many_as_asked_for(
    tmp_path, backend, two
):
    by_default, asked_for = told_without_limits_of_threads(
        SHOW_THREADS + SETTINGS[backend], tmp_path, RAY_USAGE_STATS_ENABLED="0"
    )
    assert len(by_default) == len(asked_for) == 4
    assert 2 * max(by_default) <= max(2, joblib.cpu_count())
    assert set(asked_for) == {two}
