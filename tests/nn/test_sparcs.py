"""SPARCS: its blocks against the square matrices, and what trimming leaves."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_spectral.nn import SparcsNetwork


@pytest.fixture
def random_network(randomise):
    def make(widths, activation="tanh", bias=True):
        ends, settings = (widths[0], widths[-1]), {"bias": bias, "seed": 0}
        network = SparcsNetwork(
            *ends, widths[1:-1], activation, dtype=torch.float64, **settings
        )
        randomise(network)
        return network

    return make


@pytest.fixture
def x():
    return torch.randn(
        50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5), (6, 5, 4)])
def test_blocks_are_those_of_the_square_matrix(hidden, random_network):
    network = random_network((4, *hidden, 3))
    phi = network.eigenvector_matrix()
    eigenvalues = torch.diag(torch.cat(list(network.eigenvalues)))
    expected = phi @ eigenvalues @ torch.linalg.inv(phi)
    torch.testing.assert_close(network.adjacency_matrix(), expected, atol=1e-12, rtol=1e-12)


def test_the_block_that_reaches_past_the_hidden_layer(x, random_network):
    """W31 = (L3 phi2 - phi2 L2) phi1, as the paper has it."""
    network = random_network((4, 7, 3))
    first, second = network.eigenvectors
    _, middle, last = network.eigenvalues
    expected = (torch.diag(last) @ second - second @ torch.diag(middle)) @ first
    torch.testing.assert_close(network.blocks()[3, 1], expected)


@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic", "elu"])
@pytest.mark.parametrize("bias", [True, False])
def test_the_forward_pass_is_that_of_the_blocks(x, activation, bias, random_network):
    network = random_network((4, 6, 5, 4, 3), activation, bias)
    blocks, sent = network.blocks(), {1: x}
    function = {
        "tanh": torch.tanh,
        "relu": torch.relu,
        "logistic": torch.sigmoid,
        "elu": nn.functional.elu,
    }[activation]
    for k in range(2, 6):
        reaching = sum(sent[lower] @ blocks[k, lower].T for lower in range(1, k))
        reaching = reaching + (network.biases[k - 2] if bias else 0)
        sent[k] = reaching if k == 5 else function(reaching)
    torch.testing.assert_close(network(x), sent[5], atol=1e-12, rtol=1e-12)


def test_gradients(x, random_network):
    network = random_network((4, 5, 3))
    parameters = list(network.parameters())

    def run(*values):
        names = [name for name, _ in network.named_parameters()]
        return torch.func.functional_call(
            network, dict(zip(names, values, strict=True)), x[:5]
        )

    assert torch.autograd.gradcheck(run, [p.detach().requires_grad_() for p in parameters])


def test_it_starts_nearly_linear(x):
    network = SparcsNetwork(4, 3, (30, 20), seed=0, dtype=torch.float64)
    output = network(x).detach().numpy()
    design = np.column_stack([x.numpy(), np.ones(len(x))])
    residual = output - design @ np.linalg.lstsq(design, output, rcond=None)[0]
    assert np.abs(residual).max() < 1e-3 * np.abs(output).max()
    assert network.trim(x).widths == (4, 3)


def test_nodes_that_do_what_links_from_the_input_could_are_replaced(x, random_network):
    """With nearly linear hidden nodes: all go, and nothing is lost."""
    network = random_network((4, 6, 5, 3), "elu")
    with torch.no_grad():
        for bias in network.biases[:-1]:
            bias.fill_(100.0)  # elu is the identity there, or nearly constant
    trimmed = network.trim(x)
    assert trimmed.widths == (4, 3)
    torch.testing.assert_close(trimmed(x), network(x), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("bias", [True, False])
def test_trimming_nothing_changes_nothing(x, bias, random_network):
    network = random_network((4, 6, 5, 3), bias=bias)
    whole = network.trim(x, threshold=0.0)
    assert whole.widths == network.widths
    torch.testing.assert_close(whole(x), network(x))
    nothing = network.trim(x, threshold=1e9)
    assert nothing.widths == (4, 3)
    assert sum(p.numel() for p in nothing.parameters()) == 4 * 3 + 3


def test_it_grows_as_far_as_the_task_needs():
    """A linear task leaves no hidden node; a product of inputs opens some."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 4, generator=generator)
    tasks = {
        "linear": x[:, :1] - 2 * x[:, 1:2],
        "product": x[:, :1] * x[:, 1:2],
    }
    widths = {}
    for name, y in tasks.items():
        network = SparcsNetwork(4, 1, (10, 10), seed=0)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(600):
            optimizer.zero_grad()
            penalty = sum(v.square().sum() for v in network.parameters())
            loss = nn.functional.mse_loss(network(x), y) + 1e-4 * penalty
            loss.backward()
            optimizer.step()
        trimmed = network.trim(x)
        error = nn.functional.mse_loss(trimmed(x), y) / y.var()
        assert error < 0.1
        widths[name] = trimmed.widths
    assert widths["linear"] == (4, 1)
    assert 2 < len(widths["product"]) <= 4


def test_errors():
    with pytest.raises(ValueError, match="activation"):
        SparcsNetwork(4, 3, activation="identity")
    with pytest.raises(ValueError, match="every width"):
        SparcsNetwork(4, 3, (0,))
    for ends in ((0, 3), (4, "3")):
        with pytest.raises(ValueError, match="must be an integer of at least 1"):
            SparcsNetwork(*ends, 5)
    network = SparcsNetwork(4, 3, 5)
    for wrong in (torch.zeros(4), torch.zeros(0, 4), torch.zeros(5, 3)):
        with pytest.raises(ValueError, match="rows of 4 numbers"):
            network.trim(wrong)
    for x, threshold in ((torch.full((5, 4), torch.nan), 0.1), (torch.ones(5, 4), -1.0)):
        with pytest.raises(ValueError, match="must be finite and the threshold"):
            network.trim(x, threshold)
    with pytest.raises(TypeError, match="x must be a Tensor; got str"):
        network.trim("x")


def test_seeds_and_frozen_eigenvectors():
    first, second = (SparcsNetwork(4, 3, 5, seed=3) for _ in range(2))
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
    assert SparcsNetwork(4, 3, 5, train_eigenvectors=False).n_trained == 12 + 8
