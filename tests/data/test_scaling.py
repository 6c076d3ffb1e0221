"""Where columns lie and how far they spread, whatever stores them."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from sklearn_spectral.data import rows as _rows
from sklearn_spectral.data import scaling
from sklearn_spectral.data.scaling import shift_and_scale


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5)) * [1e-8, 1e-3, 1, 1e3, 1e8] + [0, 1990, 1, 0, 0]
    X[:, 2] = 7.0
    return X


def test_mean_and_standard_deviation(X):
    shift, scale = shift_and_scale(X)
    np.testing.assert_allclose(shift, X.mean(0), rtol=1e-10)
    np.testing.assert_allclose(scale[[0, 1, 3, 4]], X.std(0)[[0, 1, 3, 4]], rtol=1e-7)
    assert (shift[2], scale[2]) == (7.0, 1.0)  # the constant one


def test_pieces_do_not_change_a_bit(X, monkeypatch):
    """Whatever stores the rows, they are added up in pieces of one size."""
    monkeypatch.setattr(scaling, "BLOCK_NUMBERS", 5 * 64)

    class Sliced(_rows.SlicedRows):
        block_rows = 30

    rows, weight = np.arange(3, 190), np.linspace(0.5, 2, 187)
    for given in ({}, {"rows": rows, "weight": weight}):
        expected, found = shift_and_scale(X, **given), shift_and_scale(Sliced(X), **given)
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one, other)


def test_many_pieces_are_as_one(X, monkeypatch):
    expected = shift_and_scale(X)
    monkeypatch.setattr(scaling, "BLOCK_NUMBERS", 5 * 7)
    np.testing.assert_allclose(shift_and_scale(X), expected, rtol=1e-10)


def test_a_weight_is_a_repetition(X):
    counts = np.random.default_rng(1).integers(1, 4, len(X))
    expected = shift_and_scale(np.repeat(X, counts, axis=0))
    for factor in (1.0, 1e-200, 1e200):
        np.testing.assert_allclose(shift_and_scale(X, counts * factor), expected, rtol=1e-9)


def test_sparse_columns_are_scaled_and_not_shifted(X):
    X = np.where(np.median(X, 0) < X, X, 0.0)
    shift, scale = shift_and_scale(sparse.csr_array(X))
    assert shift is None
    expected = [np.sqrt(np.mean(column[column != 0] ** 2)) for column in X.T]
    np.testing.assert_allclose(scale[[0, 1, 3, 4]], np.take(expected, [0, 1, 3, 4]))
    assert scale[2] == 1.0  # zeros alone


def test_sparse_columns_are_not_made_dense():
    X = sparse.random_array((5_000, 20_000), density=1e-4, rng=0).tocsr()
    tracemalloc.start()
    shift_and_scale(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # dense they are 800 MB


def test_without_a_shift_the_scale_is_about_zero(X):
    shift, scale = shift_and_scale(X, centred=False)
    assert shift is None
    np.testing.assert_allclose(scale, np.sqrt(np.mean(X**2, 0)), rtol=1e-10)


@pytest.mark.parametrize(("dtype", "scale"), [("f8", 1e-160), ("f4", 1e-25)])
def test_what_cannot_be_divided_by_is_left(dtype, scale):
    X = np.array([[0.0], [scale]])
    assert shift_and_scale(X, dtype=dtype)[1] == 1.0


def test_numbers_whose_squares_overflow_are_left():
    X = np.array([[0.0, 0.0], [1.0, 1e200]])
    shift, scale = shift_and_scale(X)
    np.testing.assert_array_equal(shift, [0.5, 0.0])
    np.testing.assert_array_equal(scale, [0.5, 1.0])
