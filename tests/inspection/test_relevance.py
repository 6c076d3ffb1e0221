"""Which inputs matter: planted ones come first, and scikit-learn's selectors agree."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.preprocessing import scale

from sklearn_spectral import SpectralClassifier, SpectralRegressor

from ..plain import PLAIN

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def selective():
    return SpectralClassifier(
        30,
        train_eigenvalues="in",
        alpha=5.0,
        alpha_eigenvectors=5.0,
        random_state=0,
        **{**PLAIN, "train_eigenvectors": True, "max_iter": 60},
    )


def clusters(seed):
    X, y = make_classification(
        1000,
        20,
        n_informative=4,
        n_redundant=0,
        n_repeated=0,
        shuffle=False,
        random_state=seed,
    )
    return scale(X), y


@pytest.mark.parametrize("train_eigenvectors", [False, True])
def test_it_is_the_eigenvalue_times_the_norm_of_its_eigenvector(digits, train_eigenvectors):
    model = SpectralClassifier(
        20,
        linear_expansion=None,
        train_eigenvalues="in",
        random_state=0,
        **{**PLAIN, "train_eigenvectors": train_eigenvectors, "max_iter": 3},
    ).fit(*digits)
    norms = np.linalg.norm(model.eigenvectors_[0], axis=0)
    relevance = np.abs(model.eigenvalues_[0][:64]) * norms
    np.testing.assert_allclose(
        model.feature_importances_, relevance / relevance.sum(), rtol=1e-6
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_features_come_first(selective, seed):
    X, y = clusters(seed)
    first = np.argsort(-selective.fit(X, y).feature_importances_)[:4]
    assert set(first) == {0, 1, 2, 3}


@pytest.mark.parametrize("seed", [0, 1])
def test_features_that_matter_in_pairs_come_first(selective, seed):
    X = np.random.default_rng(seed).normal(size=(1500, 15))
    y = X[:, 0] * X[:, 1] > 0
    first = np.argsort(-selective.fit(X, y).feature_importances_)[:2]
    assert set(first) == {0, 1}


def test_of_a_regressor(selective):
    X = np.random.default_rng(0).normal(size=(1000, 12))
    y = np.sin(2 * X[:, 3]) + X[:, 7] ** 2
    parameters = selective.get_params()
    for name in ("loss", "label_smoothing", "class_weight", "temperature"):
        del parameters[name]
    model = SpectralRegressor(**parameters).fit(X, y)
    assert set(np.argsort(-model.feature_importances_)[:2]) == {3, 7}


def test_selectors(selective):
    X, y = clusters(0)
    chosen = SelectFromModel(selective, max_features=4, threshold=-np.inf).fit(X, y)
    assert chosen.get_support().nonzero()[0].tolist() == [0, 1, 2, 3]
    ranked = RFE(clone(selective), n_features_to_select=4, step=8).fit(X, y)
    assert ranked.support_.nonzero()[0].tolist() == [0, 1, 2, 3]
    searched = RFECV(
        clone(selective).set_params(max_iter=20), step=8, cv=2, min_features_to_select=4
    ).fit(X, y)
    assert searched.support_[:4].all()
