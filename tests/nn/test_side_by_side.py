"""Passes through several networks at once, against autograd through each."""

import itertools
from contextlib import ExitStack

import pytest
import torch

from sklearn_spectral.nn import DirectNetwork, SpectralNetwork
from sklearn_spectral.nn.side_by_side import SideBySide, read_rows
from sklearn_spectral.training.flat import FlatParameters

DOUBLE = torch.float64
COUNTS, N_ROWS = (2, 1, 3), (13, 11, 13)  # networks that read the same rows, and how many


def check(networks, n_members, data=None):
    """Compare outputs and gradients; the networks are moved from their starts."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.randn(*shape, dtype=DOUBLE, generator=generator)

    flats = [FlatParameters(network) for network in networks]
    for flat in flats:
        flat.restore(flat.copy() + 0.3 * drawn(len(flat.vector)))
    values = torch.stack([flat.copy() for flat in flats])
    gradients = torch.full_like(values, torch.nan)
    batches = data or [drawn(n_rows, 6) for n_rows in N_ROWS]
    assert all(map(SideBySide.supports, networks))
    passes = SideBySide(networks, values, gradients, COUNTS)
    firsts = [0, *itertools.accumulate(COUNTS)]
    with torch.no_grad():
        rows = [
            read_rows(networks[first], x) for first, x in zip(firsts, batches, strict=False)
        ]
        output = passes.forward(rows).clone()
        weights = torch.zeros_like(output)
        for number, x in enumerate(batches):
            part = slice(firsts[number] * n_members, firsts[number + 1] * n_members)
            weights[part, : len(x)] = drawn(part.stop - part.start, len(x), 3)
        passes.backward(weights.clone())
    for number, x in enumerate(batches):
        for place in range(firsts[number], firsts[number + 1]):
            expected = networks[place](x).view(n_members, len(x), 3)
            of_place = slice(place * n_members, (place + 1) * n_members), slice(len(x))
            torch.testing.assert_close(output[of_place], expected, atol=1e-12, rtol=1e-12)
            flats[place].gradient.zero_()
            (expected * weights[of_place]).sum().backward()
            torch.testing.assert_close(
                gradients[place], flats[place].gradient, atol=1e-11, rtol=1e-11
            )


@pytest.fixture
def planned():
    """Have networks compute as they do while they train."""
    with ExitStack() as plans:

        def plan(networks, once=None):
            for network in networks:
                plans.enter_context(network.use_plans(network.plan(13, once)))
            return networks

        yield plan


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("train_eigenvalues", ["both", "out", "in"])
@pytest.mark.parametrize("train_eigenvectors", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("strategy", ["layers", "contract", "closed_form"])
@pytest.mark.parametrize("expansion", [None, ((9,), (5,)), ((4,), (20, 3))])
def test_spectral_networks(
    expansion, strategy, bias, train_eigenvectors, train_eigenvalues, n_members, planned
):
    networks = [
        SpectralNetwork(
            6,
            3,
            7,
            linear_expansion=expansion,
            bias=bias,
            train_eigenvalues=train_eigenvalues,
            train_eigenvectors=train_eigenvectors,
            telescope=strategy,
            n_members=n_members,
            seed=seed,
            dtype=DOUBLE,
        )
        for seed in range(sum(COUNTS))
    ]
    check(planned(networks), n_members)


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "elu"])
def test_activations(activation, n_members, planned):
    networks = [
        SpectralNetwork(
            6, 3, (7, 4), activation, n_members=n_members, seed=seed, dtype=DOUBLE
        )
        for seed in range(sum(COUNTS))
    ]
    check(planned(networks), n_members)


@pytest.mark.parametrize("units", [False, True])
def test_direct_networks_and_units(units, planned):
    networks = [
        DirectNetwork(6, 3, (7, 4), units=units, seed=seed, dtype=DOUBLE)
        for seed in range(sum(COUNTS))
    ]
    if units:  # of those that read the same rows the same, which are those of their data
        for network in networks:
            network.set_units(
                input_shift=torch.arange(6.0), input_scale=torch.full((6,), 2)
            )
    check(planned(networks), 1)


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("differ", [False, True])
def test_rows_that_passed_the_frozen_factor(n_members, differ, planned):
    seeds = [number for number, count in enumerate(COUNTS) for _ in range(count)]
    networks = [
        SpectralNetwork(
            6,
            3,
            7,
            train_eigenvalues="out",
            n_members=n_members,
            telescope="project",
            seed=seed,
            dtype=DOUBLE,
        )
        for seed in seeds
    ]
    if differ:  # within a member, so that both products of the rows are needed
        for network, seed in zip(networks, seeds, strict=True):
            eigenvalues = next(network.layers()).eigenvalues_in
            start = torch.linspace(1 + seed, 2, eigenvalues.numel(), dtype=DOUBLE)
            eigenvalues.data.copy_(start.view_as(eigenvalues))
    firsts = [seeds.index(number) for number in range(len(COUNTS))]
    generator = torch.Generator().manual_seed(1)
    data = []
    for first, n_rows in zip(firsts, N_ROWS, strict=True):
        x = torch.randn(n_rows, 6, dtype=DOUBLE, generator=generator)
        plans = networks[first].plan(13, n_rows)
        assert plans[0].strategy == "project"
        data.append(networks[first].precompute(x, plans))
    check(planned(networks, once=13), n_members, data)


def test_what_it_does_not_know(planned):
    factorized = SpectralNetwork(6, 3, 7, train_eigenvectors="svd", seed=0)
    assert not SideBySide.supports(factorized)
    frozen = SpectralNetwork(6, 3, (7, 4), train_eigenvalues="out", seed=0)
    frozen.requires_grad_(False)
    next(reversed([*frozen.layers()])).eigenvalues_out.requires_grad_(True)
    planned([frozen], once=13)
    assert frozen.n_computed_once == 2
    assert not SideBySide.supports(frozen)
