"""Populations as arrays: members on one set of eigenvectors, and what they merge to."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_spectral.fitted import forward as _forward
from sklearn_spectral.fitted.drawing import network_html
from sklearn_spectral.fitted.forward import forward
from sklearn_spectral.fitted.layers import layers_of, slope_names
from sklearn_spectral.fitted.members import as_matrix, merge_members
from sklearn_spectral.fitted.network import FittedNetwork
from sklearn_spectral.nn import SpectralNetwork
from sklearn_spectral.spec.activations import ACTIVATIONS
from sklearn_spectral.training.convert import network_arrays, to_torch

K = 3
CONFIG = {
    "in_features": 7,
    "out_features": 2,
    "hidden_layer_sizes": (5, 4),
    "linear_expansion": ((6,), (), ()),
    "activation": "tanh",
    "bias": True,
    "train_eigenvalues": "both",
    "train_eigenvectors": False,
    "init": "scaled",
    "n_members": K,
}
LINEAR = {**CONFIG, "hidden_layer_sizes": (), "linear_expansion": ((6,),)}
SHALLOW = {**CONFIG, "hidden_layer_sizes": (5,), "linear_expansion": ((), ())}
X = np.random.default_rng(1).normal(size=(23, 7))


def member_of(config, arrays, member):
    """Return one member as an ordinary network."""
    names = ("eigenvalues_in", "eigenvalues_out", "bias", "slope")
    own = {n: v[member] if n.endswith(names) else v for n, v in arrays.items()}
    return FittedNetwork.from_arrays("spectral", {**config, "n_members": 1}, 3, own)


def outputs(network, rows=X, **more):
    return forward(rows, network.coefs, network.intercepts, network.activation, **more)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(
    "form", [False, True, "svd", "qr", "gains", "readout", "kronecker"]
)
@pytest.mark.parametrize("config", [LINEAR, SHALLOW, CONFIG], ids=["0", "1", "2"])
def test_the_merged_network_is_the_mean_of_its_members(
    population, config, form, activation
):
    config = {**config, "train_eigenvectors": form, "activation": activation}
    if form == "kronecker":
        config["rank"] = 2
    network = population(config)
    each = [member_of(config, network.arrays, k) for k in range(K)]
    expected = np.stack([outputs(member) for member in each])
    assert np.ptp(expected, axis=0).min() > 1e-5  # they differ
    for device in (None, "cpu"):
        found = outputs(network, device=device)
        np.testing.assert_allclose(found, expected.mean(axis=0), rtol=1e-12, atol=1e-12)
    apart = outputs(network.with_members_apart()).reshape(len(X), K, 2)
    np.testing.assert_allclose(apart.swapaxes(0, 1), expected, rtol=1e-12, atol=1e-12)
    for one, (coefs, intercepts) in zip(each, network.members(), strict=True):
        for ours, theirs in zip(
            coefs + intercepts, one.coefs + one.intercepts, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    assert network.n_members == K
    assert network.is_finite()
    network.intercepts[0][0] = np.nan
    assert not network.is_finite()


def test_shapes_of_the_merged_network(population):
    shapes = [coef.shape for coef in population(CONFIG).coefs]
    assert shapes == [(7, 3 * 5), (3, 5, 4), (3 * 4, 2)]
    assert [coef.shape for coef in population(LINEAR).coefs] == [(7, 2)]
    assert [coef.shape for coef in population(SHALLOW).coefs] == [(7, 15), (15, 2)]


def test_a_single_member_is_not_touched(population):
    network = population({**CONFIG, "n_members": 1})
    ((coefs, intercepts),) = network.members()
    for ours, theirs in zip(
        coefs + intercepts, network.coefs + network.intercepts, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert merge_members([(coefs, intercepts)])[0] is coefs
    without = {name: value for name, value in CONFIG.items() if name != "n_members"}
    shapes = {n: v.shape for n, v in network.arrays.items()}
    assert shapes == {n: v.shape for n, v in population(without).arrays.items()}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_blocks_are_a_block_diagonal_matrix(population, activation, make):
    network = population(CONFIG)
    whole = [
        coef if coef.ndim == 2 else sparse.block_diag([*coef]).toarray()
        for coef in network.coefs
    ]
    expected = forward(make(X), whole, network.intercepts, activation)
    plain = (network.coefs, network.intercepts, activation)
    np.testing.assert_allclose(forward(make(X), *plain), expected, atol=1e-13)
    np.testing.assert_allclose(forward(make(X), *plain, "cpu"), expected, atol=1e-13)
    shown = as_matrix(network.coefs[1])
    assert np.shares_memory(shown.data, network.coefs[1])
    np.testing.assert_array_equal(shown.toarray(), whole[1])
    np.testing.assert_allclose(np.ones((2, 15)) @ shown, np.ones((2, 15)) @ whole[1])


@pytest.mark.parametrize("train_eigenvalues", ["out", "paper"])
@pytest.mark.parametrize("form", [False, True, "qr"])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
def test_arrays_starts_and_outputs_are_those_of_torch(form, hidden, train_eigenvalues):
    config = {
        **CONFIG,
        "hidden_layer_sizes": hidden,
        "linear_expansion": ((6,), *(() for _ in hidden)),
        "train_eigenvectors": form,
        "train_eigenvalues": train_eigenvalues,
    }
    torch_network = SpectralNetwork(**config, seed=3, dtype=torch.float64)
    arrays = network_arrays(torch_network)
    network = FittedNetwork.from_arrays("spectral", config, 3, arrays)
    expected = dict.fromkeys(network.slope_names(), (K,))
    for layer in network.layers():
        expected |= {layer.prefix + n: shape for n, shape in layer.shapes().items()}
        for name, values in layer.regrow(np.float64).items():
            np.testing.assert_array_equal(values, arrays[layer.prefix + name])
    assert {name: values.shape for name, values in arrays.items()} == expected
    with torch.no_grad():
        each = torch_network(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(outputs(network), each.mean(axis=0), rtol=0, atol=1e-13)
    rebuilt = to_torch(network)
    for name, values in rebuilt.state_dict().items():
        np.testing.assert_array_equal(values, arrays[name])


@pytest.mark.parametrize("device", [None, "cpu"])
def test_chunks_count_the_nodes_of_all_members(population, device, monkeypatch):
    network = population(CONFIG)
    whole = outputs(network)
    seen = []
    for name in ("CHUNK_BYTES", "CACHED_BYTES"):
        monkeypatch.setattr(_forward, name, 10 * 15 * 8)
    chunk_rows = _forward.chunk_rows
    monkeypatch.setattr(
        _forward, "chunk_rows", lambda *sizes: seen.append(chunk_rows(*sizes)) or seen[0]
    )
    np.testing.assert_allclose(outputs(network, device=device), whole, atol=1e-13)
    assert seen == [10]


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("train_eigenvalues", ["out", "in", "both"])
def test_a_seed_regrows_what_no_member_trains(population, train_eigenvalues, form):
    config = {
        **CONFIG,
        "train_eigenvalues": train_eigenvalues,
        "train_eigenvectors": form,
    }
    layers = [layer for stack in layers_of("spectral", config, 3) for layer in stack]
    network = population(config)
    arrays = network.arrays
    trimmed = network.trimmed()
    trained = {layer.prefix + name for layer in layers for name in layer.trained()}
    trained |= {*slope_names("spectral", config)}
    assert trimmed.arrays.keys() == trained
    counted = sum(values.size for values in trimmed.arrays.values())
    slopes = K * len(network.slope_names())
    assert sum(layer.n_trained() for layer in layers) + slopes == counted
    for name, values in trimmed.complete().items():
        np.testing.assert_array_equal(values, arrays[name])
    if train_eigenvalues == "out":  # frozen ones differ where members are told apart
        lambda_in = [layer.pick(arrays)["eigenvalues_in"] for layer in layers]
        assert [bool(np.ptp(v, axis=0).any()) for v in lambda_in] == (
            [True, False, False, False] if form else [True] * 4
        )


def test_an_older_state_has_one_member(population):
    network = population({**CONFIG, "n_members": 1})
    old = replace(network, config={n: v for n, v in CONFIG.items() if n != "n_members"})
    again = FittedNetwork.from_state("spectral", pickle.loads(pickle.dumps(old.to_state())))
    assert again.config == {**network.config, "units": False}
    assert "n_members" not in old.config


def test_a_compact_one_has_no_members(population):
    with pytest.raises(AttributeError, match="compact=True"):
        population(CONFIG).compacted().members()


def test_a_drawing_names_the_members(population):
    html = network_html(population(CONFIG), 123)
    assert "3 members of 7-6(linear)-5-4-2 on one set of eigenvectors" in html
    # 3 (8 * 6 + 7 * 5 + 6 * 4 + 5 * 2) and 8 * 15 + 3 * 6 * 4 + 13 * 2
    assert "of 351 weights and biases; 218 in the retracted network" in html
