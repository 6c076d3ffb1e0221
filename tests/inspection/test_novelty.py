"""Scores of how far rows are from what was seen."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.inspection import novelty_scores

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = X[:, 0] + 0.1 * RNG.normal(size=300)
LINEAR = LinearRegression().fit(X, Y)
FEW = {"max_iter": 20, "random_state": 0}
FIELDS = ("score", "share", "disagreement", "distance")


@pytest.fixture(scope="module")
def regressor():
    return SpectralRegressor(20, random_state=0).fit(X, Y)


def test_a_class_that_was_never_shown(digits):
    images, y = digits
    shown = y != 8
    seen, known, y_seen, _ = train_test_split(images[shown], y[shown], random_state=0)
    model = SpectralClassifier(random_state=0).fit(seen, y_seen)
    rows = np.concatenate([known, images[~shown]])
    is_new = np.arange(len(rows)) >= len(known)
    found = novelty_scores(model, rows, seen)
    assert roc_auc_score(is_new, found.score) > 0.9
    assert roc_auc_score(is_new, found.disagreement) > 0.9
    assert found.share[is_new].mean() < 0.1
    assert (found.disagreement >= 0).all()


def test_members_that_agree_far_off_do_not_hide_a_distance():
    """Straight lines go on: all are the surer the further a row is."""
    flowers, y = load_iris(return_X_y=True)
    seen, known, y_seen, _ = train_test_split(flowers[50:], y[50:], random_state=0)
    model = SpectralClassifier(random_state=0).fit(seen, y_seen)
    rows = np.concatenate([known, flowers[:50]])
    is_new = np.arange(len(rows)) >= len(known)
    found = novelty_scores(model, rows, seen)
    assert roc_auc_score(is_new, found.disagreement) < 0.5
    assert roc_auc_score(is_new, found.score) > 0.95


def test_far_inputs_of_a_regression(regressor):
    far = X.copy()
    far[:, 1] += 8
    near, found = (novelty_scores(regressor, rows, X) for rows in (X, far))
    assert found.score.min() > np.median(near.score)
    assert found.disagreement.mean() > 2
    assert novelty_scores(regressor, X[:5], X).disagreement.shape == (5,)


def test_the_parts_are_what_is_said(regressor):
    new = RNG.normal(size=(50, 4))
    found = novelty_scores(regressor, new, X, n_neighbors=3)
    scale = X.std(axis=0)
    neighbors = NearestNeighbors(n_neighbors=3).fit(X / scale)
    expected = neighbors.kneighbors(new / scale)[0].mean(axis=1)
    np.testing.assert_allclose(found.distance, expected, rtol=1e-6)
    spread, of_seen = (regressor.member_predict(rows).std(axis=0) for rows in (new, X))
    np.testing.assert_allclose(found.disagreement, spread / of_seen.mean(), rtol=1e-5)


def test_rows_that_were_seen_are_no_neighbours_of_themselves(regressor):
    seen = novelty_scores(regressor, X, X)
    # They are here: so all are nearer than in the ranks of the others.
    assert seen.share.mean() > 0.5
    assert seen.share.min() >= 0
    assert (np.diff(seen.share[np.argsort(seen.score)]) <= 0).all()


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_of_any_units(n_outputs):
    y = np.stack([Y, 1000 * X[:, 1]], axis=1)[:, :n_outputs]
    groups = np.arange(300)  # or what rows contain would say who leaves them out
    one = SpectralRegressor(10, **FEW).fit(X, y, groups=groups)
    two = SpectralRegressor(10, **FEW).fit(X * 1024, y * 1024, groups=groups)
    expected = novelty_scores(one, X[:50] + 1, X)
    found = novelty_scores(two, (X[:50] + 1) * 1024, X * 1024)
    for name in FIELDS:
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-2, atol=2e-2
        )


def test_two_classes_several_labels_and_quantiles():
    inputs, labels = make_multilabel_classification(200, 5, n_classes=3, random_state=0)
    for model, y in (
        (SpectralClassifier(10, **FEW), labels),
        (SpectralClassifier(10, **FEW), labels[:, 0]),
        (SpectralRegressor(10, loss="quantile", quantile=(0.1, 0.9), **FEW), inputs[:, 0]),
        (SpectralRegressor(10, loss="poisson", **FEW), labels.sum(axis=1)),
    ):
        found = novelty_scores(model.fit(inputs, y), inputs[:50], inputs)
        for name in FIELDS:
            assert getattr(found, name).shape == (50,)
            assert np.isfinite(getattr(found, name)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_counts_far_off_are_no_infinite_numbers(dtype):
    rows = X.astype(dtype)
    model = SpectralRegressor(10, loss="poisson", **FEW).fit(rows, np.abs(Y))
    assert np.isfinite(novelty_scores(model, rows * 1e4, rows).score).all()


def test_sparse_rows_and_a_pipeline(regressor):
    dense = novelty_scores(regressor, X[:20] + 1, X)
    rows = novelty_scores(regressor, sp.csr_array(X[:20] + 1), sp.csc_array(X))
    np.testing.assert_allclose(rows.score, dense.score, rtol=1e-5)
    pipeline = make_pipeline(MinMaxScaler(), SpectralRegressor(20, random_state=0))
    found = novelty_scores(pipeline.fit(X, Y), X[:20] + 1, X)
    np.testing.assert_allclose(found.distance, dense.distance, rtol=1e-5)


def test_equal_rows_have_no_distance():
    twice = np.repeat(X[:40], 10, axis=0)
    model = SpectralRegressor(10, **FEW).fit(twice, np.repeat(Y[:40], 10))
    found = novelty_scores(model, np.concatenate([twice[:5], X[100:105]]), twice)
    assert np.isfinite(found.score).all()
    assert found.score[:5].max() < found.score[5:].min()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"estimator": SpectralRegressor(5)}, NotFittedError, "not fitted"),
        ({"estimator": LINEAR}, TypeError, "got LinearRegression"),
        ({"X": X[:, :2]}, ValueError, "X has 2 features, but SpectralRegressor is expect"),
        ({"X_seen": X[:, :2]}, ValueError, "X has 2 features"),
        ({"X": np.full((2, 4), np.nan)}, ValueError, "contains NaN"),
        ({"X_seen": X[:5]}, ValueError, "n_neighbors=5 needs more rows in X_seen"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors"),
    ],
)
def test_errors(regressor, change, error, message):
    arguments = {"estimator": regressor, "X": X, "X_seen": X, **change}
    with pytest.raises(error, match=message):
        novelty_scores(**arguments)


def test_a_single_network_has_no_members():
    single = SpectralRegressor(5, n_members=1, **FEW).fit(X, Y)
    with pytest.raises(ValueError, match="this SpectralRegressor is a single network"):
        novelty_scores(single, X, X)
