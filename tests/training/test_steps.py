"""Steps of Adamax and the one-cycle schedule, beside those of torch."""

import copy

import pytest
import torch

from sklearn_spectral.nn import SpectralNetwork
from sklearn_spectral.training.batches import ArrayDataset
from sklearn_spectral.training.one_cycle import OneCycle
from sklearn_spectral.training.run import train
from sklearn_spectral.training.steps import AdamaxState
from sklearn_spectral.training.together import Together


@pytest.mark.parametrize("n_steps", [2, 3, 10, 97])
def test_the_schedule_is_torchs(n_steps):
    solver = torch.optim.Adamax([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(solver, max_lr=0.3, total_steps=n_steps)
    ours, group = OneCycle(0.3, n_steps), solver.param_groups[0]
    for number in range(n_steps):
        assert ours.now() == pytest.approx((group["lr"], group["betas"][0]), rel=1e-12)
        assert ours.last_epoch == schedule.last_epoch
        solver.step()
        if number < n_steps - 1:
            schedule.step()
        ours.step()
    assert ours.last_epoch == n_steps - 1  # there it stays


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
@pytest.mark.parametrize("n_members", [1, 3])
def test_a_training_is_that_of_torchs_adamax(digits, net_for, n_members, schedule):
    X, y = digits[0][:90], digits[1][:90]
    network = SpectralNetwork(
        64, 10, 9, seed=0, dtype=torch.float64, n_members=n_members, train_eigenvectors=True
    )
    other, data = copy.deepcopy(network), ArrayDataset(X, y)
    net = net_for(network, data, shuffle=False, n_epochs=5, learning_rate=schedule)
    train(net, data)

    trained = [p for p in other.parameters() if p.requires_grad]
    solver = torch.optim.Adamax(trained, lr=net.lr)
    cycle = torch.optim.lr_scheduler.OneCycleLR(solver, net.lr, total_steps=15)
    if schedule == "constant":
        solver = torch.optim.Adamax(trained, lr=net.lr)
    for number in range(15):
        first = 32 * (number % 3)
        x, (labels, _) = data.take(slice(first, first + 32))
        solver.zero_grad()
        net.criterion_(other(x), labels).backward()
        solver.step()
        if schedule == "one_cycle" and number < 14:
            cycle.step()
    for ours, torchs in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, torchs)


def test_moments_of_another_type_are_taken_as_that_which_trains():
    """As after portions on the CPU, in float64, that go on where float32 trains."""
    vector = torch.nn.Parameter(torch.zeros(3))
    state, moments = AdamaxState(vector, 0.1), torch.arange(3.0, dtype=torch.float64)
    entry = {"step": torch.tensor(7.0), "exp_avg": moments, "exp_inf": moments + 1}
    state.load_state_dict({"state": {0: entry}, "param_groups": []})
    assert state.n_steps == 7
    assert state.of("exp_avg").dtype == torch.float32
    torch.testing.assert_close(state.of("exp_inf"), torch.tensor([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("n_members", [1, 3])
def test_gradients_are_cut_beside_each_other_as_alone(digits, net_for, n_members):
    X, y = digits[0][:90], digits[1][:90]

    def make():
        network = SpectralNetwork(
            64, 10, 9, seed=0, dtype=torch.float64, n_members=n_members
        )
        return net_for(network, ArrayDataset(X, y), max_norm=0.01)

    alone, beside = make(), [make(), make()]
    train(alone, ArrayDataset(X, y))
    ended = []
    data = [ArrayDataset(X, y) for _ in beside]
    Together(beside, data, lambda net, outcome: ended.append(outcome)).run()
    assert len(ended) == 2
    for net in beside:
        torch.testing.assert_close(net.flat.copy(), alone.flat.copy())
