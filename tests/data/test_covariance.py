"""Eigenvectors shaped by the covariance of the input."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from sklearn_spectral.data import covariance as _covariance
from sklearn_spectral.data.covariance import covariance, shape_rows
from sklearn_spectral.data.training_data import TrainingData

from ..plain import plain_classifier, plain_regressor


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)) + 100 * rng.normal(size=6)


@pytest.mark.parametrize("chunk", [2**25, 6 * 8 * 7])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_the_covariance_is_numpys(X, chunk, weighted, as_sparse, monkeypatch):
    monkeypatch.setattr("sklearn_spectral.data.rows.CHUNK_BYTES", chunk)
    rows = np.arange(10, 290)
    weight = np.random.default_rng(1).uniform(0.1, 2, 300) if weighted else None
    given = sparse.csr_array(X) if as_sparse else X
    found = covariance(TrainingData(given, np.zeros(300), weight, rows))
    expected = np.cov(
        X[rows].T, bias=True, aweights=None if weight is None else weight[rows]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("power", [0.25, 0.5])
def test_rows_take_the_shape_and_keep_their_size(X, power):
    matrix = np.cov(X.T)
    rows = np.random.default_rng(2).uniform(-1, 1, (200_000, 6))
    shaped = shape_rows(rows, matrix, power)
    assert np.mean(shaped**2) == pytest.approx(np.mean(rows**2))
    values, vectors = np.linalg.eigh(matrix)
    expected = (vectors * values ** (2 * power)) @ vectors.T
    found = np.cov(shaped.T)
    np.testing.assert_allclose(
        found / np.trace(found), expected / np.trace(expected), atol=0.01
    )


def test_input_that_never_varies_leaves_the_rows_alone():
    rows = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(shape_rows(rows, np.zeros((3, 3)), 0.25), rows)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("init", "times"), [("covariance", 4), ("sqrt_covariance", 2)])
def test_the_first_layer_starts_in_the_directions_of_the_data(digits, init, times):
    X, y = digits
    X = np.column_stack([X, np.zeros(len(X))])  # never varies: no eigenvector sees it
    model = plain_classifier(
        (20,), linear_expansion=30, init=init, max_iter=1, random_state=0
    ).fit(X, y)
    first, second, _ = model.eigenvectors_
    np.testing.assert_allclose(first[:, -1], 0, atol=1e-6)
    plain = plain_classifier(
        (20,), linear_expansion=30, init="paper", max_iter=1, random_state=0
    )
    plain.fit(X, y)
    assert np.mean(first**2) == pytest.approx(np.mean(plain.eigenvectors_[0] ** 2))
    np.testing.assert_array_equal(second, plain.eigenvectors_[1])
    matrix = np.cov(X.T)
    along = np.trace(first @ matrix @ first.T) / np.sum(first**2)
    across = np.trace(plain.eigenvectors_[0] @ matrix @ plain.eigenvectors_[0].T)
    assert along > times * across / np.sum(plain.eigenvectors_[0] ** 2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_weight_counts_as_copies(digits):
    X, y = digits[0][:200], digits[1][:200]
    weight = np.random.default_rng(0).integers(0, 4, 200)
    model = plain_classifier(
        (),
        linear_expansion=30,
        init="covariance",
        max_iter=3,
        solver="lbfgs",
        random_state=0,
    )
    with_weights = model.fit(X, y, sample_weight=weight).eigenvectors_[0]
    repeated = model.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(with_weights, repeated.eigenvectors_[0], atol=1e-7)


@pytest.mark.parametrize("kind", ["sparse", "memmap", "float32"])
def test_every_kind_of_input(digits, tmp_path, kind):
    X, y = digits
    model = plain_classifier(
        (), linear_expansion=30, init="covariance", max_iter=3, random_state=0
    )
    dense = model.fit(X, y).decision_function(X)
    if kind == "sparse":
        X = sparse.csr_matrix(X)
    elif kind == "memmap":
        np.save(tmp_path / "X.npy", X)
        X = np.load(tmp_path / "X.npy", mmap_mode="r")
    else:
        X = X.astype(np.float32)
    found = model.fit(X, y).decision_function(X)
    assert np.corrcoef(found.ravel(), dense.ravel())[0, 1] > 0.999


def test_training_goes_on_from_a_loaded_model(digits):
    X, y = digits
    model = plain_classifier((), linear_expansion=30, init="covariance", random_state=0)
    for _ in range(3):
        model.partial_fit(X, y, classes=np.arange(10))
    loaded = pickle.loads(pickle.dumps(model)).partial_fit(X, y)
    np.testing.assert_array_equal(
        loaded.predict_proba(X), copy.copy(model).partial_fit(X, y).predict_proba(X)
    )
    network = model.to_network()
    np.testing.assert_array_equal(
        next(iter(network.layers())).eigenvectors.detach(), model.eigenvectors_[0]
    )
    before = model.eigenvectors_[0].copy()
    model.partial_fit(2 * X[:50], y[:50])
    np.testing.assert_array_equal(model.eigenvectors_[0], before)


def test_a_first_portion_must_tell_the_covariance(digits):
    X, y = digits
    model = plain_classifier((), linear_expansion=30, init="covariance", random_state=0)
    with pytest.raises(ValueError, match="it has 64 rows for 64 features"):
        model.partial_fit(X[:64], y[:64], classes=np.arange(10))
    assert not hasattr(model, "coefs_")
    model.partial_fit(X[:65], y[:65], classes=np.arange(10)).partial_fit(X[:3], y[:3])


def test_a_class_without_weight_is_left_out(digits, monkeypatch):
    monkeypatch.setattr("sklearn_spectral.data.rows.CHUNK_BYTES", 64 * 8 * 50)
    X, y = digits
    order = np.argsort(y, kind="stable")
    weights = {0: 0.0, **dict.fromkeys(range(1, 10), 1.0)}
    settings = {"init": "covariance", "max_iter": 2, "random_state": 0}
    model = plain_classifier((), linear_expansion=30, class_weight=weights, **settings)
    found = model.fit(X[order], y[order]).eigenvectors_[0]
    rest = plain_classifier((), linear_expansion=30, **settings).fit(X[y > 0], y[y > 0])
    np.testing.assert_allclose(found, rest.eigenvectors_[0], atol=1e-7)
    portion = X[y == 0][:100], y[y == 0][:100]
    model.partial_fit(*portion, classes=np.arange(10))
    fresh = plain_classifier(
        (), linear_expansion=30, class_weight=weights, init="covariance"
    )
    fresh.partial_fit(*portion, classes=np.arange(10))
    assert np.isfinite(fresh.eigenvectors_[0]).all()


def test_it_is_that_of_standardised_data(cancer):
    X, y = cancer
    outside = plain_classifier(
        (), linear_expansion=30, init="covariance", max_iter=1, random_state=0
    ).fit(X, y)
    inside = clone(outside).set_params(standardize=True).fit(1990 + 1e-3 * X, y)
    np.testing.assert_allclose(
        inside.eigenvectors_[0], outside.eigenvectors_[0], rtol=1e-6, atol=1e-9
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_validation_rows_do_not_shape_the_start(digits):
    X, y = digits
    settings = {"init": "covariance", "early_stopping": True, "max_iter": 2}
    model = plain_classifier((), linear_expansion=30, **settings, random_state=0)
    first = model.fit(X[:1000], y[:1000], X_val=X[1000:], y_val=y[1000:]).eigenvectors_[0]
    model.set_params(early_stopping=False).fit(X[:1000], y[:1000])
    np.testing.assert_array_equal(first, model.eigenvectors_[0])


def test_too_many_features_are_refused_before_any_work(diabetes, monkeypatch):
    monkeypatch.setattr(_covariance, "MOST_FEATURES", 9)
    model = plain_regressor(init="covariance")
    with pytest.raises(ValueError, match=r"up to 9 features; X has 10.*PCA"):
        model.fit(*diabetes)
    assert not hasattr(model, "coefs_")
