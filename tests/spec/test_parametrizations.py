"""A parametrization is one class and one registration, for every network and in files."""

import numpy as np
import pytest
import torch

from sklearn_spectral import load, save
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.nn import ParametrizedMatrix
from sklearn_spectral.spec.parametrizations import (
    PARAMETRIZATIONS,
    RANK,
    Parametrization,
    eigenvector_choices,
    parametrize,
    weight_choices,
)

from ..plain import plain_classifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class TwoSidedGains(Parametrization):
    """diag(g) M_0 diag(h), of which g and h train."""

    trained = ("gains", "columns")
    regrown = ("frozen",)

    def shapes(self):
        shape = (self.n_out, self.n_in)
        return {"gains": shape[:1], "columns": shape[1:], "frozen": shape}

    def split(self, matrix, linalg):
        ones = {"gains": 0 * matrix[:, 0] + 1, "columns": 0 * matrix[0] + 1}
        return {**ones, "frozen": matrix}

    def matrix(self, arrays, rows=slice(None)):
        return arrays.gains[rows, None] * arrays.frozen[rows] * arrays.columns


@pytest.fixture
def two_sided(monkeypatch):
    monkeypatch.setitem(PARAMETRIZATIONS, "two_sided", TwoSidedGains)
    return "two_sided"


def check(model, X, y, path, n_trained):
    """Fit, compare with the arrays, save, load, go on, and see what the file leaves out."""
    model.fit(X, y)
    assert model.n_parameters_ == n_trained
    network = model.to_network()
    hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    output = hidden @ model.coefs_[1] + model.intercepts_[1]
    np.testing.assert_allclose(output, model.decision_function(X), atol=1e-10)
    for layer, coef in zip(network.layers(), model.coefs_, strict=True):
        np.testing.assert_allclose(layer.weight.detach().T, coef, atol=1e-12)
    save(model, path)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    for each in (model, loaded):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    return network


SETTINGS = {
    "standardize": False,
    "hidden_layer_sizes": (20,),
    "max_iter": 3,
    "random_state": 0,
}
N_IN, N_OUT = 64 + 20, 20 + 10  # of both layers together


def test_one_of_ones_own_for_eigenvectors(digits, two_sided, tmp_path):
    model = plain_classifier(train_eigenvectors=two_sided, **SETTINGS)
    path = tmp_path / "model.safetensors"
    n_trained = 2 * (N_IN + N_OUT) + N_OUT
    network = check(model, *digits, path, n_trained)
    for layer in network.layers():
        n_in, n_out = layer.in_features, layer.out_features
        identity = np.eye(n_in + n_out)
        phi, eigenvalues = layer.eigenvector_matrix(), layer.eigenvalue_matrix()
        phi, eigenvalues = phi.detach().numpy(), eigenvalues.detach().numpy()
        square = phi @ eigenvalues @ (2 * identity - phi)
        weight = layer.weight.detach().numpy()
        np.testing.assert_allclose(square[n_in:, :n_in], weight, atol=1e-12)


def test_one_of_ones_own_for_weights(digits, two_sided, tmp_path):
    model = DirectClassifier(parametrization=two_sided, **SETTINGS)
    path = tmp_path / "model.safetensors"
    check(model, *digits, path, N_IN + 2 * N_OUT)
    assert path.stat().st_size < 8 * 64 * 20, "what never trains is regrown from the seed"


def test_it_is_unknown_where_it_is_not_registered(digits):
    with pytest.raises(ValueError, match="'train_eigenvectors' parameter"):
        plain_classifier(train_eigenvectors="two_sided").fit(*digits)
    with pytest.raises(ValueError, match="'parametrization' parameter"):
        DirectClassifier(parametrization="two_sided").fit(*digits)
    with pytest.raises(ValueError, match="no parametrization 'two_sided'; choose one of"):
        ParametrizedMatrix(torch.ones(2, 3), "two_sided")


@pytest.mark.parametrize("name", eigenvector_choices())
def test_every_one_for_eigenvectors(digits, name, tmp_path):
    shapes = [(20, 64), (10, 20)]
    extra = sum(
        int(np.prod(chosen.shapes()[array]))
        for chosen in parametrize({"train_eigenvectors": name, "rank": RANK}, shapes, 0)
        for array in chosen.trained
    )
    model = plain_classifier(train_eigenvectors=name, **SETTINGS)
    check(model, *digits, tmp_path / "model.safetensors", N_IN + 2 * N_OUT + extra)


def test_a_triangular_factor_of_weights(digits, tmp_path):
    model = DirectClassifier(parametrization="qr", **SETTINGS)
    n_trained = 20 * 21 // 2 + 10 * 11 // 2 + N_OUT
    check(model, *digits, tmp_path / "model.safetensors", n_trained)


def test_names():
    assert eigenvector_choices() == ["svd", "qr", "gains", "readout", "kronecker"]
    assert weight_choices() == [
        *("weights", "singular_values", "qr", "gains", "subset", "readout", "low_rank"),
        *("biases", "half", "hashed", "lora", "covariance", "kronecker"),
        "random_subspace",
    ]
