"""The paper's cascade of N x N matrices against the fast forward pass, in float64."""

from itertools import pairwise

import pytest
import torch

from sklearn_spectral.nn import (
    LinearStack,
    SpectralLinear,
    cascade_matrices,
    compact_adjacency,
    contract,
)

DOUBLE = torch.float64


def make_layers(widths, train_eigenvalues="both", bias=False):
    layers = [
        SpectralLinear(n_in, n_out, bias, init="wide", seed=k, dtype=DOUBLE)
        for k, (n_in, n_out) in enumerate(pairwise(widths))
    ]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for k, layer in enumerate(layers):
            for p in (layer.eigenvalues_in, layer.eigenvalues_out):
                p.copy_(torch.randn(p.shape, generator=generator, dtype=DOUBLE))
            if train_eigenvalues == "paper" and k > 0:
                layer.eigenvalues_in.fill_(1.0)
    return layers


@pytest.mark.parametrize("train_eigenvalues", ["both", "paper"])
@pytest.mark.parametrize("widths", [(6, 3), (6, 9, 3), (6, 9, 8, 3), (5, 4, 8, 7, 2)])
def test_equation_2_is_the_forward_pass(widths, train_eigenvalues):
    layers = make_layers(widths, train_eigenvalues)
    matrices = cascade_matrices(layers)
    n_nodes = sum(widths)
    x = torch.randn(11, widths[0], dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
    state = torch.zeros(11, n_nodes, dtype=DOUBLE)
    state[:, : widths[0]] = x
    for matrix in matrices:
        assert matrix.shape == (n_nodes, n_nodes)
        state = state @ matrix.T
    output = state[:, -widths[-1] :]
    for strategy in ("layers", "contract"):
        fast = LinearStack(layers, strategy)(x)
        torch.testing.assert_close(output, fast, atol=1e-12, rtol=1e-12)


def test_with_the_paper_s_eigenvalues_earlier_entries_stay():
    """Equation 5: what is before the layer's own nodes passes unchanged."""
    layers = make_layers((6, 9, 3), "paper")
    first, second = cascade_matrices(layers)
    state = torch.zeros(18, dtype=DOUBLE)
    state[:6] = torch.arange(1.0, 7.0, dtype=DOUBLE)
    after_first = first @ state
    after_second = second @ after_first
    assert torch.equal(after_second[:15], after_first[:15])
    assert torch.equal(after_first[15:], torch.zeros(3, dtype=DOUBLE))


@pytest.mark.parametrize("widths", [(6, 3), (6, 9, 3), (5, 4, 8, 7, 2)])
def test_compact_adjacency_holds_the_retracted_weight(widths):
    layers = make_layers(widths)
    compact = compact_adjacency(layers)
    n_in, n_out = widths[0], widths[-1]
    weight, bias = contract(layers)
    assert bias is None
    assert compact.shape == (n_in + n_out, n_in + n_out)
    torch.testing.assert_close(compact[n_in:, :n_in], weight, atol=1e-12, rtol=1e-12)
    diagonal = torch.cat([layers[0].eigenvalues_in, layers[-1].eigenvalues_out])
    torch.testing.assert_close(compact.diagonal(), diagonal, atol=1e-12, rtol=0)
    assert torch.equal(compact[:n_in, n_in:], torch.zeros(n_in, n_out, dtype=DOUBLE))
