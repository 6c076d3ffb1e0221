"""The starting schemes: ranges, variances, and streams that no numpy release may move."""

import numpy as np
import pytest

from sklearn_spectral.spec.random_bits import seed_sequence, uniform
from sklearn_spectral.spec.starts import SCHEMES

from ..plain import plain_classifier

FROZEN = [
    [0.5115227421774573, -0.28876870389865217],
    [0.4707713452924005, -0.5329080494789988],
]


def start(name, train="both", n_in=300, n_out=200, gain=1.0, seed=0):
    return SCHEMES[name](n_in, n_out, train, gain, np.random.PCG64(seed))


def assert_uniform(values, bound):
    assert np.abs(values).max() <= bound
    assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)
    assert abs(values.mean()) < bound / 10


def test_paper():
    both = start("paper")
    assert_uniform(both.eigenvectors, 0.5)
    assert_uniform(both.eigenvalues_in, 0.01)
    assert_uniform(both.eigenvalues_out, 0.01)
    out = start("paper", "out")
    assert (out.eigenvalues_in == 1).all()
    assert_uniform(out.eigenvalues_out - 1, 0.01)
    inner = start("paper", "in")
    assert_uniform(inner.eigenvalues_in, 0.01)
    assert (inner.eigenvalues_out == 0).all()


def test_wide():
    drawn = start("wide")
    assert_uniform(drawn.eigenvectors, 0.2)
    assert (drawn.eigenvalues_in == 0).all()
    assert_uniform(drawn.eigenvalues_out, 0.5)


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_scaled_keeps_the_size_of_a_signal(gain):
    drawn = start("scaled", gain=gain)
    weight = (drawn.eigenvalues_in - drawn.eigenvalues_out[:, None]) * drawn.eigenvectors
    assert weight.var() * 300 == pytest.approx(gain**2, rel=0.02)


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_shapes_and_seeds(name):
    drawn = start(name, n_in=4, n_out=7)
    assert drawn.eigenvalues_in.shape == (4,)
    assert drawn.eigenvalues_out.shape == (7,)
    assert drawn.eigenvectors.shape == (7, 4)
    again, other = start(name, n_in=4, n_out=7), start(name, n_in=4, n_out=7, seed=1)
    np.testing.assert_array_equal(drawn.eigenvectors, again.eigenvectors)
    assert not np.array_equal(drawn.eigenvectors, other.eigenvectors)


def test_the_stream_is_that_of_the_bit_generator():
    """These numbers may never change: saved seeds must regrow the same eigenvectors."""
    drawn = uniform(np.random.PCG64(seed_sequence(42, 0, 1)), -1.0, 1.0, (2, 2))
    raw = np.random.PCG64(seed_sequence(42, 0, 1)).random_raw(4)
    expected = [-1 + 2 * (int(bits) >> 11) / 2**53 for bits in raw]
    np.testing.assert_array_equal(drawn.ravel(), expected)
    np.testing.assert_array_equal(drawn, FROZEN)


def test_a_registered_scheme_is_a_value_of_init(monkeypatch):
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    model = plain_classifier(5, init="mine", max_iter=1, random_state=0)
    with pytest.raises(ValueError, match="'init' parameter"):
        model.fit(X, y)
    monkeypatch.setitem(SCHEMES, "mine", SCHEMES["scaled"])
    plain = plain_classifier(5, max_iter=1, random_state=0, learning_rate_init=0.1)
    model.set_params(learning_rate_init=0.1)
    np.testing.assert_array_equal(model.fit(X, y).coefs_[0], plain.fit(X, y).coefs_[0])
