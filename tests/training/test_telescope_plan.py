"""The plan as estimators have it: made before training, shown, overridden, followed."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.nn import SpectralNetwork
from sklearn_spectral.training import device as _device
from sklearn_spectral.training.flat import FlatParameters

from ..plain import PLAIN


def fitted(X, y, **parameters):
    settings = {**PLAIN, "batch_size": 300, "max_iter": 4, "random_state": 0}
    return SpectralClassifier(**{**settings, **parameters}).fit(X, y)


def test_it_is_shown_after_fit_and_without_torch(digits, tmp_path):
    model = fitted(*digits, hidden_layer_sizes=30, linear_expansion=200)
    first, second = model.telescope_plan_
    assert first.widths == (64, 200, 30)
    assert first.batch_size == 300
    assert first.strategy == min(first.multiplications, key=first.multiplications.get)
    assert second.strategy == "layers"
    assert str(first).startswith("64-200-30, batches of 300: ")
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(model))
    code = (
        f"import pickle, sys; model = pickle.load(open({str(path)!r}, 'rb'))\n"
        "print(model.telescope_plan_[0].strategy)\n"
        "assert 'torch' not in sys.modules"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == first.strategy, answer.stderr


@pytest.mark.parametrize("solver", ["adamax", "lbfgs"])
@pytest.mark.parametrize("train_eigenvalues", ["both", "out", "in"])
def test_every_way_trains_to_the_same_network(digits, train_eigenvalues, solver):
    settings = {
        "hidden_layer_sizes": 20,
        "linear_expansion": ((100, 50), (40,)),
        "train_eigenvalues": train_eigenvalues,
        "solver": solver,
    }
    plain = fitted(*digits, telescope="layers", **settings)
    strategies = ["contract", "closed_form"] + ["project"] * (train_eigenvalues == "out")
    for strategy in strategies:
        model = fitted(*digits, telescope=strategy, **settings)
        assert model.telescope_plan_[0].strategy == strategy
        for ours, expected in zip(model.coefs_, plain.coefs_, strict=True):
            np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_projected_data_have_their_weights_and_rows(digits):
    X, y = digits
    weight = np.linspace(0, 2, len(y))
    settings = {**PLAIN, "hidden_layer_sizes": 30, "train_eigenvalues": "out"}
    settings |= {"linear_expansion": None, "max_iter": 5, "standardize": True}
    settings |= {"random_state": 0, "early_stopping": True}
    auto = SpectralClassifier(**settings).fit(X, y, sample_weight=weight)
    plain = SpectralClassifier(telescope="layers", **settings).fit(X, y, weight)
    assert auto.telescope_plan_[0].strategy == "project"
    np.testing.assert_allclose(auto.coefs_[0], plain.coefs_[0], atol=1e-8)
    # The net is left as any other is: for raw data.
    raw = auto.net_.module_(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(raw, auto.decision_function(X), atol=1e-8)
    going_on = auto.set_params(warm_start=True, telescope="layers").fit(X, y)
    assert going_on.telescope_plan_[0].strategy == "layers"


def test_random_features_are_computed_once(digits):
    settings = {"hidden_layer_sizes": (50, 40), "parametrization": "readout", "max_iter": 5}
    settings |= {"random_state": 0}
    auto = DirectClassifier(**settings).fit(*digits)
    assert [plan.strategy for plan in auto.telescope_plan_] == ["once", "once", "layers"]
    plain = DirectClassifier(telescope="layers", **settings).fit(*digits)
    for ours, expected in zip(auto.coefs_, plain.coefs_, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-8)


def test_a_projection_that_cannot_be(digits):
    with pytest.raises(ValueError, match=r"telescope='project'.*train_eigenvalues='out'"):
        fitted(*digits, hidden_layer_sizes=20, telescope="project")
    with pytest.raises(ValueError, match="telescope"):
        fitted(*digits, telescope="fast")


def test_a_failure_leaves_the_module_for_raw_data(digits, monkeypatch):
    X, y = digits
    settings = {**PLAIN, "standardize": True, "max_iter": 2, "random_state": 0}
    settings |= {"train_eigenvalues": "out", "telescope": "project"}
    model = SpectralClassifier(20, warm_start=True, **settings)
    network = model.fit(X, y).net_.module_
    assert model.telescope_plan_[0].strategy == "project"
    monkeypatch.setattr("sklearn_spectral.training.run.train", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.fit(X, y)
    assert network(torch.from_numpy(X[:2])).shape == (2, 10)


@pytest.mark.parametrize("precision", ["highest", "high"])
def test_the_precision_of_products_is_left_to_torchs_switch(
    diabetes, precision, monkeypatch
):
    before = torch.get_float32_matmul_precision()
    during = []
    step = torch.optim.Adam.step

    def look(*args, **kwargs):
        during.append(torch.get_float32_matmul_precision())
        return step(*args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", look)
    try:
        torch.set_float32_matmul_precision(precision)
        SpectralRegressor(5, solver="adam", max_iter=2).fit(*diabetes)
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)
    assert set(during) == {precision}


def test_room_on_a_device(monkeypatch):
    assert _device.has_room(torch.device("cpu"), 10**18)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    assert _device.has_room(torch.device("cuda"), 500)
    assert not _device.has_room(torch.device("cuda"), 501)


@pytest.mark.parametrize("solver", [torch.optim.Adam, torch.optim.SGD])
def test_steps_on_one_vector_are_steps_on_each_parameter(solver):
    networks = [SpectralNetwork(6, 3, 5, train_eigenvectors=True, seed=0) for _ in "ab"]
    flat = FlatParameters(networks[0])
    optimizers = [
        solver([flat.vector], lr=0.1),
        solver([p for p in networks[1].parameters() if p.requires_grad], lr=0.1),
    ]
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        x = torch.rand(8, 6, generator=generator)
        flat.gradient.zero_()
        optimizers[1].zero_grad()
        for network in networks:
            network(x).square().mean().backward()
        optimizers[1].step()
        with torch.no_grad():
            optimizers[0].step()
    for one, other in zip(*(n.parameters() for n in networks), strict=True):
        torch.testing.assert_close(one, other)
    copy = flat.copy()
    flat.restore(torch.zeros_like(copy))
    assert not any(p.any() for p in networks[0].parameters() if p.requires_grad)
