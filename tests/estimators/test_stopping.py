"""What training stops by where nobody says it: rows out of bag, or rows held out."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.data.training_data import hold_out

MODEL = SpectralClassifier(10, max_iter=3, temperature=1.0, random_state=0)
ADVICE = {"because": "", "instead": ""}


def held_out_by(model, n_rows, share, classes=None):
    """Return the rows that a fit held out."""
    return np.sort(
        hold_out(np.arange(n_rows), share, model._fitted.seed, classes, **ADVICE)[1]
    )


def out_of_bag(model, *args, **kwargs):
    """Return the scores of the same model, stopped out of bag."""
    model = clone(model).set_params(early_stopping="oob")
    return model.fit(*args, **kwargs).validation_scores_


@pytest.mark.parametrize("fraction", ["auto", 0.2])
def test_many_rows_of_many_classes_are_held_out(digits, fraction):
    X, y = digits
    model = clone(MODEL).set_params(validation_fraction=fraction).fit(X, y)
    rows = held_out_by(model, len(X), 100 / 1797 if fraction == "auto" else fraction, y)
    loss = log_loss(y[rows], model.predict_proba(X[rows]))
    assert -model.best_validation_score_ == pytest.approx(loss)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.oob_decision_function_.shape == (1797, 10), "bags are there all the same"


def test_weights_count_in_the_loss(digits):
    X, y = digits
    weight = np.random.default_rng(0).uniform(0.1, 2, len(y))
    model = clone(MODEL).fit(X, y, weight)
    rows = held_out_by(model, len(X), 100 / 1797, y)
    loss = log_loss(y[rows], model.predict_proba(X[rows]), sample_weight=weight[rows])
    assert -model.best_validation_score_ == pytest.approx(loss)


def test_targets_of_a_regressor_count_alike_whatever_their_units():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 5))
    y = X[:, :4] * [1e-3, 1.0, 1e3, 1e6] + [0, 5, 0, 0]
    model = SpectralRegressor(10, max_iter=3, random_state=0).fit(X, y)
    rows = held_out_by(model, len(X), 100 / 1500)
    scale = np.delete(y, rows, axis=0).std(axis=0)
    loss = (((y[rows] - model.predict(X[rows])) / scale) ** 2).mean() / 2
    assert -model.best_validation_score_ == pytest.approx(loss)


def test_fewer_rows_of_several_labels_are_held_out(digits):
    X, y = digits[0], np.eye(10, dtype=int)[digits[1]]
    for n_rows, is_split in ((100, True), (99, False)):
        model = SpectralClassifier(10, max_iter=2, random_state=0)
        model.fit(X[:n_rows], y[:n_rows])
        # Of rows held out there is no order, and the scores of bags are of all rows.
        by_bags = SpectralClassifier(
            10, max_iter=2, early_stopping="oob", random_state=0
        ).fit(X[:n_rows], y[:n_rows])
        assert (model.validation_scores_ != by_bags.validation_scores_) == is_split


@pytest.mark.parametrize(
    ("n_rows", "n_classes", "settings"),
    [(499, 10, {}), (1797, 2, {}), (1797, 10, {"train_eigenvectors": False})],
    ids=["few rows", "one output", "eigenvalues alone"],
)
def test_else_none_are(digits, n_rows, n_classes, settings):
    X, y = digits[0][:n_rows], digits[1][:n_rows] % n_classes
    model = clone(MODEL).set_params(**settings)
    assert model.fit(X, y).validation_scores_ == out_of_bag(model, X, y)


def test_nor_rows_of_groups_which_would_leak(digits):
    groups = np.arange(1797) // 3
    scores = clone(MODEL).fit(*digits, groups=groups).validation_scores_
    assert scores == out_of_bag(MODEL, *digits, groups=groups)


def test_nor_where_classes_have_too_few(digits):
    X, y = digits[0], digits[1].copy()
    y[5] = 99  # alone in its class
    scores = clone(MODEL).fit(X, y).validation_scores_
    assert scores == out_of_bag(MODEL, X, y)
    with pytest.raises(ValueError, match="cannot be done"):
        clone(MODEL).set_params(early_stopping=True).fit(X, y)


def test_the_default_is_not_sure_of_what_it_does_not_know():
    """Stopped out of bag, the log loss of these new rows is above 4."""
    X, y = make_classification(
        2000, 16, n_informative=12, n_redundant=2, n_classes=10, n_clusters_per_class=2,
        flip_y=0, random_state=5,
    )  # fmt: skip
    model = SpectralClassifier(random_state=0).fit(X[:1000], y[:1000])
    assert log_loss(y[1000:], model.predict_proba(X[1000:])) < 1.6
