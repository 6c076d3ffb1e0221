"""Fits in forked processes, whose parent has used more than one thread, return."""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

SCRIPT = """
import multiprocessing, warnings
warnings.simplefilter("ignore")
from concurrent.futures import ProcessPoolExecutor
import joblib
import numpy as np
import torch
if torch.get_num_threads() == 1:  # what is there by default is more, where there are cores
    torch.set_num_threads(2)
n_threads_here = torch.get_num_threads()
from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectRegressor
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X, y = X[:600] / 16, y[:600]

def fit(model):
    fitted = model.fit(X, y)
    return fitted.coefs_[0], torch.get_num_threads()

def portion(model):
    return model.partial_fit(X, y).coefs_[0], torch.get_num_threads()

def send(function, model, pipe):
    pipe.send(function(model))

fork = multiprocessing.get_context("fork")

def in_process(function, model):
    here, there = fork.Pipe()
    process = fork.Process(target=send, args=(function, model, there))
    process.start()
    result = here.recv()
    process.join()
    return result

few = {"max_iter": 1, "random_state": 0}
solvers = ("adamax", "adam", "sgd", "lbfgs")
models = [
    kind(50, linear_expansion=300, solver=solver, **few)
    for kind in (SpectralClassifier, DirectRegressor)
    for solver in solvers
]
expected = [fit(model)[0] for model in models]
assert torch.get_num_threads() == n_threads_here

def check(results, models=models):
    for (found, n_threads), whole in zip(results, expected):
        assert n_threads == 1, n_threads
        assert np.allclose(found, whole, rtol=1e-6, atol=1e-9)

check([in_process(fit, model) for model in models])
print("processes")
pool = joblib.Parallel(2, backend="multiprocessing")
check(pool(joblib.delayed(fit)(model) for model in models[:4]))
print("joblib")
with ProcessPoolExecutor(2, mp_context=fork) as pool:
    check(pool.map(fit, models[:4]))
print("executor")
begun = SpectralRegressor(50, linear_expansion=300, random_state=0).partial_fit(X, y)
there = in_process(portion, begun)[0]
assert np.allclose(there, portion(begun)[0], rtol=1e-6, atol=1e-9)
print("portion")
assert torch.get_num_threads() == n_threads_here, "the parent's stay"
"""


def test_a_fit_returns_in_every_kind_of_forked_process(tmp_path):
    free = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=free,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, errors = process.communicate(timeout=180)  # it takes ten seconds
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail(f"hangs after {process.communicate()[0].split()}")
    assert process.returncode == 0, errors
    assert said.split() == ["processes", "joblib", "executor", "portion"]
