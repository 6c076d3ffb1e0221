"""What a fitted estimator shows: the two networks as arrays, in scikit-learn's shapes."""

import tracemalloc

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.nn import compact_adjacency

from ..plain import plain_classifier, plain_regressor

LINEAR = {"hidden_layer_sizes": (), "linear_expansion": (30, 20), "max_iter": 5}


@pytest.fixture
def two_targets(diabetes):
    X, y = diabetes
    return X, np.column_stack([y, -2 * y + 1])


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_coef_gives_the_decision_function(digits, cancer, activation, fit_intercept):
    model = plain_classifier(**LINEAR, fit_intercept=fit_intercept, random_state=0)
    if activation == "identity":
        model.set_params(activation="identity", hidden_layer_sizes=(15,))
    X, y = digits
    model.fit(X, y)
    assert model.coef_.shape == (10, 64)
    assert model.intercept_.shape == (10,)
    assert (model.intercept_ == 0).all() != fit_intercept
    np.testing.assert_allclose(
        X @ model.coef_.T + model.intercept_, model.decision_function(X), atol=1e-12
    )
    X, y = cancer
    model.fit(X, y)
    assert model.coef_.shape == (1, 30)
    assert model.intercept_.shape == (1,)
    by_hand = X @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(by_hand, model.decision_function(X), atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), (by_hand > 0).astype(int))
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba[:, 1], 1 / (1 + np.exp(-by_hand)), atol=1e-12)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), proba, atol=1e-12)


def test_coef_of_a_regressor(diabetes, two_targets):
    X, y = diabetes
    model = plain_regressor(**LINEAR, random_state=0).fit(X, y)
    assert model.coef_.shape == (10,)
    assert isinstance(model.intercept_, float)
    np.testing.assert_allclose(
        X @ model.coef_ + model.intercept_, model.predict(X), atol=1e-12
    )
    X, y = two_targets
    model.fit(X, y)
    assert model.coef_.shape == (2, 10)
    assert model.predict(X).shape == y.shape
    np.testing.assert_allclose(
        X @ model.coef_.T + model.intercept_, model.predict(X), atol=1e-12
    )
    assert model.fit(X, y[:, :1]).predict(X).shape == (len(X), 1)
    assert model.n_outputs_ == 1


def test_many_targets_are_learnt(two_targets):
    X, y = two_targets
    model = plain_regressor(30, linear_expansion=50, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("name", ["coef_", "intercept_", "compact_adjacency_"])
def test_a_non_linear_network_has_no_coef_and_says_so(digits, name):
    model = plain_classifier(12, max_iter=1, random_state=0)
    assert not hasattr(model, name)
    with pytest.raises(NotFittedError):
        getattr(model, name)
    model.fit(*digits)
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match=rf"{name} exists for linear.*See coefs_"):
        getattr(model, name)


def test_retracted_arrays_have_the_shapes_of_a_perceptron(digits):
    model = plain_classifier(
        (12, 9), linear_expansion=((30,), (), (5,)), max_iter=1, random_state=0
    )
    model.fit(*digits)
    assert [c.shape for c in model.coefs_] == [(64, 12), (12, 9), (9, 10)]
    assert [b.shape for b in model.intercepts_] == [(12,), (9,), (10,)]
    widths = [(64, 30), (30, 12), (12, 9), (9, 5), (5, 10)]
    assert [v.shape for v in model.eigenvalues_] == [(a + b,) for a, b in widths]
    assert [v.shape for v in model.eigenvectors_] == [(b, a) for a, b in widths]
    assert [b.shape for b in model.biases_] == [(b,) for _, b in widths]
    trained = sum(a + b for a, b in widths) + sum(b for _, b in widths)
    assert model.n_parameters_ == trained


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "identity"])
@pytest.mark.parametrize("train_eigenvectors", [False, True])
def test_the_retracted_network_is_the_extended_one(digits, activation, train_eigenvectors):
    X, y = digits
    model = plain_classifier(
        (12, 9),
        linear_expansion=((30,), (), (5,)),
        activation=activation,
        train_eigenvectors=train_eigenvectors,
        standardize=True,
        max_iter=3,
        random_state=0,
    ).fit(X, y)
    # It reads standardised features, those that never vary as they are.
    signal = (X - X.mean(axis=0)) / np.where(np.ptp(X, axis=0) > 0, X.std(axis=0), 1)
    eigen = zip(model.eigenvalues_, model.eigenvectors_, model.biases_, strict=True)
    slopes = [float(slope) for slope in model.activation_slopes_]
    functions = {
        "relu": lambda z: np.maximum(z, 0),
        "tanh": lambda z: np.tanh(slopes.pop(0) * z),
        "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        "identity": lambda z: z,
    }
    for position, (lam, phi, bias) in enumerate(eigen):
        n_in = phi.shape[1]
        weight = (lam[:n_in] - lam[n_in:, None]) * phi
        signal = signal @ weight.T + bias
        if position in (1, 2):
            signal = functions[activation](signal)
    np.testing.assert_allclose(model.decision_function(X), signal, atol=1e-10)
    assert slopes == []


def test_compact_adjacency_is_that_of_the_cascade(digits):
    model = plain_classifier(**LINEAR, random_state=0, fit_intercept=False).fit(*digits)
    found = model.compact_adjacency_
    assert found.shape == (74, 74)
    layers = list(model.to_network().layers())
    expected = compact_adjacency(layers).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_array_equal(found[64:, :64], model.coef_)
    X = digits[0]
    z = np.hstack([X, np.zeros((len(X), 10))])
    np.testing.assert_allclose(
        (z @ found.T)[:, 64:], model.decision_function(X), atol=1e-12
    )


def test_showing_a_wide_linear_model_does_not_build_its_square_matrix(digits):
    """20,000 features: A_c would be 3.2 GB, and a notebook reads what dir() names."""
    X = sparse.csr_array(sparse.random(60, 20_000, density=1e-3, random_state=0))
    model = plain_classifier((), max_iter=1, random_state=0).fit(X, np.arange(60) % 3)
    tracemalloc.start()
    assert "SpectralClassifier" in model._repr_html_()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    assert "compact_adjacency_" not in dir(model)
    assert "compact_adjacency_" in dir(model.fit(*digits))
    assert model.compact_adjacency_.shape == (74, 74)


def test_feature_importances(cancer):
    X, y = cancer
    noise = np.random.default_rng(0).normal(size=X.shape)
    model = plain_classifier(20, random_state=0, alpha=5.0, l1_ratio=1.0)
    model.fit(np.hstack([X, noise]), y)
    importances = model.feature_importances_
    assert importances.shape == (60,)
    assert importances.sum() == pytest.approx(1)
    assert importances[:30].mean() > 1.5 * importances[30:].mean()


def test_net_is_a_skorch_net_over_the_network(digits):
    from skorch import NeuralNet

    X, y = digits
    model = plain_classifier(12, linear_expansion=30, max_iter=2, random_state=0)
    with pytest.raises(NotFittedError):
        _ = model.net_
    with pytest.raises(NotFittedError):
        model.to_network()
    model.fit(X, y)
    assert isinstance(model.net_, NeuralNet)
    for network in (model.net_.module_, model.to_network(), model.to_network().retract()):
        with torch.no_grad():
            output = network(torch.from_numpy(X)).numpy()
        np.testing.assert_allclose(output, model.decision_function(X), atol=1e-10)


def test_what_a_user_passed_may_change_after_fit(digits):
    sizes = [[30], []]
    model = plain_classifier([12], linear_expansion=sizes, max_iter=1, random_state=0).fit(
        *digits
    )
    sizes.append([7])
    assert str(model.to_network().architecture) == "64-30(linear)-12-10"


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_before_fit(digits, make):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        make().predict(digits[0])


def test_arrays_do_not_move_when_training_goes_on(digits):
    model = plain_classifier(12, random_state=0, train_eigenvectors=True)
    model.partial_fit(*digits, classes=range(10))
    held = [*model.coefs_, *model.eigenvalues_, *model.eigenvectors_]
    copies = [a.copy() for a in held]
    model.partial_fit(*digits)
    for before, copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(before, copy)
