"""The layers in numpy: the same arrays, starts and weights as in torch."""

import numpy as np
import pytest
import torch

from sklearn_spectral.fitted.layers import layers_of, slope_names
from sklearn_spectral.fitted.retraction import retract
from sklearn_spectral.nn import DirectNetwork, SpectralNetwork
from sklearn_spectral.training.convert import network_arrays

SIZES = {"in_features": 7, "out_features": 3}
SPECTRAL = [
    {
        "train_eigenvalues": values,
        "train_eigenvectors": vectors,
        "init": init,
        **({"rank": 2} if vectors == "kronecker" else {}),
    }
    for values in ("both", "out", "in", "paper")
    for vectors in (False, True, "svd", "qr", "gains", "readout", "kronecker")
    for init in ("scaled", "paper", "wide")
]
DIRECT = [
    {"parametrization": "weights", "init": "glorot"},
    {"parametrization": "readout", "init": "scaled"},
    {"parametrization": "gains", "init": "glorot"},
    {"parametrization": "singular_values", "init": "glorot"},
    {"parametrization": "qr", "init": "glorot"},
    {"parametrization": "low_rank", "init": "glorot", "rank": 4},
    {"parametrization": "lora", "init": "scaled", "rank": 2},
    {"parametrization": "covariance", "init": "glorot", "rank": 2},
    {"parametrization": "kronecker", "init": "glorot", "rank": 2},
    {"parametrization": "half", "init": "glorot"},
    {"parametrization": "biases", "init": "glorot"},
    {"parametrization": "hashed", "init": "glorot", "n_weights": 9},
    {"parametrization": "random_subspace", "init": "glorot", "n_weights": 9},
    {
        "parametrization": "subset",
        "init": "glorot",
        "n_weights": 20,
        "frozen_init": "start",
    },
    {"parametrization": "subset", "init": "glorot", "n_weights": 20, "frozen_init": "zero"},
]
SHAPES = [
    {"hidden_layer_sizes": (), "linear_expansion": None, "activation": "relu"},
    {"hidden_layer_sizes": (5,), "linear_expansion": ((9,), ()), "activation": "tanh"},
    {
        "hidden_layer_sizes": (4, 12),
        "linear_expansion": ((), (6, 5), (8,)),
        "activation": "elu",
    },
]
CASES = [
    (space, {**SIZES, **shape, **settings, "bias": bias})
    for space, choices in (("spectral", SPECTRAL), ("direct", DIRECT))
    for number, settings in enumerate(choices)
    for shape in SHAPES
    for bias in ((True, False) if number % 4 == 0 else (True,))
]


def network_of(space, config, dtype):
    kind = {"spectral": SpectralNetwork, "direct": DirectNetwork}[space]
    return kind(**config, seed=3, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("space", "config"), CASES, ids=str)
def test_arrays_starts_and_weights_are_those_of_torch(space, config, dtype, randomise):
    network = network_of(space, config, dtype)
    start = {name: values.copy() for name, values in network_arrays(network).items()}
    randomise(network)
    arrays = network_arrays(network)
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    flat = [layer for layers in layers_of(space, config, 3) for layer in layers]
    expected = {**dict.fromkeys(slope_names(space, config), ())}
    for layer, module in zip(flat, network.layers(), strict=True):
        expected |= {layer.prefix + n: shape for n, shape in layer.shapes().items()}
        picked = layer.pick(arrays)
        weight = module.weight.detach().double().numpy()
        close = 1e-12 if dtype == torch.float64 else 1e-6
        np.testing.assert_allclose(layer.weight(picked), weight, rtol=close, atol=close)
        for rows in (slice(0, 1), slice(1, 3)):
            part, whole = layer.weight(picked, rows), layer.weight(picked)
            np.testing.assert_allclose(part, whole[rows], rtol=1e-12, atol=1e-12)
        regrown = layer.regrow(next(iter(start.values())).dtype)
        assert not trained & {layer.prefix + name for name in regrown}
        for name, values in regrown.items():
            before = start[layer.prefix + name]
            assert values.dtype == before.dtype
            np.testing.assert_array_equal(values, before)
    assert {name: values.shape for name, values in arrays.items()} == expected
    names = {
        layer.prefix + n for layer in flat for n in layer.trained() if n in layer.shapes()
    }
    assert names | set(slope_names(space, config)) == trained
    n_trained = sum(layer.n_trained() for layer in flat) + len(slope_names(space, config))
    assert n_trained == network.n_trained


@pytest.mark.parametrize("piece", [1, 20, 2**18])
@pytest.mark.parametrize(("space", "config"), CASES, ids=str)
def test_retraction_is_that_of_torch(
    space, config, piece, randomise, retracted_arrays, monkeypatch
):
    monkeypatch.setattr("sklearn_spectral.fitted.retraction.PIECE", piece)
    network = network_of(space, config, torch.float64)
    randomise(network)
    found = retract(
        layers_of(space, config, 3), slope_names(space, config), network_arrays(network)
    )
    for ours, theirs in zip(found, retracted_arrays(network), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one.flags.c_contiguous
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_every_frozen_array_of_random_eigenvectors_is_regrown():
    config = {**SIZES, **SHAPES[2], **SPECTRAL[0], "bias": True}
    network = network_of("spectral", config, torch.float32)
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    flat = [layer for layers in layers_of("spectral", config, 3) for layer in layers]
    regrown = {layer.prefix + n for layer in flat for n in layer.regrow(np.float32)}
    assert regrown == frozen
