"""Units folded into the retracted network: it reads and gives what the user does."""

import pickle

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_spectral.fitted.forward import forward
from sklearn_spectral.fitted.network import FittedNetwork
from sklearn_spectral.fitted.units import fold_units, has_units, units_shapes
from sklearn_spectral.spec.units import UNITS
from sklearn_spectral.training.convert import to_torch

K = 3
CONFIG = {
    "in_features": 6,
    "out_features": 2,
    "hidden_layer_sizes": (5, 4),
    "linear_expansion": ((7,), (), ()),
    "activation": "tanh",
    "bias": True,
    "units": True,
    "train_eigenvalues": "both",
    "train_eigenvectors": False,
    "init": "scaled",
    "n_members": K,
}
SHALLOW = {**CONFIG, "hidden_layer_sizes": (5,), "linear_expansion": ((), ())}
LINEAR = {**CONFIG, "hidden_layer_sizes": (), "linear_expansion": ((7,),)}
CONFIGS = [
    {**config, "n_members": n_members}
    for config in (CONFIG, SHALLOW, LINEAR)
    for n_members in (1, K)
]
ARRAYS = {
    "input_shift": np.array([0.0, 1990.0, -1e4, 0.5, 0.0, 3.0]),
    "input_scale": np.array([1.0, 10.0, 1e3, 1e-3, 2.0, 1e-4]),
    "output_shift": np.array([1e6, -3.0]),
    "output_scale": np.array([1e4, 0.2]),
}
Z = np.random.default_rng(1).normal(size=(23, 6))
X = ARRAYS["input_shift"] + Z * ARRAYS["input_scale"]


def outputs(network, rows):
    return forward(rows, network.coefs, network.intercepts, network.activation)


def in_user_units(output):
    return output * ARRAYS["output_scale"] + ARRAYS["output_shift"]


@pytest.fixture
def pair(population):
    """Return a function that makes two networks of the same weights, without and with."""

    def make(config, dtype=np.float64):
        units = {name: values.astype(dtype) for name, values in ARRAYS.items()}
        without = population({**config, "units": False}, dtype)
        return without, population(config, dtype, units=units)

    return make


def test_the_formulas():
    rng = np.random.default_rng(0)
    coefs, intercepts = [rng.normal(size=(6, 2))], [rng.normal(size=2)]
    expected = in_user_units(Z @ coefs[0] + intercepts[0])
    fold_units(coefs, intercepts, ARRAYS)  # the first layer is the last one, too
    np.testing.assert_allclose(X @ coefs[0] + intercepts[0], expected, rtol=1e-10)
    before = coefs[0].copy()
    fold_units(coefs, intercepts, {})
    np.testing.assert_array_equal(coefs[0], before)


def test_who_has_them():
    assert has_units(CONFIG)
    assert not has_units({name: v for name, v in CONFIG.items() if name != "units"})
    assert units_shapes(CONFIG) == {name: v.shape for name, v in ARRAYS.items()}
    assert units_shapes({**CONFIG, "units": False}) == {}


@pytest.mark.parametrize("config", CONFIGS)
def test_the_folded_network_is_the_unfolded_one(pair, config):
    without, network = pair(config)
    expected = in_user_units(outputs(without, Z))
    np.testing.assert_allclose(outputs(network, X), expected, rtol=1e-10)
    for ours, theirs in zip(network.without_units(), without.without_units(), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    assert [c.shape for c in network.coefs] == [c.shape for c in without.coefs]
    assert network.units().keys() == {*UNITS}
    assert without.units() == {}
    with torch.no_grad():
        in_torch = to_torch(network).retract()(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(in_torch, expected, rtol=1e-10)


@pytest.mark.parametrize("config", [CONFIG, SHALLOW, LINEAR])
def test_members_have_them_each(pair, config):
    without, network = pair(config)
    apart = outputs(network.with_members_apart(), X).reshape(len(X), K, 2)
    pairs = zip(network.members(), without.members(), strict=True)
    for k, (ours, theirs) in enumerate(pairs):
        expected = in_user_units(forward(Z, *theirs, network.activation))
        found = forward(X, *ours, network.activation)
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        np.testing.assert_allclose(apart[:, k], expected, rtol=1e-10)


@pytest.mark.parametrize("config", CONFIGS)
def test_single_precision_is_lost_once(pair, config):
    """Weights are folded in double precision, and rounded after."""
    _, network = pair(config, np.float32)
    arrays = {name: v.astype(np.float64) for name, v in network.arrays.items()}
    double = FittedNetwork.from_arrays("spectral", config, 3, arrays)
    for ours, theirs in zip(
        network.coefs + network.intercepts, double.coefs + double.intercepts, strict=True
    ):
        assert ours.dtype == np.float32
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6 * scale)


def test_sparse_rows_are_read_as_they_are(population):
    units = {**ARRAYS, "input_shift": np.zeros(6)}
    network = population(CONFIG, units=units)
    rows = sparse.random_array((9, 6), density=0.4, rng=0).tocsr()
    np.testing.assert_allclose(
        outputs(network, rows), outputs(network, rows.toarray()), rtol=1e-12
    )


def test_states_keep_them(pair):
    _, network = pair(CONFIG)
    trimmed = network.trimmed()
    assert {*UNITS} <= trimmed.arrays.keys()
    assert not {*UNITS} & trimmed.regrown.keys()
    state = pickle.loads(pickle.dumps(trimmed.to_state()))
    again = FittedNetwork.from_state("spectral", state)
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(again.complete()[name], values)
    np.testing.assert_array_equal(outputs(again, X), outputs(network, X))
    compact = network.compacted()
    assert compact.units() == {}  # they are in its weights
    np.testing.assert_array_equal(compact.input_scale, ARRAYS["input_scale"])
    np.testing.assert_array_equal(outputs(compact, X), outputs(network, X))


def test_a_state_of_an_older_version_has_none(pair):
    without, _ = pair(CONFIG)
    state = without.to_state()
    del state["_input_scale"]
    state["_config"] = {name: v for name, v in without.config.items() if name != "units"}
    again = FittedNetwork.from_state("spectral", state)
    assert again.config == without.config
    assert again.input_scale is None
    assert again.units() == {}
