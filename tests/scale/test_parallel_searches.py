"""Searches over many processes: by loky, Dask and Ray, also where a worker is killed."""

import os
import signal
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import torch
from joblib import parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.pool import PicklingPool
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.model_selection import SpectralSearchCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NET = "spectralclassifier__"
SIZES = {NET + "hidden_layer_sizes": [(), (10,)], NET + "train_eigenvectors": [False, True]}
COMMON = {"cv": 2, "refit": False, "error_score": "raise"}
PIPELINE = make_pipeline(StandardScaler(), SpectralClassifier(max_iter=4, random_state=0))
HALVING = {**COMMON, "factor": 2, "random_state": 0}
SEARCHES = {
    "grid": GridSearchCV(PIPELINE, SIZES, **COMMON),
    "grid in few runs": SpectralSearchCV(PIPELINE, SIZES, **COMMON),
    "randomized": RandomizedSearchCV(
        PIPELINE,
        {**SIZES, NET + "learning_rate_init": loguniform(1e-3, 1)},
        n_iter=4,
        random_state=0,
        **COMMON,
    ),
    "halving": HalvingGridSearchCV(PIPELINE, SIZES, **HALVING),
    "halving epochs": HalvingGridSearchCV(
        PIPELINE,
        SIZES,
        resource=NET + "max_iter",
        min_resources=2,
        max_resources=6,
        **HALVING,
    ),
}
RAY_TOO = ("ray", "grid in few runs")
MARKS = {
    "loky": (),
    "dask": pytest.mark.dask,
    "dask_by_address": pytest.mark.dask,
    "ray": pytest.mark.ray,
}
PAIRS = [
    pytest.param(name, backend, marks=marks)
    for backend, marks in MARKS.items()
    for name in SEARCHES
    # Ray starts its workers anew each time, and an address is Dask once more.
    if backend in ("loky", "dask") or name == "grid" or (backend, name) == RAY_TOO
]


class Tracer(TransformerMixin, BaseEstimator):
    """Pass data on; leave a file for each fit, and once kill the own process.

    The file tells the process, and how many files another folder had.
    """

    __module__ = "__main__"  # pickled by value: workers need not find the tests

    def __init__(self, folder, kill_after=np.inf, count_in=os.devnull):
        self.folder, self.kill_after, self.count_in = folder, kill_after, count_in

    def fit(self, X, y=None):
        n_before = len(list(Path(self.folder).glob("fit*")))
        n_others = len(list(Path(self.count_in).rglob("*.pkl")))
        (Path(self.folder) / f"fit-{uuid4().hex}").write_text(f"{os.getpid()} {n_others}")
        if n_before >= self.kill_after:
            kill_this_process_once(self.folder)
        return self

    def transform(self, X):
        return X


class EpochKiller:
    """A callback that leaves a file for each epoch, and once kills the own process."""

    __module__ = "__main__"

    def __init__(self, folder, kill_after=np.inf):
        self.folder, self.kill_after = folder, kill_after

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, **given):
        if context.task_name == "epoch":
            n_before = len(list(Path(self.folder).glob("epoch*")))
            (Path(self.folder) / f"epoch-{uuid4().hex}").touch()
            if n_before >= self.kill_after and context.task_id == 2:
                kill_this_process_once(self.folder)


def kill_this_process_once(folder):
    """End the process as a lack of memory would, unless it was done before."""
    with suppress(FileExistsError):
        (Path(folder) / "killed").touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)


kill_this_process_once.__module__ = "__main__"


def outcome_of(search):
    """Return the figures of a search, all but the times."""
    return {k: v for k, v in search.cv_results_.items() if not k.endswith("_time")}


def assert_same(one, other):
    np.testing.assert_equal(outcome_of(one), outcome_of(other))


def traced_by(folder, **parameters):
    return make_pipeline(Tracer(folder, **parameters), *PIPELINE)


def noted_in(folder):
    return [tuple(map(int, file.read_text().split())) for file in folder.glob("fit*")]


@pytest.fixture(scope="module")
def sequential(digits):
    """Return a function that gives a search without any other process, fitted."""
    found = {}

    def fit(name):
        if name not in found:
            found[name] = clone(SEARCHES[name]).set_params(n_jobs=1).fit(*digits)
        return found[name]

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as each worker has
    yield fit
    torch.set_num_threads(n_threads)


@contextmanager
def dask_cluster():
    """Start two workers, a process with one thread each, that are spoken to over TCP."""
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def dask_client():
    with dask_cluster() as client:
        yield client


@pytest.fixture
def dask(dask_client):
    with dask_client.as_current():
        yield {"backend": "dask"}


@pytest.fixture
def dask_by_address(dask_client):
    import distributed

    address = dask_client.scheduler.address
    assert address.startswith("tcp://")
    with distributed.Client(address) as client, client.as_current():
        yield {"backend": "dask"}


@pytest.fixture(scope="module")
def ray_cluster():
    import ray
    from ray.util.joblib import register_ray

    register_ray()
    bases = PicklingPool.__bases__  # which the backend of Ray exchanges
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()
    PicklingPool.__bases__ = bases


@pytest.fixture
def ray(ray_cluster):
    return {"backend": "ray", "n_jobs": 2}


@pytest.fixture(scope="module")
def loky(tmp_path_factory):
    """Settings that hand even small data over through files, as large ones are."""
    folder = tmp_path_factory.mktemp("shared")
    return {"backend": "loky", "n_jobs": 2, "max_nbytes": 1000, "temp_folder": folder}


@pytest.mark.parametrize(("name", "backend"), PAIRS)
def test_a_search_in_two_processes_is_that_in_one(
    digits, sequential, name, backend, request, tmp_path
):
    search = clone(SEARCHES[name]).set_params(estimator=traced_by(tmp_path))
    with parallel_config(**request.getfixturevalue(backend)):
        search.fit(*digits)
    assert_same(search, sequential(name))
    assert os.getpid() not in {process for process, _ in noted_in(tmp_path)}
    assert len(set(search.cv_results_["mean_test_score"])) > 2


def test_loky_shares_data_through_files(digits, sequential, loky, tmp_path):
    traced = traced_by(tmp_path, count_in=loky["temp_folder"])
    search = clone(SEARCHES["grid"]).set_params(estimator=traced)
    with parallel_config(**loky):
        assert_same(search.fit(*digits), sequential("grid"))
    counts = [n_files for _, n_files in noted_in(tmp_path)]
    assert len(counts) == 8
    assert min(counts) > 0


@pytest.mark.dask
def test_a_killed_dask_worker_costs_only_its_fits(digits, sequential, tmp_path):
    """All that is sent is on both workers, and Dask may not call that one too many."""
    splits = list(StratifiedKFold(2).split(*digits))
    traced = traced_by(tmp_path, kill_after=3)
    search = clone(SEARCHES["grid"]).set_params(estimator=traced, cv=splits)
    with dask_cluster() as client:
        client.amm.stop()
        with parallel_config("dask", scatter=[*digits, *chain(*splits)]):
            assert_same(search.fit(*digits), sequential("grid"))
        client.wait_for_workers(2)  # the nanny has started another
    assert (tmp_path / "killed").exists()
    assert len(noted_in(tmp_path)) > 8


@pytest.mark.ray
def test_a_killed_ray_worker_is_started_again_where_it_may_be(
    digits, sequential, ray, tmp_path
):
    traced = traced_by(tmp_path, kill_after=3)
    search = clone(SEARCHES["grid"]).set_params(estimator=traced)
    again = {"max_restarts": 3, "max_task_retries": 3}
    with parallel_config(**ray, ray_remote_args=again):
        assert_same(search.fit(*digits), sequential("grid"))
    assert (tmp_path / "killed").exists()
    assert len(noted_in(tmp_path)) > 8


def test_a_search_that_a_killed_worker_broke_goes_on_from_its_checkpoints(
    digits, sequential, loky, tmp_path
):
    pytest.importorskip("sklearn.callback")
    folders = [tmp_path / name for name in ("checkpoints", "first", "second")]
    for folder in folders:
        folder.mkdir()
    searches = []
    for folder, kill_after in zip(folders[1:], (10, np.inf), strict=True):
        kept = clone(PIPELINE).set_params(**{NET + "checkpoint_dir": folders[0]})
        kept[-1].set_callbacks(EpochKiller(folder, kill_after))
        searches.append(clone(SEARCHES["grid"]).set_params(estimator=kept))
    with parallel_config(**loky):
        with pytest.raises(TerminatedWorkerError):
            searches[0].fit(*digits)
        assert_same(searches[1].fit(*digits), sequential("grid"))
    assert (folders[1] / "killed").exists()
    first, second = (len(list(folder.glob("epoch*"))) for folder in folders[1:])
    # 8 fits of 4 epochs, but for one that each worker had told of and not kept.
    assert 10 < first < 32
    assert abs(first + second - 32) <= 2
