"""Data that come in portions: from a generator, and from the blocks of a Dask array."""

import dask.array
import numpy as np
import pytest
from dask_ml.wrappers import Incremental
from sklearn.base import clone

from sklearn_spectral import SpectralClassifier, SpectralRegressor

MODEL = SpectralClassifier(12, linear_expansion=30, random_state=0)


def portions(X, y, size=300):
    for start in range(0, len(X), size):
        yield X[start : start + size], y[start : start + size]


def test_portions_without_an_end_train(digits):
    X, y = digits
    model, rng, scores = clone(MODEL), np.random.default_rng(0), []
    for _ in range(120):
        rows = rng.choice(len(X), 300)
        model.partial_fit(X[rows], y[rows], classes=np.arange(10))
        scores.append(model.score(X, y))
    assert scores[0] < 0.4
    assert scores[-1] > 0.8
    assert (model.n_iter_, len(model.loss_curve_)) == (1, 120)


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_incremental_trains_on_the_blocks_of_a_dask_array(digits, make):
    X, y = digits
    model = make(12, random_state=0)
    more = {"classes": np.arange(10)} if make is SpectralClassifier else {}
    expected = clone(model)
    wrapped = Incremental(model, shuffle_blocks=False)
    blocks = dask.array.from_array(X, chunks=(300, 64))
    targets = dask.array.from_array(y, chunks=300)
    for _ in range(3):
        wrapped.partial_fit(blocks, targets, **more)
        for some, theirs in portions(X, y):
            expected.partial_fit(some, theirs, **more)
    np.testing.assert_array_equal(wrapped.estimator_.coefs_[0], expected.coefs_[0])
    told = wrapped.predict(blocks)
    assert isinstance(told, dask.array.Array)
    np.testing.assert_allclose(told.compute(), expected.predict(X), rtol=1e-12)


def test_incremental_fits_once_over_all_blocks(digits):
    X, y = digits
    blocks = dask.array.from_array(X, chunks=(100, 64))
    targets = dask.array.from_array(y, chunks=100)
    wrapped = Incremental(MODEL, shuffle_blocks=False)
    wrapped.fit(blocks, targets, classes=np.arange(10))
    expected = clone(MODEL)
    for some, theirs in portions(X, y, 100):
        expected.partial_fit(some, theirs, classes=np.arange(10))
    np.testing.assert_array_equal(wrapped.estimator_.coefs_[0], expected.coefs_[0])
