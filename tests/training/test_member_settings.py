"""Members with a rate, a penalty and a norm of their own train as they would alone."""

import numpy as np
import pytest
import torch

from sklearn_spectral.data.bags import Bags
from sklearn_spectral.data.rows import as_rows
from sklearn_spectral.nn import SpectralNetwork
from sklearn_spectral.training.batches import ArrayDataset
from sklearn_spectral.training.flat import FlatParameters
from sklearn_spectral.training.members import members_of
from sklearn_spectral.training.run import train

RATES = torch.tensor([1.0, 0.3, 2.5], dtype=torch.float64)
L1 = torch.tensor([0.0, 0.02, 0.01], dtype=torch.float64)
L2 = torch.tensor([0.3, 0.0, 0.1], dtype=torch.float64)


@pytest.fixture(scope="module")
def data(digits):
    X, y = digits[0][:100], digits[1][:100]
    in_bags = Bags(3, 1, 0).of(as_rows(X))
    weight = np.random.default_rng(0).uniform(0.5, 1.5, 100)
    return ArrayDataset(X, y, weight, in_bags=in_bags)


def alone(data, k):
    """Return the data as member k has it."""
    weight = data.take(slice(0, len(data)))[1][1][:, k].numpy()
    return ArrayDataset(data.X, data.y.numpy(), weight)


def network(**more):
    return SpectralNetwork(64, 10, 12, seed=0, dtype=torch.float64, n_members=3, **more)


SOLVERS = [
    {"solver": "adamax", "learning_rate": "one_cycle"},
    {"solver": "adam"},
    {"solver": "sgd", "momentum": 0.9, "max_norm": 0.05},
    {"solver": "adamax", "batch_size": 100, "averaging": 0.9},
]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("options", SOLVERS, ids=lambda options: options["solver"])
def test_a_member_trains_as_it_would_alone(data, net_for, options, activation):
    population = network(activation=activation, linear_expansion=20)
    members = [population.member(k) for k in range(3)]
    vectors = {"eigenvectors": (0.0, 0.0)}
    net = net_for(
        population,
        data,
        member_rates=RATES,
        penalties={"eigenvalues": (L1, L2), **vectors},
        **options,
    )
    losses = np.zeros(2)
    outcome = train(net, data)
    for k, member in enumerate(members):
        rate = 0.01 * float(RATES[k])
        penalties = {"eigenvalues": (float(L1[k]), float(L2[k])), **vectors}
        its_data = alone(data, k)
        its_net = net_for(
            member, its_data, **options, penalties=penalties, learning_rate_init=rate
        )
        losses += train(its_net, its_data).loss_curve
        expected = member.state_dict()
        for name, values in population.member(k).state_dict().items():
            torch.testing.assert_close(values, expected[name], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(outcome.loss_curve, losses / 3, rtol=1e-10)


def test_what_members_share_gets_the_gradients_of_all(data, net_for):
    population = network(train_eigenvectors=True)
    strengths = {"eigenvalues": (L1, L2), "eigenvectors": (L2, L1)}
    net = net_for(population, data, penalties=strengths)
    x, target = data.take(slice(0, 50))
    members = [population.member(k) for k in range(3)]
    with torch.no_grad():
        loss = net.compute_gradient(x, target)
    total, expected = 0.0, []
    for k, member in enumerate(members):
        its = {name: tuple(float(s[k]) for s in pair) for name, pair in strengths.items()}
        # Of the strengths for what is shared it is the mean that counts.
        its["eigenvectors"] = tuple(float(s.mean()) for s in strengths["eigenvectors"])
        its_net = net_for(member, data, penalties=its)
        with torch.no_grad():
            total += its_net.compute_gradient(x, (target[0], target[1][:, k]))
        expected.append({name: p.grad for name, p in member.named_parameters()})
    assert float(loss) == pytest.approx(float(total), rel=1e-12)
    for name, parameter in population.named_parameters():
        if ".form." in name:
            torch.testing.assert_close(parameter.grad, sum(each[name] for each in expected))
        else:
            torch.testing.assert_close(
                parameter.grad, torch.stack([each[name] for each in expected])
            )
    assert net.penalty() == pytest.approx(float(net.penalty_tensor()) / 3)


def test_what_members_share_moves_at_their_mean_rate(data, net_for):
    start, moves = None, []
    for rates in (None, RATES):
        population = network(train_eigenvectors=True)
        start = FlatParameters(population).copy()
        net = net_for(population, data, member_rates=rates, batch_size=100, n_epochs=1)
        train(net, data)
        moves.append(net.flat.copy() - start)
    members = members_of(population)
    shared = members < 0
    assert shared.sum() == 12 * 64 + 10 * 12
    mean = RATES.mean()
    torch.testing.assert_close(moves[1][shared], moves[0][shared] * mean)
    own = ~shared
    torch.testing.assert_close(moves[1][own], moves[0][own] * RATES[members[own]])


def test_equal_settings_change_no_bit(data, net_for):
    vectors = []
    for rates in (None, torch.ones(3)):
        population = network()
        net = net_for(population, data, member_rates=rates)
        train(net, data)
        vectors.append(net.flat.copy())
    assert torch.equal(*vectors)


def test_numbers_of_a_member_lie_where_it_is_said(net_for, data):
    population = network(activation="tanh", train_eigenvectors="svd")
    flat = FlatParameters(population)
    members = members_of(population)
    assert len(members) == len(flat.vector)
    for k in range(3):
        flat.restore(torch.where(members == k, 7.0, 0.0))
        for name, parameter in population.named_parameters():
            if parameter.requires_grad:
                expected = torch.zeros_like(parameter)
                if ".form." not in name:
                    expected[k] = 7.0
                assert torch.equal(parameter, expected), name
