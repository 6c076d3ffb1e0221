"""The rivals in direct space: what trains, and going on from eigenvalues."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor

from .plain import PLAIN

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TRAIN = {
    "weights": {},
    "subset": {"n_weights": 300},
    "gains": {"linear_expansion": 200},
    "readout": {},
    "low_rank": {"rank": 8},
    "singular_values": {"linear_expansion": 200},
    "half": {},
    "hashed": {"n_weights": (600, 200)},
    "lora": {"rank": 4},
    "covariance": {"rank": 8},
    "kronecker": {"rank": (2, 8)},
    "random_subspace": {"n_weights": 800},
}


@pytest.mark.parametrize("parametrization", TRAIN)
@pytest.mark.parametrize("solver", ["adamax", "lbfgs"])
def test_each_learns_the_digits(digits, parametrization, solver):
    X, y = digits
    model = DirectClassifier(
        (60,),
        parametrization=parametrization,
        solver=solver,
        max_iter=40,
        random_state=0,
        **TRAIN[parametrization],
    )
    model.fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.7
    np.testing.assert_allclose(
        np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0) @ model.coefs_[1]
        + model.intercepts_[1],
        model.decision_function(X),
        atol=1e-10,
    )


def test_all_weights_of_a_linear_network_are_logistic_regression(cancer):
    X, y = cancer
    ours = DirectClassifier(
        (), solver="lbfgs", alpha=1.0, max_iter=500, tol=1e-9, random_state=0
    ).fit(X, y)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_exactly_n_weights_move(digits, fit_intercept):
    X, y = digits
    settings = {
        "hidden_layer_sizes": (30,),
        "linear_expansion": 20,
        "fit_intercept": fit_intercept,
        "random_state": 0,
    }
    model = DirectClassifier(
        **settings, parametrization="subset", n_weights=123, max_iter=2
    )
    model.fit(X, y)
    n_biases = 20 + 30 + 10 if fit_intercept else 0
    assert model.n_parameters_ == 123 + n_biases
    trained = model.to_network()
    start = DirectClassifier(**settings, learning_rate_init=1e-30, max_iter=1).fit(X, y)
    moved = [
        (layer.weight - before.weight).abs().gt(1e-12).sum().item()
        for layer, before in zip(trained.layers(), start.to_network().layers(), strict=True)
    ]
    # Border pixels are always zero, so that a few gradients are.
    assert 90 < sum(moved) <= 123
    zero = DirectClassifier(
        **settings, parametrization="subset", n_weights=123, frozen_init="zero", max_iter=2
    ).fit(X, y)
    not_zero = sum(int((layer.weight != 0).sum()) for layer in zero.to_network().layers())
    assert not_zero == 123


def test_random_features_stay(digits):
    X, y = digits
    model = DirectClassifier(
        (40,), parametrization="readout", max_iter=5, random_state=0
    ).fit(X, y)
    longer = DirectClassifier(
        (40,), parametrization="readout", max_iter=9, random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], longer.coefs_[0])
    assert not np.allclose(model.coefs_[1], longer.coefs_[1])
    assert model.n_parameters_ == 40 * 10 + 10


def test_a_subset_needs_a_number_that_fits(digits):
    model = DirectClassifier((), parametrization="subset")
    with pytest.raises(ValueError, match="needs n_weights"):
        model.fit(*digits)
    with pytest.raises(ValueError, match="between 1 and 640"):
        model.set_params(n_weights=641).fit(*digits)
    assert not hasattr(model, "coefs_")


def test_a_regressor(diabetes):
    X, y = diabetes
    model = DirectRegressor((), random_state=0).fit(X, y)
    assert model.score(X, y) > 0.45
    assert model.coef_.shape == (10,)


def test_a_search_over_what_trains(digits):
    X, y = digits
    search = GridSearchCV(
        DirectClassifier((20,), n_weights=100, max_iter=5, random_state=0),
        {"parametrization": ["weights", "subset"]},
        cv=2,
    ).fit(X[:400], y[:400])
    assert search.best_params_ == {"parametrization": "weights"}


def test_a_pickle_goes_on_where_it_stopped(digits):
    X, y = digits
    model = DirectClassifier(
        (20,), parametrization="subset", n_weights=100, random_state=0
    ).partial_fit(X, y, classes=np.arange(10))
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    for each in (model, loaded):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "identity"])
@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize(("fit_intercept", "standardize"), [(False, False), (True, True)])
def test_pre_training_hands_over_exactly(
    digits, activation, extended, fit_intercept, standardize
):
    X, y = digits
    labels = np.array(list("abcdefghij"))[y]
    first = SpectralClassifier(
        (20,),
        linear_expansion=40,
        activation=activation,
        fit_intercept=fit_intercept,
        random_state=0,
        **{**PLAIN, "max_iter": 5, "standardize": standardize},
    ).fit(X, labels)
    before = copy.deepcopy(first)
    model = DirectClassifier.from_spectral(first, extended=extended, max_iter=20)
    np.testing.assert_allclose(
        model.decision_function(X), first.decision_function(X), atol=1e-10
    )
    np.testing.assert_array_equal(model.predict(X), first.predict(X))
    n_layers = len(list(model.to_network().layers()))
    if activation == "identity":
        assert n_layers == (3 if extended else 1)
    else:
        assert n_layers == (3 if extended else 2)
    accuracy = model.score(X, labels)
    model.fit(X, labels)
    assert model.score(X, labels) > accuracy
    assert model.n_iter_ == 20
    np.testing.assert_array_equal(first.predict_proba(X), before.predict_proba(X))


@pytest.mark.parametrize("form", ["svd", "qr"])
def test_pre_training_of_factored_eigenvectors_in_single_precision(digits, form):
    X, y = digits[0].astype(np.float32), digits[1]
    first = SpectralClassifier(
        (20,),
        early_stopping=True,
        random_state=0,
        **{**PLAIN, "train_eigenvectors": form, "max_iter": 5},
    ).fit(X, y)
    model = DirectClassifier.from_spectral(first, extended=True)
    np.testing.assert_allclose(
        model.decision_function(X), first.decision_function(X), atol=1e-3
    )
    assert model.fit(X, y).coefs_[0].dtype == np.float32


def test_parameters_that_are_not_used_do_not_stop_a_warm_start(digits):
    X, y = digits
    model = DirectClassifier((20,), warm_start=True, max_iter=2, random_state=0)
    model.fit(X, y).set_params(rank=5, n_weights=3, frozen_init="zero").fit(X, y)
    assert len(model.loss_curve_) == 4
    with pytest.raises(ValueError, match="parametrization='low_rank'"):
        model.set_params(parametrization="low_rank").fit(X, y)


def test_pre_training_of_a_regressor(diabetes):
    X, y = diabetes
    first = SpectralRegressor(
        (20,), linear_expansion=40, random_state=0, **{**PLAIN, "max_iter": 20}
    ).fit(X, y)
    model = DirectRegressor.from_spectral(first, random_state=3, max_iter=30)
    np.testing.assert_allclose(model.predict(X), first.predict(X), atol=1e-10)
    assert model.get_params()["random_state"] == 3
    assert model.fit(X, y).score(X, y) > first.score(X, y)


def test_pre_training_refuses_what_it_cannot_take(digits, diabetes):
    classifier = SpectralClassifier(max_iter=1)
    with pytest.raises(NotFittedError):
        DirectClassifier.from_spectral(classifier)
    classifier.fit(*digits)
    with pytest.raises(TypeError, match="takes a fitted spectral estimator"):
        DirectClassifier.from_spectral(LogisticRegression())
    with pytest.raises(TypeError, match="cannot take over a SpectralClassifier"):
        DirectRegressor.from_spectral(classifier)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes.*follow from the estimator"):
        DirectClassifier.from_spectral(classifier, hidden_layer_sizes=(3,))


@pytest.mark.parametrize("form", ["svd", "qr"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_factored_eigenvectors_after_a_fit(digits, form, dtype):
    X, y = digits[0].astype(dtype), digits[1]
    model = SpectralClassifier(
        (80,),
        linear_expansion=90,
        random_state=0,
        **{**PLAIN, "train_eigenvectors": form, "max_iter": 10},
    ).fit(X, y)
    network = model.to_network()
    for layer, ours in zip(network.layers(), model.eigenvectors_, strict=True):
        theirs = layer.eigenvectors.detach().numpy()
        assert ours.dtype == dtype
        np.testing.assert_allclose(
            ours, theirs, atol=1e-5 if dtype == np.float32 else 1e-12
        )
    start = SpectralClassifier(
        (80,), linear_expansion=90, random_state=0, **{**PLAIN, "max_iter": 1}
    ).fit(X, y)
    assert not np.allclose(model.eigenvectors_[0], start.eigenvectors_[0], atol=1e-3)
    widths = (64, 90, 80, 10)
    pairs = list(itertools.pairwise(widths))
    extra = {
        "svd": sum(min(pair) for pair in pairs),
        "qr": sum(min(pair) * (min(pair) + 1) // 2 for pair in pairs),
    }
    plain = sum(a + 2 * b for a, b in pairs)  # both sets and the biases
    assert model.n_parameters_ == plain + extra[form]
    loaded = pickle.loads(pickle.dumps(model.set_params(warm_start=True)))
    for each in (model, loaded):
        each.fit(X, y)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
