"""A fit is the same in whatever modes of torch the program happens to be."""

import contextlib

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.pruning import SpectralPruner, prune_nodes


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


MODES = {
    "inference": torch.inference_mode,
    "no_grad": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default device": lambda: torch.device("meta"),
    "default dtype": lambda: default_dtype(torch.float16),
}

FEW = {"max_iter": 2, "random_state": 0}

MODELS = {
    "adamax": SpectralClassifier(5, **FEW),
    "sgd": SpectralClassifier(5, solver="sgd", **FEW),
    "lbfgs": SpectralClassifier(5, solver="lbfgs", **FEW),
    "penalties": SpectralClassifier(5, alpha=1.0, **FEW),
    "autograd": SpectralClassifier(5, activation="elu", train_eigenvectors="svd", **FEW),
    "covariance": SpectralClassifier(5, init="covariance", **FEW),
    "early stopping": SpectralClassifier(5, early_stopping=True, **FEW),
    "regressor": SpectralRegressor(5, **FEW),
    "direct": DirectClassifier(5, parametrization="subset", n_weights=20, **FEW),
}


@pytest.fixture(scope="module", params=[2, 3])
def iris(request):
    X, y = load_iris(return_X_y=True)
    return X.astype(np.float32), np.minimum(y, request.param - 1)


def life(model, X, y):
    """Fit, go on in every way, and return the weights after each step."""
    steps = [model.fit(X, y)._fitted.complete()]
    steps.append(model.set_params(warm_start=True).fit(X, y)._fitted.complete())
    if model.solver != "lbfgs":
        steps.append(model.partial_fit(X, y)._fitted.complete())

    model.set_params(warm_start=False)
    module = model.to_network()
    rows = torch.from_numpy(X[:3])
    with torch.inference_mode(False), torch.no_grad():
        output = module(rows.to(next(module.parameters())))
    return steps, output.numpy()


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_is_the_same_in_it(iris, kind, mode):
    expected, network = life(MODELS[kind], *iris)
    if mode == "autocast":
        with MODES[mode]():
            found = [MODELS[kind].fit(*iris)._fitted.complete()]
        expected = expected[:1]
    else:
        with MODES[mode]():
            found, inside = life(MODELS[kind], *iris)
        np.testing.assert_array_equal(inside, network)
    for before, after in zip(expected, found, strict=True):
        for name, values in before.items():
            np.testing.assert_array_equal(after[name], values)


def test_a_device_predicts_in_the_precision_of_the_network(iris, monkeypatch):
    X, y = iris
    model = SpectralClassifier(8, linear_expansion=None, **FEW).fit(X, y)
    monkeypatch.setattr(SpectralClassifier, "_predict_on", lambda self: "cpu")  # by torch
    expected = model.predict_proba(X)
    for mode in ("autocast", "inference", "default device"):
        with MODES[mode]():
            np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_nodes_are_removed_in_the_precision_of_the_network(iris):
    X, y = iris
    model = SpectralClassifier(8, linear_expansion=None, **FEW).fit(X, y)
    expected = prune_nodes(model, X, n_nodes=4)
    for mode in ("autocast", "inference", "default device"):
        with MODES[mode]():
            found = prune_nodes(model, X, n_nodes=4)
        np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


def test_what_was_fitted_in_inference_mode_trains_on_outside(iris):
    X, y = iris
    model = SpectralClassifier(5, **FEW)
    with torch.inference_mode():
        model.fit(X, y)
        pruner = SpectralPruner(SpectralClassifier(5, **FEW), n_nodes=3).fit(X, y)
        direct = model.to_direct()
        back = SpectralClassifier.from_direct(direct)
    for each in (model, pruner.estimator_, direct, back):
        before = each.coefs_[0].copy()
        each.partial_fit(X, y)
        assert np.abs(each.coefs_[0] - before).max() > 0
