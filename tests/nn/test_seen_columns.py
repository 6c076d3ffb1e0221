"""Sparse rows by the columns that have values in a batch, beside the same rows dense."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.nn import DirectNetwork, LogLoss, SpectralNetwork
from sklearn_spectral.nn.backprop import Backprop
from sklearn_spectral.nn.seen_columns import WIDE, SeenColumns
from sklearn_spectral.training.flat import FlatParameters

N_FEATURES = 2 * WIDE


@pytest.fixture(scope="module")
def rows():
    """Few words of many in each row, and columns that no row has."""
    return sparse.random_array(
        (40, N_FEATURES), density=0.01, format="csr", rng=np.random.default_rng(0)
    )


def test_what_they_are(rows):
    seen = SeenColumns.of(rows, np.float64)
    dense, columns = rows.toarray(), seen.columns.numpy()
    np.testing.assert_array_equal(columns, np.flatnonzero(dense.any(0)))
    assert len(columns) < N_FEATURES
    assert (len(seen), seen.shape) == (40, (40, N_FEATURES))
    np.testing.assert_array_equal(seen.dense(), dense)
    np.testing.assert_array_equal(seen.values(), dense[:, columns])
    scale = torch.rand(N_FEATURES, dtype=torch.float64) + 0.5
    np.testing.assert_allclose(seen.divided(scale).dense(), dense / scale.numpy())
    left, right = torch.rand(len(columns), 3).double(), torch.rand(40, 3).double()
    np.testing.assert_allclose(seen.times(left), dense[:, columns] @ left.numpy())
    np.testing.assert_allclose(
        seen.transposed_times(right), dense[:, columns].T @ right.numpy()
    )


def test_rows_without_values():
    seen = SeenColumns.of(sparse.csr_array((3, 300)), np.float32)
    assert (seen.columns.numel(), seen.shape) == (0, (3, 300))
    assert not seen.dense().any()
    assert not seen.times(torch.zeros(0, 2)).any()


SPECTRAL = {
    "eigenvectors": {"train_eigenvectors": True},
    "eigenvalues": {"linear_expansion": 5},
    "closed form": {"linear_expansion": 30, "telescope": "closed_form"},
    "members": {"train_eigenvectors": True, "n_members": 3},
    "units": {"train_eigenvectors": True, "units": True},
    "no bias": {"train_eigenvectors": True, "bias": False},
}


@pytest.mark.parametrize("name", [*SPECTRAL, "direct"])
def test_gradients(rows, name):
    if name == "direct":
        network = DirectNetwork(N_FEATURES, 3, 6, seed=0, dtype=torch.float64)
    else:
        how = {"linear_expansion": None, **SPECTRAL[name]}
        network = SpectralNetwork(N_FEATURES, 3, 6, seed=0, dtype=torch.float64, **how)
    if name == "units":
        network.set_units(input_scale=torch.linspace(0.5, 2, N_FEATURES))
    flat, y = FlatParameters(network), torch.arange(40) % 3
    passes, found = Backprop(network, 40), []
    with torch.no_grad():
        for x in (torch.from_numpy(rows.toarray()), SeenColumns.of(rows, np.float64)):
            flat.gradient.fill_(np.nan)
            loss, d = LogLoss().with_gradient(passes.forward(x), y)
            passes.backward(d)
            found.append((loss, flat.gradient.clone()))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize(
    "model",
    [
        SpectralClassifier(6, max_iter=3, n_members=1),
        SpectralClassifier(6, max_iter=3, n_members=3),
        SpectralClassifier(
            6, max_iter=3, train_eigenvectors=False, n_members=1, linear_expansion=None
        ),
        DirectClassifier(6, max_iter=3),
    ],
    ids=["one", "members", "eigenvalues", "direct"],
)
def test_fits(model, monkeypatch):
    rng = np.random.default_rng(0)
    X = sparse.random_array((150, N_FEATURES), density=0.02, format="csr", rng=rng)
    y, counted, of = rng.integers(0, 3, 150), [], SeenColumns.of.__func__

    def counting(cls, rows, dtype):
        counted.append(rows.shape)
        return of(cls, rows, dtype)

    monkeypatch.setattr(SeenColumns, "of", classmethod(counting))
    model = clone(model).set_params(
        random_state=0, batch_size=32, standardize=False, early_stopping=False
    )
    dense = clone(model).fit(X.toarray(), y)
    assert not counted
    model.fit(X, y)
    assert len(counted) == 3 * 5
    for ours, other in zip(model.coefs_, dense.coefs_, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-7, atol=1e-9)


def test_rows_that_are_shifted_are_dense(monkeypatch):
    """A network whose first data were dense has a shift, by which zeros are none."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((90, N_FEATURES), density=0.05, format="csr", rng=rng)
    y = rng.integers(0, 2, 90)
    first = X.toarray() + rng.random(N_FEATURES)

    def portions(second):
        model = SpectralClassifier(5, n_members=1, batch_size=30, random_state=0)
        return model.partial_fit(first, y, classes=[0, 1]).partial_fit(second, y).coefs_[0]

    np.testing.assert_allclose(portions(X), portions(X.toarray()), rtol=1e-7)
