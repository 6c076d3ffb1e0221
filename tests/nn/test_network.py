"""SpectralNetwork: layout, what trains, and the retracted network."""

import numpy as np
import pytest
import torch

from sklearn_spectral.nn import ScaledTanh, SpectralNetwork
from sklearn_spectral.spec.activations import ACTIVATIONS

DOUBLE = torch.float64

LAYOUTS = [
    {"hidden_layer_sizes": ()},
    {"hidden_layer_sizes": (), "linear_expansion": (30, 20)},
    {"hidden_layer_sizes": 12, "linear_expansion": 30},
    {"hidden_layer_sizes": (12, 9), "linear_expansion": ((), (7,), (5, 6))},
]


def make_network(**settings):
    network = SpectralNetwork(8, 3, seed=0, dtype=DOUBLE, **settings)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator, dtype=DOUBLE))
    return network


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_retracted_network_is_the_extended_one(layout, activation, bias):
    network = make_network(activation=activation, bias=bias, **layout)
    retracted = network.retract()
    assert not any(isinstance(module, ScaledTanh) for module in retracted)
    x = torch.randn(50, 8, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(retracted(x), network(x), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("relu", torch.relu),
        ("logistic", torch.sigmoid),
        ("elu", torch.nn.functional.elu),
        ("tanh", torch.tanh),
    ],
)
def test_forward_by_hand(activation, function):
    network = make_network(hidden_layer_sizes=(12,), activation=activation)
    first, second = network.layers()
    x = torch.randn(5, 8, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))
    slope = network.activations[0].slope if activation == "tanh" else 1
    inner = function(slope * (x @ first.weight.T + first.bias))
    expected = inner @ second.weight.T + second.bias
    torch.testing.assert_close(network(x), expected, atol=1e-12, rtol=1e-12)


def test_the_slope_of_tanh_trains():
    network = make_network(hidden_layer_sizes=(12, 9), activation="tanh")
    slopes = list(network.activations.parameters())
    assert len(slopes) == 2
    network(torch.ones(4, 8, dtype=DOUBLE)).sum().backward()
    assert all(slope.grad is not None and slope.grad != 0 for slope in slopes)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_slopes_are_where_the_activation_has_them(activation):
    network = make_network(hidden_layer_sizes=(12, 9), activation=activation)
    n_slopes = sum(name.endswith("slope") for name, _ in network.named_parameters())
    assert n_slopes == 2 * ACTIVATIONS[activation].has_slope
    assert ACTIVATIONS["tanh"].has_slope


def test_gradcheck_of_scaled_tanh():
    module = ScaledTanh(dtype=DOUBLE)
    x = torch.linspace(-2, 2, 9, dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, slope: torch.func.functional_call(module, {"slope": slope}, (x,)),
        (x, torch.tensor(0.7, dtype=DOUBLE, requires_grad=True)),
    )


def test_paper_trains_both_sets_of_the_first_layer_only():
    network = SpectralNetwork(
        784,
        10,
        hidden_layer_sizes=120,
        linear_expansion=500,
        bias=False,
        train_eigenvalues="paper",
        init="paper",
    )
    first, *others = network.layers()
    assert first.train_eigenvalues == "both"
    for layer in others:
        assert layer.train_eigenvalues == "out"
        assert bool((layer.eigenvalues_in == 1).all())
    # N_1 + N_2 of the first layer, then N_3 and N_4 (the paper's count with N_1).
    assert network.n_trained == 784 + 500 + 120 + 10


def test_identity_joins_all_gaps():
    network = SpectralNetwork(
        8, 3, (12, 9), linear_expansion=((5,), (), ()), activation="identity"
    )
    assert len(network.stacks) == 1
    assert str(network.architecture) == "8-5(linear)-12(linear)-9(linear)-3"
    assert len(network.retract()) == 1


def test_layers_start_differently_and_by_seed():
    network = SpectralNetwork(10, 10, (10,), seed=4)
    first, second = network.layers()
    assert not torch.equal(first.eigenvectors, second.eigenvectors)
    again = SpectralNetwork(10, 10, (10,), seed=4)
    assert torch.equal(next(again.layers()).eigenvectors, first.eigenvectors)


def test_bad_activation():
    with pytest.raises(ValueError, match="activation must be one of"):
        SpectralNetwork(8, 3, activation="swish")


def test_retracting_copies():
    network = make_network(hidden_layer_sizes=())
    linear = network.retract()[0]
    before = linear.weight.detach().numpy().copy()
    with torch.no_grad():
        for p in network.parameters():
            p.zero_()
    np.testing.assert_array_equal(linear.weight.detach().numpy(), before)
