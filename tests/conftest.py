"""Fixtures: small real data that scikit-learn ships, and the full MNIST where it is."""

import os

# Before numpy and torch are imported: small arrays, and one test process per core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import copy
import importlib.util
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.preprocessing import scale

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.datasets import load_mnist
from sklearn_spectral.fitted.layers import layers_of, member_axis, slope_names
from sklearn_spectral.fitted.network import FittedNetwork

from .plain import PLAIN

matplotlib.use("Agg")


def pytest_collection_modifyitems(items):
    """Leave out what cannot run here, saying why; see CONTRIBUTING.md."""
    reasons = {}
    for marker in ("mnist", "fashion_mnist"):
        variable = f"SKLEARN_SPECTRAL_{marker.upper()}"
        if not os.environ.get(variable):
            reasons[marker] = f"{variable} does not name the file {marker}.npz"
    if not torch.cuda.is_available():
        reasons["gpu"] = "no CUDA device"
    if importlib.util.find_spec("ray") is None:
        reasons["ray"] = "Ray is not installed"
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def no_gpu(request, monkeypatch):
    """Hide a GPU from the tests that are not about it: they compare in float64."""
    if not request.node.get_closest_marker("gpu"):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(scope="session")
def digits():
    """All 1,797 digits as floats in [0, 1]: ten classes, 64 features."""
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="session")
def cancer():
    """The breast cancer data, standardised: two classes, 30 features."""
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="session")
def diabetes():
    """The diabetes data, all standardised: a regression on 10 features."""
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


@pytest.fixture(scope="session")
def mnist():
    """Training and test sets of MNIST, float32 in [0, 1]."""
    data = load_mnist()
    return data.X_train, data.y_train, data.X_test, data.y_test


@pytest.fixture
def overshooting():
    """A classifier whose validation score on the digits goes up and down again."""
    return SpectralClassifier(
        (50,),
        **{**PLAIN, "train_eigenvectors": True},
        learning_rate="constant",
        learning_rate_init=0.2,
        early_stopping=True,
        averaging=0.0,
        random_state=0,
    )


@pytest.fixture
def path(tmp_path):
    """Where a test may write a model."""
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="session")
def population():
    """Return a function that makes a spectral network from its configuration: what trains
    is random, the rest as the seed makes it."""

    def make(config, dtype=np.float64, seed=3, units=None):
        rng = np.random.default_rng(seed)
        arrays = dict(units or {})
        for stack in layers_of("spectral", config, seed):
            for layer in stack:
                for name, shape in layer.shapes().items():
                    scale = layer.n_in**-0.5 if name.startswith("form.") else 1.0
                    drawn = scale * rng.normal(size=shape)
                    arrays[layer.prefix + name] = drawn.astype(dtype)
                for name, values in layer.regrow(dtype).items():
                    arrays[layer.prefix + name] = values
        for name in slope_names("spectral", config):
            arrays[name] = rng.uniform(0.5, 2, member_axis(config)).astype(dtype)
        return FittedNetwork.from_arrays("spectral", config, seed, arrays)

    return make


@pytest.fixture(scope="session")
def as_population(population):
    """Return a function that gives a fitted estimator members of random eigenvalues."""

    def become(model, n_members=3):
        result = copy.deepcopy(model).set_params(n_members=n_members)
        fitted = model._fitted
        config = {**fitted.config, "n_members": n_members}
        units = fitted.units()
        result._fitted = population(config, fitted.dtype, fitted.seed, units)
        result.n_parameters_ = sum(layer.n_trained() for layer in result._fitted.layers())
        result.n_parameters_ += n_members * len(result._fitted.slope_names())
        return result

    return become


@pytest.fixture(scope="module")
def fitted(digits):
    """A small network, fitted to the digits in single precision with early stopping."""
    X, y = digits
    model = SpectralClassifier(
        12,
        "tanh",
        linear_expansion=20,
        early_stopping=True,
        **{**PLAIN, "standardize": True, "max_iter": 2},
        random_state=0,
    )
    return model.fit(X.astype(np.float32), y)


@pytest.fixture
def fresh_python(tmp_path):
    """Run a script in a new interpreter, in an empty folder; return what it printed."""

    def run(script, **environment):
        done = subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-c", script],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def randomise():
    """Return a function that gives all parameters of a module random values."""

    def fill(module, frozen_too=True):
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.requires_grad or frozen_too:
                    values = torch.randn(
                        parameter.shape, dtype=parameter.dtype, generator=generator
                    )
                    parameter.copy_(values / 2)

    return fill
