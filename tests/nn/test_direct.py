"""Layers and networks in direct space: what trains, what stays, and the same maths."""

import pytest
import torch

from sklearn_spectral.nn import (
    Architecture,
    DirectLinear,
    DirectNetwork,
    LinearStack,
    SpectralNetwork,
)
from sklearn_spectral.spec.activations import ACTIVATIONS

DOUBLE = torch.float64
TRAIN = {
    "weights": {},
    "subset": {"n_weights": 57},
    "gains": {},
    "readout": {},
    "low_rank": {"rank": 3},
    "singular_values": {},
    "qr": {},
}


def random(*shape, seed=0):
    return torch.randn(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def make_network(parametrization, **settings):
    network = DirectNetwork(
        6,
        4,
        (),
        linear_expansion=(9, 8),
        parametrization=parametrization,
        seed=0,
        dtype=DOUBLE,
        **{**TRAIN[parametrization], **settings},
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in network.parameters():
            if p.requires_grad:
                p.add_(torch.randn(p.shape, generator=generator, dtype=DOUBLE) / 3)
    return network


LAYERS = [
    lambda: DirectLinear(random(80, 90)),
    lambda: DirectLinear(random(80, 90), parametrization="none"),
    lambda: DirectLinear(
        random(80, 90), parametrization="subset", position=torch.arange(0, 7200, 7)
    ),
    lambda: DirectLinear(random(80, 90), parametrization="gains"),
    lambda: DirectLinear(random(80, 5) @ random(5, 90), parametrization="low_rank", rank=5),
    lambda: DirectLinear(random(80, 90), parametrization="singular_values"),
    lambda: DirectLinear(random(80, 90), parametrization="qr"),
    lambda: DirectLinear(random(90, 80).T, parametrization="qr"),
]


@pytest.mark.parametrize("make", LAYERS)
def test_every_way_through_a_layer_is_its_weight(make):
    layer = make()
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(random(*p.shape, seed=3))
    x, left = random(5, 90, seed=1), random(7, 80, seed=2)
    torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)
    torch.testing.assert_close(layer.left_multiply(left), left @ layer.weight)
    torch.testing.assert_close(layer.right_multiply(x.T), layer.weight @ x.T)
    fixed = layer.frozen_factor()
    if fixed is not None:
        torch.testing.assert_close(layer.from_projection(x @ fixed.T), layer(x))
    linear = layer.to_linear()
    assert torch.equal(linear.weight, layer.weight)


@pytest.mark.parametrize("parametrization", TRAIN)
@pytest.mark.parametrize("bias", [False, True])
def test_contracted_is_layer_by_layer_with_gradients(parametrization, bias):
    network = make_network(parametrization, bias=bias)
    (stack,) = network.stacks
    x = random(13, 6)
    results = []
    for strategy in ("layers", "contract", "closed_form"):
        stack.set_strategy(strategy)
        network.zero_grad()
        output = network(x)
        (output * random(13, 4, seed=5)).sum().backward()
        results.append((output, [p.grad for p in network.parameters() if p.requires_grad]))
    for other in results[1:]:
        torch.testing.assert_close(results[0], other, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("parametrization", TRAIN)
def test_gradcheck(parametrization):
    network = make_network(parametrization)
    names = [name for name, p in network.named_parameters() if p.requires_grad]
    values = [network.get_parameter(n).detach().clone().requires_grad_() for n in names]

    def forward(x, *values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(network, parameters, (x,))

    x = random(3, 6).requires_grad_()
    assert torch.autograd.gradcheck(forward, (x, *values))


@pytest.mark.parametrize(
    ("parametrization", "n_trained"),
    [
        ("weights", 784 * 100 + 100 * 10),
        ("subset", 794),
        ("gains", 110),
        ("readout", 1000),
        ("low_rank", 5 * (784 + 100 + 100 + 10)),
        ("singular_values", 110),
        ("qr", 5050 + 55),
    ],
)
def test_number_of_trained_weights(parametrization, n_trained):
    network = DirectNetwork(
        784,
        10,
        100,
        parametrization=parametrization,
        n_weights=794,
        rank=5,
        bias=False,
        seed=0,
    )
    assert network.n_trained == n_trained


@pytest.mark.parametrize("frozen_init", ["start", "zero"])
def test_a_subset_is_exact_random_and_the_rest_stays(frozen_init):
    plain = DirectNetwork(20, 5, 30, bias=False, seed=3, dtype=DOUBLE)
    network = DirectNetwork(
        20,
        5,
        30,
        bias=False,
        parametrization="subset",
        n_weights=100,
        frozen_init=frozen_init,
        seed=3,
        dtype=DOUBLE,
    )
    starts = [layer.weight.detach().clone() for layer in plain.layers()]
    with torch.no_grad():
        for layer in network.layers():
            layer.form.entries.add_(1.0)
    n_changed = 0
    for layer, start in zip(network.layers(), starts, strict=True):
        rest = start if frozen_init == "start" else torch.zeros_like(start)
        moved = layer.weight != rest
        torch.testing.assert_close(layer.weight[moved], start[moved] + 1.0)
        n_changed += int(moved.sum())
    assert n_changed == network.n_trained == 100
    sizes = [len(layer.form.entries) for layer in network.layers()]
    assert sizes[0] > sizes[1] > 0, "600 and 150 weights"
    again = DirectNetwork(20, 5, 30, parametrization="subset", n_weights=100, seed=4)
    first = next(iter(network.layers())).form.position
    assert not torch.equal(first, next(iter(again.layers())).form.position[: len(first)])


def test_the_scaled_start_is_that_of_a_spectral_network():
    settings = {"linear_expansion": 12, "seed": 5, "dtype": DOUBLE}
    direct = DirectNetwork(6, 3, 9, init="scaled", **settings)
    spectral = SpectralNetwork(6, 3, 9, **settings)
    for ours, theirs in zip(direct.layers(), spectral.layers(), strict=True):
        assert torch.equal(ours.weight, theirs.weight)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_ordinary_network_of_as_many_layers_is_the_same_in_direct_space(activation):
    spectral = SpectralNetwork(
        6, 3, 9, linear_expansion=((12,), (5,)), activation=activation, seed=0, dtype=DOUBLE
    )
    with torch.no_grad():
        for p in spectral.parameters():
            p.add_(random(*p.shape, seed=1) / 5)
    x = random(20, 6)
    ordinary = spectral.to_linear()
    torch.testing.assert_close(ordinary(x), spectral(x), atol=1e-10, rtol=1e-10)
    layers = [m for m in ordinary if isinstance(m, torch.nn.Linear)]
    assert [m.out_features for m in layers] == [12, 9, 5, 3]
    direct = DirectNetwork.from_layers(spectral.architecture, activation, layers)
    torch.testing.assert_close(direct(x), spectral(x), atol=1e-10, rtol=1e-10)
    assert all(p.requires_grad for p in direct.parameters())


@pytest.mark.parametrize("biases", [(True, False), (False, True), (False, False)])
def test_a_network_from_layers_with_and_without_biases(biases):
    layers = [
        torch.nn.Linear(n_in, n_out, bias=bias, dtype=DOUBLE)
        for (n_in, n_out), bias in zip([(4, 5), (5, 2)], biases, strict=True)
    ]
    architecture = Architecture.build(4, 2, 5)
    network = DirectNetwork.from_layers(architecture, "relu", layers)
    x = random(7, 4)
    expected = layers[1](torch.relu(layers[0](x)))
    torch.testing.assert_close(network(x), expected)
    with pytest.raises(ValueError, match="4-5-2 has weights of the shapes"):
        DirectNetwork.from_layers(architecture, "relu", layers[:1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parametrization": "some"}, "parametrization must be one of"),
        ({"parametrization": "subset"}, "needs n_weights, .* between 1 and 27"),
        ({"parametrization": "subset", "n_weights": 34}, "between 1 and 27, .* got 34"),
        ({"init": "zeros"}, "init must be one of"),
        (
            {"parametrization": "subset", "n_weights": 3, "frozen_init": "one"},
            "'start' or 'zero'",
        ),
        ({"activation": "sine"}, "activation must be one of"),
    ],
)
def test_bad_arguments(settings, message):
    with pytest.raises(ValueError, match=message):
        DirectNetwork(8, 1, 3, **{"linear_expansion": (), **settings}, bias=False)


def test_stacks_take_any_layers():
    stack = LinearStack(
        [DirectLinear(random(9, 6), parametrization="gains"), DirectLinear(random(4, 9))],
        "contract",
    )
    x = random(5, 6)
    torch.testing.assert_close(stack(x), stack.layers[1](stack.layers[0](x)))
