"""Networks with units: what they read is standardised, what they give is not."""

import pytest
import torch
from torch import nn

from sklearn_spectral.nn import DirectNetwork, SpectralNetwork
from sklearn_spectral.nn.backprop import Backprop
from sklearn_spectral.spec.units import UNITS

DOUBLE = torch.float64
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
UNITS_OF = {
    "input_shift": torch.tensor([0.0, 1990.0, -1e4, 0.5, 0.0, 3.0], dtype=DOUBLE),
    "input_scale": torch.tensor([1.0, 10.0, 1e3, 1e-3, 2.0, 1e-4], dtype=DOUBLE),
    "output_shift": torch.tensor([1e6, 0.0, -3.0], dtype=DOUBLE),
    "output_scale": torch.tensor([1e4, 1.0, 0.2], dtype=DOUBLE),
}
Z = torch.randn(13, 6, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))
X = UNITS_OF["input_shift"] + Z * UNITS_OF["input_scale"]


def in_user_units(output):
    return output * UNITS_OF["output_scale"] + UNITS_OF["output_shift"]


@pytest.fixture
def pair(randomise):
    """Return a function that makes two networks of the same weights, without and with."""

    def make(hidden=(7,), kind=SpectralNetwork, **settings):
        settings = {"seed": 0, "dtype": DOUBLE, **settings}
        plain = kind(6, 3, hidden, **settings)
        randomise(plain, frozen_too=settings.get("telescope") != "project")
        inside = kind(6, 3, hidden, units=True, **settings)
        inside.load_state_dict(plain.state_dict(), strict=False)
        inside.set_units(**UNITS_OF)
        return plain, inside

    return make


LAYOUTS = [
    {"hidden": ()},
    {"hidden": (), "linear_expansion": (9, 5)},
    {"linear_expansion": ((9,), (5,)), "activation": "tanh"},
    {"hidden": (7, 5), "train_eigenvectors": "svd"},
    {"kind": DirectNetwork},
]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_forward_and_both_foldings(pair, layout, bias):
    plain, inside = pair(bias=bias, **layout)
    expected = in_user_units(plain(Z))
    torch.testing.assert_close(inside(X), expected, **CLOSE)
    for folded in (inside.retract(), inside.to_linear()):
        assert not any(module.state_dict().keys() & {*UNITS} for module in folded)
        torch.testing.assert_close(folded(X), expected, **CLOSE)
    for unfolded in (inside.retract(fold_units=False), inside.to_linear(fold_units=False)):
        torch.testing.assert_close(unfolded(Z), plain(Z), **CLOSE)


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5)])
def test_members(pair, hidden):
    plain, inside = pair(hidden, activation="tanh", n_members=3)
    expected = in_user_units(plain(Z))
    torch.testing.assert_close(inside(X), expected, **CLOSE)
    torch.testing.assert_close(inside.retract()(X), expected.mean(0), **CLOSE)
    torch.testing.assert_close(inside.to_linear()(X), expected.mean(0), **CLOSE)
    for k in range(3):
        member = inside.member(k)
        torch.testing.assert_close(member(X), expected[k], **CLOSE)
        torch.testing.assert_close(member.retract()(X), expected[k], **CLOSE)
        assert not plain.member(k).units()
    own = torch.stack([X, X.flip(0), X.roll(1, 0)])
    torch.testing.assert_close(inside(own)[1].flip(0), expected[1], **CLOSE)


def test_there_are_none_at_first_or_if_not_asked():
    network = SpectralNetwork(6, 3, 7, units=True, seed=0, dtype=DOUBLE)
    plain = SpectralNetwork(6, 3, 7, seed=0, dtype=DOUBLE)
    assert torch.equal(network(X), plain(X))
    assert network.units().keys() == {*UNITS}
    assert plain.units() == {}
    assert not plain.state_dict().keys() & {*UNITS}
    assert network.n_trained == plain.n_trained


def test_without_a_shift_nothing_gets_a_bias(pair):
    _, inside = pair(bias=False)
    none = torch.zeros(6, dtype=DOUBLE)
    inside.set_units(input_shift=none, output_shift=none[:3])
    folded = inside.retract()
    assert all(layer.bias is None for layer in folded if isinstance(layer, nn.Linear))
    torch.testing.assert_close(folded(X), inside(X), **CLOSE)


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("telescope", ["layers", "contract", "closed_form", "project"])
def test_plans_and_gradients_are_those_of_standardised_rows(pair, telescope, n_members):
    """While it trains, targets are standardised instead of its output."""
    train = "out" if telescope == "project" else "both"
    plain, inside = pair(
        linear_expansion=((9,), (5,)),
        telescope=telescope,
        train_eigenvalues=train,
        n_members=n_members,
    )
    inside.set_units(output_shift=torch.zeros(3), output_scale=torch.ones(3))
    weights = torch.linspace(-1, 1, n_members * 39, dtype=DOUBLE)
    expected = gradients_of(plain, Z, weights)
    for by_hand in (False, True):
        found = gradients_of(inside, X, weights, by_hand)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, **CLOSE)


def gradients_of(network, x, weights, by_hand=False):
    network.zero_grad()
    plans = network.plan(len(x), len(x))
    with network.use_plans(plans):
        given = network.precompute(x, plans)
        trained = [p for p in network.parameters() if p.requires_grad]
        if by_hand:
            for parameter in trained:
                parameter.grad = torch.zeros_like(parameter)
            passes = Backprop(network, batch_size=len(x))
            with torch.no_grad():
                passes.backward(weights.view_as(passes.forward(given)))
        else:
            output = network(given)
            (output * weights.view_as(output)).sum().backward()
    return [p.grad.clone() for p in trained]


def test_random_features_are_computed_once_from_standardised_rows(pair):
    plain, inside = pair((7, 8), kind=DirectNetwork, parametrization="readout")
    plans = inside.plan(batch_size=13, n_rows=13)
    assert [plan.strategy for plan in plans] == ["once", "once", "layers"]
    with inside.use_plans(plans):
        found = inside(inside.precompute(X, plans))
    torch.testing.assert_close(found, in_user_units(plain(Z)), **CLOSE)
    torch.testing.assert_close(inside(X), found, **CLOSE)
