"""Model files: small, exact, without code, and refused when anything is wrong with them."""

import os

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor

from ..plain import plain_classifier, plain_regressor

FEW = {"standardize": False, "max_iter": 2, "random_state": 0}
MODELS = [
    *(
        plain_classifier(
            9, linear_expansion=11, activation=activation, train_eigenvectors=vectors, **FEW
        )
        for activation in ("relu", "tanh", "elu", "identity")
        for vectors in (False, True, "svd", "qr", "kronecker")
    ),
    plain_classifier(
        9, linear_expansion=((7,), (5, 4)), train_eigenvalues="out", init="paper", **FEW
    ),
    plain_classifier((), train_eigenvalues="in", fit_intercept=False, **FEW),
    plain_classifier(9, init="covariance", **FEW),
    plain_regressor((9, 8), linear_expansion=11, train_eigenvalues="paper", **FEW),
    DirectRegressor(9, linear_expansion=11, activation="tanh", **FEW),
    *(
        DirectClassifier(
            9,
            linear_expansion=11,
            parametrization=parametrization,
            n_weights=70,
            frozen_init=frozen_init,
            **FEW,
        )
        for parametrization in (
            "weights",
            "subset",
            "gains",
            "readout",
            "low_rank",
            "singular_values",
        )
        for frozen_init in ("start", "zero")
    ),
    SpectralClassifier(9, max_iter=2, random_state=0),
    SpectralRegressor(9, "tanh", max_iter=2, random_state=0),
    DirectRegressor(9, max_iter=2, random_state=0),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_loaded_model_is_the_saved_one(digits, path, model, dtype):
    X, y = digits[0].astype(dtype), digits[1]
    model = clone(model).fit(X, y)
    save(model, path)
    loaded = load(path)
    assert type(loaded) is type(model)
    assert loaded.get_params() == model.get_params()
    of_rows = {"oob_decision_function_", "oob_prediction_"}
    assert vars(loaded).keys() == vars(model).keys() - {"_net"} - of_rows
    for name in ("loss_curve_", "n_iter_", "stop_reason_", "n_parameters_"):
        assert getattr(loaded, name) == getattr(model, name)
    assert loaded._fitted.config == model._fitted.config
    for name in ("coefs_", "intercepts_"):
        for ours, theirs in zip(getattr(loaded, name), getattr(model, name), strict=True):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == dtype
    for name, values in model.to_network().state_dict().items():
        np.testing.assert_array_equal(loaded.to_network().state_dict()[name], values)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert str(loaded.telescope_plan_[0]) == str(model.telescope_plan_[0])

    save(loaded, path)  # once more, from what was loaded
    np.testing.assert_array_equal(load(path).predict(X), model.predict(X))


@pytest.mark.parametrize("model", [MODELS[0], MODELS[16], MODELS[20], MODELS[-1]], ids=str)
def test_training_goes_on_from_a_file_to_the_same_bits(digits, path, model):
    X, y = digits
    model = clone(model).set_params(warm_start=True).fit(X, y)
    save(model, path)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.fit(X, y).coefs_[0], model.fit(X, y).coefs_[0])


@pytest.mark.parametrize("solver", ["adamax", "adam", "sgd"])
def test_partial_fit_goes_on_from_a_file_to_the_same_bits(digits, path, solver):
    X, y = digits
    model = plain_classifier(9, solver=solver, **FEW).partial_fit(X, y, classes=range(10))
    save(model, path)
    loaded = load(path).partial_fit(X, y)
    np.testing.assert_array_equal(loaded.coefs_[0], model.partial_fit(X, y).coefs_[0])


@pytest.mark.parametrize(
    "labels",
    [
        lambda y: y.astype(str),
        lambda y: np.array([f"é{label}" for label in y], object),
        lambda y: y > 4,
        lambda y: y.astype(np.uint8),
        lambda y: y.astype(float),
        lambda y: y.astype(">i4"),
    ],
)
def test_labels_come_back_as_they_were(digits, path, labels):
    X, y = digits
    model = plain_classifier((), max_iter=1).fit(X, labels(y))
    save(model, path)
    classes = load(path).classes_
    assert classes.dtype.kind == model.classes_.dtype.kind
    assert classes.tolist() == model.classes_.tolist()


def test_feature_names_come_back(path):
    import pandas as pd
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True, as_frame=True)
    model = plain_classifier((), max_iter=1).fit(X, y)
    save(model, path)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.feature_names_in_, model.feature_names_in_)
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(pd.DataFrame(X.to_numpy(), columns=list("abcd")))


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("hidden_layer_sizes", [9, 8], [9, 8]),
        ("hidden_layer_sizes", np.array([9, 8]), [9, 8]),
        ("hidden_layer_sizes", np.int64(9), 9),
        ("linear_expansion", ((5,), ()), ((5,), ())),
        ("n_iter_no_change", np.inf, np.inf),
        ("class_weight", {0: 2.0, 1: 0.5}, {0: 2.0, 1: 0.5}),
        ("class_weight", {np.int64(3): np.float32(2.0)}, {3: 2.0}),
        ("alpha", np.float64(0.25), 0.25),
    ],
)
def test_parameters_come_back(digits, path, name, value, stored):
    model = plain_classifier(9, max_iter=1, random_state=0).set_params(**{name: value})
    save(model.fit(*digits), path)
    found = load(path).get_params()[name]
    assert found == stored
    assert type(found) is type(stored)


def test_what_a_file_cannot_hold_is_said(digits, path):
    model = plain_classifier((), max_iter=1, random_state=np.random.RandomState(0))
    model.fit(*digits)
    with pytest.warns(UserWarning, match="random_state=RandomState"):
        save(model, path)
    assert load(path).random_state is None
    model.set_params(random_state=1).note_ = "mine"
    with pytest.warns(UserWarning, match="does not hold note_"):
        save(model, path)
    model.class_weight = {("a", 1j): 1.0}
    before = path.read_bytes()
    with pytest.raises(TypeError, match=r"class_weight .* cannot be saved: complex"):
        save(model, path)
    assert path.read_bytes() == before
    model.class_weight = dict.fromkeys(range(100000), 1.0)
    with pytest.raises(TypeError, match="more than 10000 entries cannot be written"):
        save(model, path)
    model.class_weight = {f"{n:0200}": 1.0 for n in range(9_000)}
    with pytest.raises(ValueError, match="Shorten class_weight"):
        save(model, path)
    assert path.read_bytes() == before


def test_what_cannot_be_saved(digits, path):
    model = plain_classifier((), max_iter=1)
    with pytest.raises(NotFittedError):
        save(model, path)
    with pytest.raises(TypeError, match=r"save takes one of .*; got Pipeline"):
        save(make_pipeline(model).fit(*digits), path)

    class Mine(SpectralClassifier):
        pass

    with pytest.raises(TypeError, match="got Mine"):
        save(Mine((), max_iter=1).fit(*digits), path)
    with pytest.raises(FileNotFoundError):
        save(model.fit(*digits), path.parent / "nowhere" / "model")
    assert not os.listdir(path.parent)


def test_a_file_has_four_bytes_for_each_trained_number(fitted, path, digits):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 784)).astype(np.float32), np.arange(60) % 10
    for trained in ("both", "out", "in", "paper"):
        model = plain_classifier(
            120, linear_expansion=2000, train_eigenvalues=trained, max_iter=1
        ).fit(X, y)
        save(model, path)
        assert path.stat().st_size <= 4 * model.n_parameters_ + 8000
        save(model, path, compact=True)
        n_retracted = sum(v.size for v in (*model.coefs_, *model.intercepts_))
        assert path.stat().st_size <= 4 * n_retracted + 8000


def test_a_compact_file_predicts_and_says_what_it_lacks(fitted, path, digits):
    X, y = digits[0].astype(np.float32), digits[1]
    save(fitted, path, compact=True)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(loaded.feature_importances_, fitted.feature_importances_)
    for name in ("eigenvalues_", "eigenvectors_", "biases_", "activation_slopes_"):
        assert not hasattr(loaded, name)
    for use in (loaded.to_network, loaded.to_direct):
        with pytest.raises(AttributeError, match="saved with compact=True"):
            use()
    with pytest.raises(ValueError, match=r"compact=True, so that it cannot be trained"):
        loaded.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"compact=True, so that it cannot be trained"):
        loaded.set_params(warm_start=True).fit(X, y)
    save(loaded, path)  # stays what it is
    np.testing.assert_array_equal(load(path).predict_proba(X), fitted.predict_proba(X))
    loaded.set_params(warm_start=False).fit(X, y)
    assert hasattr(loaded, "eigenvalues_")


LOAD_AND_PREDICT = """
import sys, numpy as np
from sklearn_spectral import load
X = np.load("X.npy")
np.save("proba.npy", load("model.safetensors").predict_proba(X))
np.save("compact.npy", load("compact.safetensors").predict_proba(X))
heavy = {"torch", "skorch", "tqdm", "pickle5"} & set(sys.modules)
assert not heavy, heavy
"""


def test_a_fresh_process_loads_and_predicts_without_torch(
    fitted, path, digits, tmp_path, fresh_python
):
    X = digits[0].astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    save(fitted, path)
    save(fitted, tmp_path / "compact.safetensors", compact=True)
    fresh_python(LOAD_AND_PREDICT)
    for name in ("proba", "compact"):
        np.testing.assert_array_equal(
            np.load(tmp_path / f"{name}.npy"), fitted.predict_proba(X)
        )


def test_fitted_on_a_gpu_predicts_where_there_is_none(fitted, path, digits):
    model = clone(fitted).fit(*digits)
    model.device, model.device_ = "cuda", "cuda:0"
    save(model, path)
    loaded = load(path)
    assert loaded.device == "cuda"
    np.testing.assert_array_equal(
        loaded.set_params(device="cuda").predict(digits[0]),
        model.set_params(device="cpu").predict(digits[0]),
    )


def test_nothing_is_unpickled(fitted, path, monkeypatch):
    import pickle

    save(fitted, path)

    def forbidden(*args, **kwargs):
        raise AssertionError("unpickled")

    monkeypatch.setattr(pickle, "load", forbidden)
    monkeypatch.setattr(pickle, "loads", forbidden)
    monkeypatch.setattr(pickle, "Unpickler", forbidden)
    assert load(path).n_iter_ == fitted.n_iter_


def test_a_file_is_replaced_whole_or_not_at_all(fitted, path, monkeypatch):
    save(fitted, path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(fitted, path, compact=True)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_path_is_a_path(fitted, path, tmp_path):
    save(fitted, os.fsencode(path))
    assert load(os.fsencode(path)).n_iter_ == fitted.n_iter_
    link = tmp_path / "link"
    link.symlink_to(path)
    before = path.stat().st_size
    save(fitted, link, compact=True)
    assert link.is_symlink()
    assert path.stat().st_size != before
    long = tmp_path / (240 * "x")
    save(fitted, long)
    assert load(long).n_iter_ == fitted.n_iter_
    with pytest.raises(TypeError):
        load(5)
    with pytest.raises(ValueError, match="name of the file is empty"):
        save(fitted, "")
    with pytest.raises(OSError, match="not a file that can be replaced"):
        save(fitted, tmp_path)
    with pytest.raises(OSError, match="not a file that can be replaced"):
        save(fitted, "/dev/null")


def test_a_checkpoint_folder_is_not_in_a_file(digits, path, tmp_path):
    model = plain_classifier((), max_iter=1, checkpoint_dir=tmp_path / "kept")
    save(model.fit(*digits), path)
    assert load(path).checkpoint_dir is None
    assert b"kept" not in path.read_bytes()


def test_a_missing_folder_is_named(digits, tmp_path):
    model = plain_classifier(5, max_iter=1, random_state=0).fit(*digits)
    with pytest.raises(FileNotFoundError, match=r"no such folder.*missing"):
        save(model, tmp_path / "missing" / "model")
