"""spectralize and to_linear: any torch module, its weights kept exactly."""

import copy

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_spectral.nn import (
    LinearLayer,
    LinearStack,
    SpectralLinear,
    SpectralNetwork,
    spectralize,
    to_linear,
)


@pytest.fixture
def module():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(64, 30),
        nn.ReLU(),
        nn.Sequential(nn.Linear(30, 20), nn.Tanh()),
        nn.Linear(20, 10),
    )


@pytest.fixture
def x():
    return torch.randn(7, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("form", [False, True, "svd", "qr"])
def test_there_and_back(module, x, form):
    spectral = spectralize(module, train_eigenvectors=form)
    exact = form in (False, True)
    for ours, theirs in zip(
        (m for m in spectral.modules() if isinstance(m, SpectralLinear)),
        (m for m in module.modules() if isinstance(m, nn.Linear)),
        strict=True,
    ):
        torch.testing.assert_close(
            ours.weight, theirs.weight, rtol=0, atol=0 if exact else 1e-6
        )
    torch.testing.assert_close(spectral(x), module(x), atol=1e-5, rtol=1e-5)
    back = to_linear(spectral)
    assert repr(back) == repr(module)
    torch.testing.assert_close(back(x), module(x), atol=1e-5, rtol=1e-5)
    if exact:
        assert all(
            torch.equal(a, b)
            for a, b in zip(back.parameters(), module.parameters(), strict=True)
        )


def test_the_module_given_is_not_changed(module):
    before, shown = copy.deepcopy(module.state_dict()), repr(module)
    spectral = spectralize(module)
    with torch.no_grad():
        for parameter in spectral.parameters():
            parameter.add_(1.0)
    to_linear(spectral)
    assert repr(module) == shown
    assert all(torch.equal(module.state_dict()[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        (None, {"0", "2.0", "3"}),
        ("0", {"0"}),
        ("2.*", {"2.0"}),
        (["0", "3"], {"0", "3"}),
        (lambda name, layer: layer.out_features > 15, {"0", "2.0"}),
    ],
)
def test_which_layers(module, layers, chosen):
    spectral = spectralize(module, layers)
    found = {n for n, m in spectral.named_modules() if isinstance(m, SpectralLinear)}
    assert found == chosen


def test_what_trains(module):
    spectral = spectralize(module, "0", train_eigenvalues="out", freeze_others=True)
    trained = {n for n, p in spectral.named_parameters() if p.requires_grad}
    assert trained == {"0.bias", "0.eigenvalues_out"}
    module[0].bias.requires_grad_(False)
    assert not spectralize(module)[0].bias.requires_grad
    assert all(p.requires_grad for p in spectralize(module, "0")[3].parameters())
    assert not spectralize(module.eval())[0].training


def test_a_module_alone():
    linear = nn.Linear(3, 2, bias=False, dtype=torch.float64)
    layer = spectralize(linear)
    assert isinstance(layer, SpectralLinear)
    assert layer.weight.dtype == torch.float64
    assert layer.bias is None
    assert torch.equal(to_linear(layer).weight, linear.weight)


def test_a_layer_that_is_used_twice_stays_one(x):
    shared = nn.Linear(64, 64)
    spectral = spectralize(nn.Sequential(shared, nn.ReLU(), shared))
    assert spectral[0] is spectral[2]
    torch.testing.assert_close(spectral(x), shared(torch.relu(shared(x))))


def test_a_transformer():
    """Its fast path reads weights as attributes."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    spectral, z = spectralize(layer), torch.randn(2, 5, 16)
    torch.testing.assert_close(spectral(z), layer(z), atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(spectral(z), layer(z), atol=1e-5, rtol=1e-5)
    assert sum(isinstance(m, SpectralLinear) for m in spectral.modules()) == 3


def test_spectral_networks_become_ordinary(x):
    network = SpectralNetwork(64, 10, 20, linear_expansion=30, seed=0)
    plain = to_linear(network)
    assert repr(plain) == repr(network.to_linear())
    torch.testing.assert_close(plain(x), network(x), atol=1e-5, rtol=1e-5)
    inside = nn.Sequential(network, nn.ReLU(), network.stacks[0].layers[0])
    inside[2] = LinearStack([SpectralLinear(10, 7), SpectralLinear(7, 3)])
    torch.testing.assert_close(to_linear(inside)(x), inside(x), atol=1e-5, rtol=1e-5)
    assert not any(isinstance(m, LinearLayer) for m in to_linear(inside).modules())


def test_fine_tuning_in_skorch(module, digits):
    X, y = digits[0].astype(np.float32), digits[1].astype(np.int64)
    net = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=8,
        train_split=None,
        verbose=0,
    ).fit(X, y)
    shifted = X[:, ::-1].copy()  # the digits, upside down
    before = net.score(shifted, y)
    spectral = spectralize(net.module_, freeze_others=True)
    phi = spectral[0].eigenvectors.detach().clone()
    tuned = NeuralNetClassifier(
        spectral,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.03,
        max_epochs=15,
        train_split=None,
        verbose=0,
    ).fit(shifted, y)
    assert tuned.score(shifted, y) > before + 0.3
    assert torch.equal(tuned.module_[0].eigenvectors, phi)
    trained = sum(p.numel() for p in tuned.module_.parameters() if p.requires_grad)
    assert trained == 64 + 30 + 30 + 20 + 20 + 10 + 30 + 20 + 10


class TestErrors:
    def test_nothing_chosen(self, module):
        with pytest.raises(ValueError, match=r"chooses no .* it has \['0', '2.0', '3'\]"):
            spectralize(module, "conv")
        with pytest.raises(ValueError, match="it has none"):
            spectralize(nn.ReLU())

    def test_more_than_weight_and_bias(self):
        shared = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
        shared[1].weight = shared[0].weight
        with pytest.raises(ValueError, match="shares its weight with '0'"):
            spectralize(shared)
        tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        tied[1].bias = tied[0].bias
        with pytest.raises(ValueError, match="shares its bias with '1'"):
            spectralize(tied)
        normed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
        with pytest.raises(ValueError, match="parametrizations"):
            spectralize(normed)
        hooked = nn.Linear(3, 2)
        hooked.register_forward_hook(lambda *_: None)
        with pytest.raises(ValueError, match="hooks"):
            spectralize(nn.Sequential(hooked))
        with pytest.raises(ValueError, match="no size yet"):
            spectralize(nn.LazyLinear(3))

    def test_wrong_types(self, module):
        for wrong in (None, 3, "module"):
            for function in (spectralize, to_linear):
                with pytest.raises(TypeError, match="Module is needed"):
                    function(wrong)
        for wrong in (3, ["0", 4]):
            with pytest.raises(TypeError, match="layers must be"):
                spectralize(module, wrong)
