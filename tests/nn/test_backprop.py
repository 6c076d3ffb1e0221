"""The gradient by hand against autograd's, for everything it knows."""

import pytest
import torch

from sklearn_spectral.nn import DirectNetwork, SpectralLinear, SpectralNetwork, telescope
from sklearn_spectral.nn.backprop import Backprop
from sklearn_spectral.spec.activations import ACTIVATIONS

DOUBLE = torch.float64
X = torch.randn(13, 6, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))

# Others are left to autograd.
KNOWN_ACTIVATIONS = [
    name
    for name in ACTIVATIONS
    if Backprop.supports(SpectralNetwork(2, 2, 3, activation=name, seed=0))
]


def check(network, x):
    """Compare output and gradients; leave stale gradients to be overwritten."""
    network.zero_grad()
    expected = network(x)
    weights = torch.linspace(-1, 1, expected.numel(), dtype=DOUBLE).view_as(expected)
    (expected * weights).sum().backward()
    trained = [p for p in network.parameters() if p.requires_grad]
    gradients = [p.grad for p in trained]
    for parameter in trained:
        parameter.grad = torch.full_like(parameter, torch.nan)
    passes = Backprop(network, batch_size=len(x))
    given = x.clone()
    with torch.no_grad():
        torch.testing.assert_close(passes.forward(x), expected, atol=1e-12, rtol=1e-12)
        passes.backward(weights)
    for parameter, gradient in zip(trained, gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-11, rtol=1e-11)
    assert torch.equal(x, given), "the input is not changed"


@pytest.mark.parametrize("frozen_too", [False, True], ids=["one number", "many"])
@pytest.mark.parametrize("train_eigenvalues", ["both", "out", "in"])
@pytest.mark.parametrize("train_eigenvectors", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("strategy", ["layers", "contract", "closed_form"])
@pytest.mark.parametrize("expansion", [None, ((9,), (5,)), ((90, 80), ()), ((4,), (20, 3))])
def test_spectral_networks(
    expansion, strategy, bias, train_eigenvectors, train_eigenvalues, frozen_too, randomise
):
    network = SpectralNetwork(
        6,
        3,
        7,
        linear_expansion=expansion,
        bias=bias,
        train_eigenvalues=train_eigenvalues,
        train_eigenvectors=train_eigenvectors,
        telescope=strategy,
        seed=0,
        dtype=DOUBLE,
    )
    randomise(network, frozen_too)
    assert Backprop.supports(network)
    check(network, X)


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("strategy", ["contract", "closed_form"])
@pytest.mark.parametrize("train_eigenvalues", ["both", "out", "in", "paper"])
def test_contraction_from_either_end(
    train_eigenvalues, strategy, down, monkeypatch, randomise
):
    monkeypatch.setattr(telescope, "_starts_at_output", lambda *_: down)
    network = SpectralNetwork(
        6,
        3,
        (),
        linear_expansion=(8, 70, 5),
        train_eigenvalues=train_eigenvalues,
        telescope=strategy,
        seed=0,
        dtype=DOUBLE,
    )
    randomise(network, frozen_too=False)
    check(network, X)
    # A bias in one layer only.
    for layer in list(network.layers())[1:]:
        layer.register_parameter("bias", None)
    check(network, X)


def test_the_usual_activations_are_known():
    assert {"elu", "identity", "logistic", "relu", "tanh"} <= set(KNOWN_ACTIVATIONS)


@pytest.mark.parametrize("activation", KNOWN_ACTIVATIONS)
@pytest.mark.parametrize("kind", [SpectralNetwork, DirectNetwork])
def test_activations(kind, activation, randomise):
    network = kind(
        6, 3, (7, 8), activation, linear_expansion=((5,), (), ()), seed=0, dtype=DOUBLE
    )
    randomise(network, frozen_too=False)
    check(network, X)


@pytest.mark.parametrize("frozen_too", [False, True], ids=["one number", "many"])
@pytest.mark.parametrize("expansion", [None, ((9,), (5,)), ((9, 40, 30), ())])
def test_projected(expansion, frozen_too, randomise):
    network = SpectralNetwork(
        6,
        3,
        7,
        linear_expansion=expansion,
        train_eigenvalues="out",
        telescope="project",
        seed=0,
        dtype=DOUBLE,
    )
    randomise(network, frozen_too)
    plans = network.plan(batch_size=13, n_rows=13)
    with network.use_plans(plans):
        check(network, network.precompute(X, plans))


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_random_features(activation):
    network = DirectNetwork(
        6,
        3,
        (7, 8),
        linear_expansion=(9,),
        activation=activation,
        parametrization="readout",
        seed=0,
        dtype=DOUBLE,
    )
    plans = network.plan(batch_size=13, n_rows=13)
    with network.use_plans(plans):
        check(network, network.precompute(X, plans))


def test_what_it_does_not_know():
    assert not Backprop.supports(SpectralNetwork(6, 3, train_eigenvectors="svd"))
    assert not Backprop.supports(DirectNetwork(6, 3, parametrization="gains"))
    assert not Backprop.supports(torch.nn.Linear(2, 3))
    network = SpectralNetwork(6, 3)
    network.activations[0] = torch.nn.Softplus()
    assert not Backprop.supports(network)

    class Other(SpectralLinear):
        """One that may form its weight in another way."""

    network = SpectralNetwork(6, 3)
    network.stacks[0].layers[0] = Other(6, network.stacks[0].widths[-1])
    assert not Backprop.supports(network)
