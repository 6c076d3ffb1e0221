"""The numpy forward pass against torch, and its chunks against the whole."""

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_spectral.data.rows import row_chunks
from sklearn_spectral.fitted import forward as _forward
from sklearn_spectral.fitted.forward import forward
from sklearn_spectral.nn import SpectralNetwork
from sklearn_spectral.spec.activations import ACTIVATIONS

X = np.random.default_rng(0).normal(size=(301, 8)) * 3


@pytest.fixture
def arrays(retracted_arrays):
    """Return a function that makes a network, and its retracted arrays."""

    def make(activation, hidden=(12, 9)):
        network = SpectralNetwork(
            8,
            3,
            hidden,
            linear_expansion=20,
            activation=activation,
            seed=0,
            dtype=torch.float64,
        )
        with torch.no_grad():
            for p in network.parameters():
                p.add_(0.3)
        return network, retracted_arrays(network)

    return make


@pytest.mark.parametrize("hidden", [(), (12, 9)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_numpy_is_torch(arrays, make, activation, hidden):
    network, (coefs, intercepts) = arrays(activation, hidden)
    with torch.no_grad():
        expected = network(torch.from_numpy(X)).numpy()
    found = forward(make(X), coefs, intercepts, activation)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, expected, atol=1e-10)
    on_device = forward(make(X), coefs, intercepts, activation, device="cpu")
    np.testing.assert_allclose(on_device, expected, atol=1e-10)


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("n_rows", [1, 9, 10, 11, 301])
def test_chunks_join_to_the_whole(arrays, n_rows, device, monkeypatch):
    _, (coefs, intercepts) = arrays("relu")
    whole = forward(X, coefs, intercepts, "relu")[:n_rows]
    for name in ("CHUNK_BYTES", "CACHED_BYTES"):
        monkeypatch.setattr(_forward, name, 10 * 12 * 8)
    assert max(s.stop - s.start for s in row_chunks(301, 12, 8, 10 * 12 * 8)) == 10
    found = forward(X[:n_rows], coefs, intercepts, "relu", device)
    np.testing.assert_allclose(found, whole, atol=1e-12)
    rows = np.arange(n_rows)[::-1]
    found = forward(X, coefs, intercepts, "relu", device, rows)
    np.testing.assert_allclose(found, whole[::-1], atol=1e-12)


@pytest.mark.filterwarnings("error")
def test_the_input_is_left_alone_and_extremes_are_quiet(arrays):
    _, (coefs, intercepts) = arrays("elu")
    big = np.full((2, 8), 1e3)
    big.flags.writeable = False
    for sign in (1, -1):
        assert np.isfinite(forward(sign * big, coefs, intercepts, "elu")).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("hidden", [(), (4,), (12, 9)])
@pytest.mark.parametrize("activation", sorted({*ACTIVATIONS} - {"identity"}))
def test_what_is_not_finite_is_noticed(arrays, activation, hidden, bad, monkeypatch):
    """Whatever an activation makes of it, and whichever of the two arrays is looked at."""
    _, (coefs, intercepts) = arrays(activation, hidden)
    monkeypatch.setattr(_forward, "CACHED_BYTES", 10 * 12 * 8)
    asked = []
    forward(X, coefs, intercepts, activation, check=asked.append)
    assert asked == []
    spoiled = X.copy()
    spoiled[57, 3] = bad
    with np.errstate(invalid="ignore"):
        forward(spoiled, coefs, intercepts, activation, check=asked.append)
    (rows,) = asked
    assert np.isin(spoiled[57, 0], rows[:, 0])


def test_large_numbers_are_asked_about_and_warned_of(arrays):
    _, (coefs, intercepts) = arrays("relu", ())
    asked = []
    with pytest.warns(RuntimeWarning, match="overflow"):
        forward(np.full((2, 8), 1e308), coefs, intercepts, "relu", check=asked.append)
    assert len(asked) == 1
