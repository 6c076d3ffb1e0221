"""Devices: chosen, refused, and left behind when a model is loaded elsewhere."""

import multiprocessing
import pickle

import joblib
import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from torch.utils.data import DataLoader, TensorDataset

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.model_selection import SpectralSearchCV
from sklearn_spectral.training import device as _device
from sklearn_spectral.training.device import (
    available_devices,
    parse_device,
    resolve_device,
    training_dtype,
)

from ..plain import PLAIN

TWENTY = {**PLAIN, "max_iter": 20}


@pytest.mark.parametrize(("has_cuda", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_cuda_where_there_is_any(monkeypatch, has_cuda, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    assert parse_device("auto") == torch.device(expected)


def test_cpu_is_always_there():
    assert resolve_device("cpu") == resolve_device("auto") == torch.device("cpu")
    assert available_devices()[0] == "cpu"


def test_available_devices_lists_each_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert available_devices() == ["cpu", "cuda:0", "cuda:1"]


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cpu cpu"])
def test_unknown_names(name):
    with pytest.raises(ValueError, match="is not a device that torch knows"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["cuda:99", "meta", "mps:7"])
def test_what_cannot_be_used_here(name):
    with pytest.raises(ValueError, match="cannot be used on this machine; available: cpu"):
        resolve_device(name)


def test_fit_refuses_a_device_that_is_not_there(digits):
    model = SpectralClassifier(5, max_iter=1, device="cuda:99")
    with pytest.raises(ValueError, match="device='cuda:99' cannot be used"):
        model.fit(*digits)


@pytest.mark.skipif(torch.cuda.is_available(), reason="stands for a machine without a GPU")
def test_a_model_of_a_gpu_predicts_where_there_is_none(digits):
    X, y = digits
    model = SpectralClassifier(12, max_iter=2, random_state=0).fit(X, y)
    expected = model.predict_proba(X)
    loaded = pickle.loads(pickle.dumps(model.set_params(device="cuda")))
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)


@pytest.mark.parametrize(
    ("device", "input_type", "expected"),
    [
        ("cpu", np.float64, np.float64),
        ("cpu", np.float32, np.float32),
        ("cpu", np.uint8, np.float64),
        ("cuda", np.float64, np.float32),
        ("cuda", np.float32, np.float32),
    ],
)
def test_off_the_cpu_training_is_in_single_precision(device, input_type, expected):
    assert training_dtype(np.dtype(input_type), torch.device(device)) == expected


@pytest.mark.gpu
class TestCuda:
    @pytest.mark.parametrize("n_members", [1, 4])
    def test_fits_of_a_search_train_together_there(self, digits, n_members):
        model = SpectralClassifier(
            20, n_members=n_members, max_iter=10, random_state=0, device="cuda"
        )
        given = ({"learning_rate_init": [0.003, 0.03], "class_weight": [None, "balanced"]},)
        there = SpectralSearchCV(model, *given, cv=3).fit(*digits)
        assert there.best_estimator_.device_.startswith("cuda")
        here = SpectralSearchCV(clone(model).set_params(device="cpu"), *given, cv=3)
        X, y = digits
        np.testing.assert_allclose(
            there.cv_results_["mean_test_score"],
            here.fit(X.astype(np.float32), y).cv_results_["mean_test_score"],
            atol=0.02,
        )

    @pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
    @pytest.mark.parametrize("train_eigenvectors", [False, True])
    def test_fit_there_predict_here(self, digits, device, train_eigenvectors, tmp_path):
        X, y = digits
        model = SpectralClassifier(
            50,
            linear_expansion=100,
            random_state=0,
            device=device,
            **{**PLAIN, "train_eigenvectors": train_eigenvectors, "max_iter": 30},
        ).fit(X, y)
        assert model.device_.startswith("cuda")
        assert model.coefs_[0].dtype == np.float32
        assert model.score(X, y) > 0.9
        labels = model.predict(X)
        loaded = pickle.loads(pickle.dumps(model)).set_params(device="cpu")
        np.testing.assert_array_equal(loaded.predict(X), labels)

    @pytest.mark.parametrize("solver", ["adamax", "adam", "sgd", "lbfgs"])
    def test_close_to_the_fit_on_the_cpu(self, digits, solver):
        X, y = digits[0].astype(np.float32), digits[1]
        model = SpectralClassifier(20, linear_expansion=40, solver=solver, **PLAIN)
        model.set_params(max_iter=3, random_state=0)
        here = model.set_params(device="cpu").fit(X, y).decision_function(X)
        there = model.set_params(device="cuda").fit(X, y).decision_function(X)
        np.testing.assert_allclose(there, here, atol=5e-2)

    def test_sparse_early_stopping_weights_and_going_on(self, digits):
        X, y = digits
        model = SpectralClassifier(20, max_iter=5, early_stopping=True, device="cuda")
        model.fit(sparse.csr_array(X), y, sample_weight=np.linspace(0, 1, len(y)))
        # The second call loads the moments of the first.
        model.partial_fit(X, y).partial_fit(X, y)
        loaded = pickle.loads(pickle.dumps(model))
        loaded.partial_fit(X, y)
        assert len(loaded.loss_curve_) == 8
        assert SpectralRegressor(20, device="cuda").fit(X, y).score(X, y) > 0.5

    @pytest.mark.parametrize(
        ("make", "solver"), [(np.asarray, "sgd"), (sparse.csr_array, "adamax")]
    )
    def test_populations_stop_out_of_bag(self, digits, make, solver):
        X, y = digits[0].astype(np.float32), digits[1]
        model = SpectralClassifier(
            20,
            n_members=4,
            bag_fraction=0.75,
            early_stopping="oob",
            solver=solver,
            max_iter=3,
            random_state=0,
        )
        here = model.set_params(device="cpu").fit(make(X), y).oob_decision_function_
        there = model.set_params(device="cuda").fit(make(X), y).oob_decision_function_
        np.testing.assert_allclose(there, here, atol=5e-2)

    @pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
    def test_full_batches(self, digits, make):
        X, y = digits
        model = SpectralClassifier(20, solver="lbfgs", device="cuda", **PLAIN)
        model.set_params(max_iter=60, random_state=0)
        assert model.fit(make(X), y).score(X, y) > 0.8

    @pytest.mark.parametrize("activation", ["tanh", "elu", "identity"])
    @pytest.mark.parametrize("loss", ["log_loss", "brier"])
    def test_two_classes(self, cancer, activation, loss):
        X, y = cancer
        model = SpectralClassifier(20, activation=activation, loss=loss, device="cuda")
        model.set_params(random_state=0).fit(X, y)
        assert model.score(X, y) > 0.93
        on_gpu = model.predict_proba(X)
        on_cpu = model.set_params(device="cpu").predict_proba(X)
        np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-5)

    def test_going_on_elsewhere(self, digits):
        X, y = digits
        model = SpectralClassifier(20, max_iter=3, warm_start=True, random_state=0)
        model.set_params(device="cpu").fit(X, y)
        assert model.coefs_[0].dtype == np.float64
        model.set_params(device="cuda").fit(X, y)
        assert model.coefs_[0].dtype == np.float32
        model.set_params(device="cpu").fit(X, y)
        assert len(model.loss_curve_) == 9

    @pytest.mark.parametrize("telescope", ["layers", "contract", "closed_form"])
    @pytest.mark.parametrize("train_eigenvectors", [False, True, "svd", "qr"])
    def test_every_way_is_captured_or_left_to_autograd(
        self, digits, train_eigenvectors, telescope
    ):
        X, y = digits[0].astype(np.float32), digits[1]
        model = SpectralClassifier(
            30,
            linear_expansion=((90,), (20,)),
            telescope=telescope,
            random_state=0,
            **{**PLAIN, "train_eigenvectors": train_eigenvectors, "max_iter": 5},
        )
        here = model.set_params(device="cpu").fit(X, y).decision_function(X)
        there = model.set_params(device="cuda").fit(X, y).decision_function(X)
        np.testing.assert_allclose(there, here, atol=5e-2)
        assert model.net_.captured_ == (not isinstance(train_eigenvectors, str))

    def test_projected_data_are_there(self, digits):
        X, y = digits
        model = SpectralClassifier(
            30,
            linear_expansion=None,
            train_eigenvalues="out",
            random_state=0,
            device="cuda",
            **{**PLAIN, "standardize": True, "max_iter": 5},
        ).fit(X, y)
        assert model.telescope_plan_[0].strategy == "project"
        other = SpectralClassifier(**model.get_params()).set_params(telescope="layers")
        expected = other.fit(X, y).decision_function(X)
        np.testing.assert_allclose(model.decision_function(X), expected, atol=5e-2)

    def test_data_without_room_are_streamed(self, digits, monkeypatch):
        X, y = digits
        model = SpectralClassifier(20, random_state=0, device="cuda", **TWENTY)
        resident = model.fit(X, y).decision_function(X)
        monkeypatch.setattr(_device, "RESIDENT_SHARE", 0.0)
        streamed = model.fit(X, y).decision_function(X)
        np.testing.assert_allclose(streamed, resident, atol=1e-2)

    def test_a_start_by_the_covariance(self, digits):
        X, y = digits
        model = SpectralClassifier(
            20, linear_expansion=None, init="covariance", device="cuda", **PLAIN
        )
        model.set_params(max_iter=40, random_state=0)
        assert model.fit(X, y).score(X, y) > 0.8

    def test_mapped_files_are_streamed(self, digits, tmp_path):
        X, y = digits
        mapped = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
        mapped[:] = X
        model = SpectralClassifier(20, random_state=0, device="cuda", **TWENTY)
        from_file = model.fit(mapped, y).decision_function(X)
        in_memory = model.fit(X.astype(np.float32), y).decision_function(X)
        np.testing.assert_allclose(from_file, in_memory, atol=1e-2)

    @pytest.mark.parametrize("in_order", [False, True])
    def test_blocks_and_streams(self, digits, in_order):
        X, y = digits[0].astype(np.float32), digits[1]
        data = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
        data = DataLoader(data, batch_size=100) if in_order else data
        model = SpectralClassifier(20, random_state=0, device="cuda", **TWENTY)
        model.set_params(shuffle=False if in_order else "blocks")
        told = model.fit(data).decision_function(X)
        expected = model.fit(X, y).decision_function(X)
        np.testing.assert_allclose(told, expected, atol=1e-2)


def test_workers_of_joblib_take_the_gpus_in_turn(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert parse_device("auto") == torch.device("cuda")  # no worker

    class LokyProcess:
        _identity = (3,)

    monkeypatch.setattr("multiprocessing.current_process", LokyProcess)
    assert parse_device("auto") == torch.device("cuda:0")
    assert parse_device("cuda") == torch.device("cuda")
    LokyProcess._identity = (4,)
    assert parse_device("auto") == torch.device("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert parse_device("auto") == torch.device("cuda")


def test_a_worker_of_joblib_has_a_number():
    def number():
        process = multiprocessing.current_process()
        return type(process).__name__, process._identity[-1]

    told = joblib.Parallel(2)(joblib.delayed(number)() for _ in range(4))
    assert {name for name, _ in told} == {"LokyProcess"}
    assert all(number >= 1 for _, number in told)
