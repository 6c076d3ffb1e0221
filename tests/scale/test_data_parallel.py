"""Several processes of torch.distributed: the network of one, to rounding."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.data.blocks import ALONE, Share
from sklearn_spectral.training.processes import ProcessGroup, local_device

from ..plain import PLAIN

DEFAULT = SpectralClassifier().get_params()
SETTINGS = {
    "default": {name: DEFAULT[name] for name in PLAIN if name != "max_iter"},
    "expanded": {"linear_expansion": 100},
    "early stopping": {"early_stopping": True, "random_state": 3},
    "odd batches": {"batch_size": 333, "solver": "sgd"},
    "fewer rows than processes": {"batch_size": 2},
    "L2 on eigenvalues": {"alpha": 1.0, "train_eigenvectors": True},
    "L-BFGS": {"solver": "lbfgs"},
    "one batch": {"batch_size": 5000},
    "blocks": {"shuffle": "blocks"},
    "in order": {"shuffle": False},
    "class weights": {"class_weight": "balanced", "solver": "adam"},
    "projected": {"linear_expansion": 40, "train_eigenvalues": "out"},
    "population": {"n_members": 3, "bag_fraction": 0.6, "early_stopping": "oob"},
}

START = f"""
import json, os, warnings
import numpy as np, torch
from sklearn.datasets import load_digits
from torch import distributed as dist
from sklearn_spectral import SpectralClassifier

warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
X, y = X[:500] / 16, y[:500]
settings, plain = {SETTINGS!r}, {PLAIN!r}
rank = os.environ.get("RANK", "0")

def tell(name, value):
    with open("told." + rank, "a") as file:
        print(json.dumps([name, value]), file=file)
"""

EACH = """
for name, more in settings.items():
    params = {**plain, "max_iter": 4, "random_state": 0}
    params["data_parallel"] = "RANK" in os.environ
    if name == "blocks":
        from sklearn_spectral.data import blocks as _blocks
        _blocks.BLOCK_NUMBERS, _blocks.BUFFER_BLOCKS = 640, 4
    model = SpectralClassifier(12, **{**params, **more}).fit(X, y)
    tell(name, [model.loss_curve_, model.coefs_[0].tolist(), model.n_iter_])
"""

ONE_BY_ONE = """
sent, real = [], dist.all_reduce
dist.all_reduce = lambda values: (sent.append(values.numel()), real(values))
model = SpectralClassifier(12, linear_expansion=100, data_parallel=True, **plain)
model.set_params(batch_size=100, max_iter=2).fit(X, y)
tell("sent", [sent, model.n_parameters_])

model = SpectralClassifier(12, max_iter=3, data_parallel=True, verbose=2).fit(X, y)
model.partial_fit(X[:100], y[:100])
tell("unseeded", [model._fitted.seed, model.coefs_[0].tolist()])

class Stop:
    def __init__(self, when):
        self.when = when
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context, **given):
        return context.task_name == "epoch" and context.task_id == self.when

try:
    import sklearn.callback
except ImportError:
    tell("stopped", 3)
else:
    model = SpectralClassifier(12, max_iter=9, data_parallel=True, random_state=0)
    model.set_callbacks(Stop(2 + 4 * int(rank))).fit(X, y)
    tell("stopped", model.n_iter_)

cases = [(10 + int(rank), X), (10, X[int(rank) :]), (10, X + int(rank))]
for number, (width, data) in enumerate(cases):
    try:
        SpectralClassifier(width, data_parallel=True).fit(data, y[: len(data)])
    except ValueError as error:
        tell(f"error {number}", str(error))

import weakref
from sklearn_spectral.training.processes import _leave
group = weakref.ref(dist.group.WORLD)
_leave()
tell("left", group() is None)
"""


def launch(folder, script, n_processes):
    """Run a script in processes as torchrun does; return what was told and printed."""
    (folder / "script.py").write_text(START + script)
    command = [sys.executable, "script.py"]
    if n_processes > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone"]
        command[1:1] = [*launcher, "--nproc-per-node", str(n_processes)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = []
    for rank in range(n_processes):
        lines = (folder / f"told.{rank}").read_text().splitlines()
        told.append(dict(map(json.loads, lines)))
    return told, done.stdout


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process tells of each setting."""
    ((told,), _) = launch(tmp_path_factory.mktemp("alone"), EACH, 1)
    return told


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory):
    """What two processes tell, and print, of other fits."""
    return launch(tmp_path_factory.mktemp("two"), ONE_BY_ONE, 2)


def test_the_network_is_that_of_one_process(alone, tmp_path):
    together, _ = launch(tmp_path, EACH, 3)
    assert all(each == together[0] for each in together)  # to the bit
    for name in SETTINGS:
        losses, coef, n_iter = alone[name]
        ours = together[0][name]
        assert ours[2] == n_iter
        np.testing.assert_allclose(ours[0], losses, rtol=1e-7, err_msg=name)
        np.testing.assert_allclose(ours[1], coef, rtol=1e-5, atol=1e-6, err_msg=name)
    assert len({tuple(alone[name][0]) for name in SETTINGS}) == len(SETTINGS)


def test_what_travels_is_the_gradient_of_what_trains(one_by_one):
    for told in one_by_one[0]:
        sent, n_trained = told["sent"]
        assert n_trained == (64 + 100) + (100 + 12) + (12 + 10) + (100 + 12 + 10)
        assert sent == 2 * [*(5 * [n_trained]), 5]  # each step; the losses of each epoch


def test_an_unseeded_fit_is_one_network_and_only_the_first_speaks(one_by_one):
    (first, second), printed = one_by_one
    assert first["unseeded"] == second["unseeded"]
    assert printed.count("Epoch 2/3") == 1


def test_a_callback_of_one_process_stops_all(one_by_one):
    assert [told["stopped"] for told in one_by_one[0]] == [3, 3]


def test_processes_that_leave_at_once_end_well(tmp_path):
    script = """
from sklearn_spectral.training.processes import ProcessGroup
processes = ProcessGroup("cpu")
for _ in range(20):
    try:
        processes.check_same({"rank": rank})
    except ValueError as error:
        last = str(error)
tell("last", last)
"""
    for number in range(2):  # without leaving the group most of them abort
        folder = tmp_path / str(number)
        folder.mkdir()
        for told in launch(folder, script, 2)[0]:
            assert "were given different rank" in told["last"]


def test_nothing_holds_the_group_that_was_left(one_by_one):
    assert all(told["left"] for told in one_by_one[0])


def test_different_data_or_parameters_are_refused_everywhere(one_by_one):
    for told in one_by_one[0]:
        errors = [text for name, text in told.items() if name.startswith("error")]
        for what, error in zip(["parameters", "X and y", "X"], errors, strict=True):
            assert f"were given different {what}. Call fit with the same" in error


def test_a_killed_fit_goes_on_from_the_checkpoint_of_the_first(tmp_path):
    script = """
from sklearn_spectral.exceptions import CheckpointWarning
from sklearn_spectral.training.checkpoints import EpochCheckpoint

class Killed(Exception):
    pass

model = SpectralClassifier(
    12, solver="adam", max_iter=6, random_state=0, data_parallel=True, checkpoint_dir="kept"
)
write, ended, run_again = EpochCheckpoint.on_epoch_end, [], []
def killed(self, net, **kwargs):
    write(self, net, **kwargs)
    ended.append(1)
    if len(ended) == 3:
        raise Killed
EpochCheckpoint.on_epoch_end = killed
try:
    model.fit(X, y)
except Killed:
    pass
EpochCheckpoint.on_epoch_end = lambda self, net, **kwargs: run_again.append(1)
model.fit(X, y)
whole = SpectralClassifier(**{**model.get_params(), "checkpoint_dir": None}).fit(X, y)
same = np.array_equal(model.coefs_[0], whole.coefs_[0])
tell("adam", [len(ended), len(run_again), same])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", CheckpointWarning)
    model.set_params(solver="lbfgs").fit(X, y)
tell("warned", sum(each.category is CheckpointWarning for each in caught))
"""
    told, _ = launch(tmp_path, script, 2)
    assert [each["adam"] for each in told] == 2 * [[3, 3, True]]
    assert [each["warned"] for each in told] == [1, 0]
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_frozen_eigenvectors_do_not_travel_in_torchs_own_wrapper(tmp_path):
    script = """
import inspect
from torch.nn.parallel import DistributedDataParallel
from sklearn_spectral.nn import SpectralNetwork
dist.init_process_group("gloo")
network = SpectralNetwork(64, 10, (12,), linear_expansion=100, seed=0)
without = {"init_sync": False, "broadcast_buffers": False}
if "init_sync" not in inspect.signature(DistributedDataParallel).parameters:  # torch 2.4
    del without["init_sync"]
wrapped = DistributedDataParallel(network, **without)
own = slice(dist.get_rank(), None, 2)
inputs, target = torch.from_numpy(X).float(), torch.from_numpy(y)
torch.nn.functional.cross_entropy(wrapped(inputs[own]), target[own]).backward()
alone = SpectralNetwork(64, 10, (12,), linear_expansion=100, seed=0)
torch.nn.functional.cross_entropy(alone(inputs), target).backward()
pairs = zip(network.parameters(), alone.parameters(), strict=True)
gaps = [float((a.grad - b.grad).abs().max()) for a, b in pairs if a.requires_grad]
n_sent = sum(p.numel() for p in network.parameters() if p.requires_grad)
tell("gap", [max(gaps), n_sent])
dist.destroy_process_group()
"""
    for told in launch(tmp_path, script, 2)[0]:
        gap, n_sent = told["gap"]
        assert gap < 1e-6
        assert n_sent == (64 + 100) + (100 + 12) + (12 + 10) + (100 + 12 + 10)


@pytest.fixture
def group_of_one():
    """A process group with this process alone."""
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("group_of_one")
@pytest.mark.parametrize("solver", ["adamax", "lbfgs"])
def test_a_group_of_one_is_one_process(digits, solver, tmp_path):
    model = SpectralClassifier(
        12, max_iter=4, early_stopping=True, solver=solver, random_state=0
    )
    expected = clone(model).fit(*digits)
    folder = tmp_path if solver == "adamax" else None
    model.set_params(data_parallel=True, checkpoint_dir=folder).fit(*digits)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert model.validation_scores_ == expected.validation_scores_
    assert len(list(tmp_path.iterdir())) == (solver == "adamax")
    again = clone(model).fit(*digits)  # from the checkpoint
    np.testing.assert_array_equal(again.coefs_[0], expected.coefs_[0])
    assert ProcessGroup("cpu").share == ALONE


def test_shares_are_all_of_it():
    for n_processes in (1, 2, 3, 7):
        for n in (0, 1, 5, 200):
            parts = [Share(rank, n_processes).of(n) for rank in range(n_processes)]
            covered = [i for part in parts for i in range(n)[part]]
            assert covered == list(range(n))
            sizes = [part.stop - part.start for part in parts]
            assert max(sizes) - min(sizes) <= 1
    assert ALONE.of(9) == slice(0, 9)


def test_without_a_launcher_the_error_says_how(digits, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ValueError, match="torchrun --nproc-per-node=2"):
        SpectralClassifier(data_parallel=True).fit(*digits)


def test_a_worker_of_a_process_is_none_of_the_group(digits, monkeypatch):
    class LokyProcess:
        pass

    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr("multiprocessing.current_process", LokyProcess)
    with pytest.raises(ValueError, match="Set n_jobs=1 or data_parallel=False"):
        SpectralClassifier(data_parallel=True).fit(*digits)


def test_each_process_has_a_gpu_of_its_own(monkeypatch):
    assert local_device("auto") == "auto"
    assert local_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert local_device("auto") == local_device("cuda") == "cuda:2"
    assert local_device("cuda:1") == "cuda:1"
    monkeypatch.setenv("LOCAL_RANK", "5")
    assert local_device("cuda") == "cuda:1"
