"""The members of a population, one by one and merged, after a fit."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier

FEW = {"max_iter": 2, "random_state": 0}
SETTINGS = {
    "hidden_layer_sizes": (6, 5),
    "linear_expansion": None,
    "n_members": 4,
    **FEW,
}
HIDDEN = [(), 6, (6, 5)]
IGNORED = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pytestmark = IGNORED


@pytest.fixture(scope="module")
def model(cancer):
    frame = pd.DataFrame(cancer[0]).add_prefix("x")
    return SpectralClassifier(**SETTINGS).fit(frame, cancer[1])


@pytest.mark.parametrize("n_members", [1, 4])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_decision_function_is_the_mean_of_the_members(
    digits, cancer, hidden, n_members
):
    model = SpectralClassifier(hidden, n_members=n_members, **FEW)
    for (X, y), outputs in ((digits, (10,)), (cancer, ())):
        each = model.fit(X, y).member_decision_function(X)
        assert each.shape == (n_members, len(X), *outputs)
        mean = each.mean(axis=0)
        np.testing.assert_allclose(mean, model.decision_function(X), atol=1e-13)
        assert (np.ptp(each, axis=0).max() > 0.01) == (n_members > 1)
    assert not hasattr(model, "member_predict")


@pytest.mark.parametrize("n_members", [1, 4])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_prediction_is_the_mean_of_the_members(diabetes, hidden, n_members):
    X, y = diabetes
    model = SpectralRegressor(hidden, n_members=n_members, **FEW)
    for target, outputs in ((y, ()), (y[:, None], (1,)), (np.stack([y, -y], 1), (2,))):
        each = model.fit(X, target).member_predict(X)
        assert each.shape == (n_members, len(X), *outputs)
        np.testing.assert_allclose(each.mean(axis=0), model.predict(X), atol=1e-13)
    assert not hasattr(model, "member_decision_function")


def test_members_take_what_the_decision_function_takes(model, cancer, tmp_path):
    X = cancer[0]
    expected = model.member_decision_function(pd.DataFrame(X).add_prefix("x"))
    np.save(tmp_path / "X.npy", X)
    plain = SpectralClassifier(**SETTINGS).fit(*cancer)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(X)), 100
    )
    for given in (
        X,
        sparse.csr_array(X),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        torch.utils.data.TensorDataset(torch.from_numpy(X)),
        loader,
    ):
        found = plain.member_decision_function(given)
        np.testing.assert_allclose(found, expected, atol=1e-12)
    with pytest.raises(ValueError, match="feature names"):
        model.member_decision_function(pd.DataFrame(X).add_prefix("y"))
    with pytest.raises(ValueError, match="NaN"):
        plain.member_decision_function(np.full((2, 30), np.nan))
    with pytest.raises(ValueError, match="features"):
        plain.member_decision_function(X[:, 1:])
    with pytest.raises(NotFittedError):
        SpectralClassifier().member_decision_function(X)


def test_attributes_have_the_members_in_front(model):
    assert [v.shape for v in model.eigenvalues_in_] == [(4, 30), (4, 6), (4, 5)]
    assert [v.shape for v in model.eigenvalues_out_] == [(4, 6), (4, 5), (4, 1)]
    assert [v.shape for v in model.eigenvalues_] == [(4, 36), (4, 11), (4, 6)]
    assert [v.shape for v in model.eigenvectors_] == [(6, 30), (5, 6), (1, 5)]
    assert [v.shape for v in model.biases_] == [(4, 6), (4, 5), (4, 1)]
    assert [v.shape for v in model.coefs_] == [(30, 24), (24, 20), (20, 1)]
    assert [v.shape for v in model.intercepts_] == [(24,), (20,), (1,)]
    assert sparse.issparse(model.coefs_[1])
    assert model.feature_importances_.shape == (30,)
    assert not hasattr(model, "coef_")
    assert {"coefs_", "eigenvalues_", "member_decision_function"} <= {*dir(model)}
    assert "4 members of 30-6-5-1" in model._repr_mimebundle_()["text/html"]


def test_coefs_are_the_network(model, cancer):
    values = cancer[0]
    for coef, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        values = np.maximum(values @ coef + intercept, 0)
    output = values @ model.coefs_[-1] + model.intercepts_[-1]
    frame = pd.DataFrame(cancer[0]).add_prefix("x")
    np.testing.assert_allclose(output[:, 0], model.decision_function(frame), atol=1e-12)


def test_a_perceptron_predicts_the_same_with_its_weights(digits):
    X, y = digits
    model = SpectralClassifier(9, n_members=4, **FEW).fit(X, y)
    perceptron = MLPClassifier((4 * 9,), max_iter=1).fit(X, y)
    perceptron.coefs_, perceptron.intercepts_ = model.coefs_, model.intercepts_
    np.testing.assert_array_equal(perceptron.predict(X), model.predict(X))


def test_the_adjacency_matrix_of_a_linear_population(diabetes):
    X, y = diabetes
    model = SpectralRegressor((), linear_expansion=7, n_members=4, **FEW).fit(X, y)
    matrix = model.compact_adjacency_
    np.testing.assert_array_equal(matrix[10, :10], model.coef_)
    ends = (model.eigenvalues_in_[0], model.eigenvalues_out_[-1])
    expected = np.concatenate([v.mean(axis=0) for v in ends])
    np.testing.assert_allclose(matrix.diagonal(), expected)
    np.testing.assert_allclose(X @ model.coef_ + model.intercept_, model.predict(X))


@pytest.mark.parametrize("n_members", [1, 4])
@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
@pytest.mark.parametrize("form", [False, "svd"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_merged_members_predict_the_same_and_train_on(
    cancer, hidden, activation, form, n_members
):
    X, y = cancer
    model = SpectralClassifier(
        hidden,
        activation,
        linear_expansion=(9, 8) if hidden == 6 else None,
        train_eigenvectors=form,
        n_members=n_members,
        **FEW,
    ).fit(X, y)
    before = model.decision_function(X)
    one = model.merge_members()
    np.testing.assert_allclose(one.decision_function(X), before, atol=1e-12)
    linear = activation == "identity"
    widths = [] if linear else [n_members * n for n in np.atleast_1d(hidden).tolist()]
    assert one.hidden_layer_sizes == tuple(widths)
    assert (one.n_members, one.bag_fraction, one.linear_expansion) == (1, 1.0, None)
    assert (one.architecture_.widths, one.warm_start) == ((30, *widths, 1), True)
    widths = ("hidden_layer_sizes", "linear_expansion", "n_members")
    params, others = one.get_params(), model.get_params()
    for name in (*widths, "bag_fraction", "warm_start"):
        del params[name], others[name]
    assert params == others
    assert all((slope == 1).all() for slope in one.activation_slopes_)
    np.testing.assert_array_equal(model.decision_function(X), before)  # not changed
    assert one._fitted.config == {**one._network_config(), "init": "scaled"}
    one.set_params(train_eigenvectors=True).fit(X, y)
    assert one.loss_curve_[:2] == model.loss_curve_
    assert np.abs(one.decision_function(X) - before).max() > 1e-3


def test_merged_members_have_other_parameters_as_they_were(digits):
    model = SpectralClassifier(
        5, n_members=2, fit_intercept=False, init="covariance", averaging=0.5, **FEW
    )
    model.fit(digits[0].astype(np.float32), digits[1])
    model.set_params(early_stopping="oob", bag_fraction=0.5, activation="tanh")
    model.oob_score_ = 0.5  # as if it had been fitted so
    one = model.merge_members()
    assert (one.early_stopping, one.bag_fraction, one.averaging) == (False, 1.0, 0.5)
    assert one.coefs_[0].dtype == np.float32
    assert one.biases_ == []
    assert one._fitted.activation == "relu"
    assert not hasattr(one, "oob_score_")
    model.early_stopping = True
    assert model.merge_members().early_stopping is True
    with pytest.raises(NotFittedError):
        SpectralClassifier(n_members=2).merge_members()


@pytest.mark.parametrize("hidden", HIDDEN)
def test_direct_space_takes_the_merged_network(cancer, hidden):
    X, y = cancer
    model = SpectralClassifier(hidden, "tanh", n_members=4, **FEW).fit(X, y)
    model.early_stopping, model.bag_fraction = "oob", 0.5
    direct = model.to_direct(max_iter=3)
    assert isinstance(direct, DirectClassifier)
    assert direct.early_stopping is False
    np.testing.assert_allclose(
        direct.decision_function(X), model.decision_function(X), atol=1e-12
    )
    direct.fit(X, y)
    with pytest.raises(ValueError, match=r"extended=True.*4 members.*extended=False"):
        model.to_direct(extended=True)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_members_start_as_a_network_of_direct_space(cancer, hidden):
    X, y = cancer
    direct = DirectClassifier(hidden, **FEW).fit(X, y)
    model = SpectralClassifier.from_direct(direct, n_members=3)
    each = model.member_decision_function(X)
    for one in (*each, model.decision_function(X)):
        np.testing.assert_allclose(one, direct.decision_function(X), atol=1e-12)
    assert model.n_members == 3
