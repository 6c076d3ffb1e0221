"""The telescope's plan: what it counts, chooses and says, and following it."""

import itertools

import pytest
import torch

from sklearn_spectral.nn import (
    DirectNetwork,
    LinearStack,
    SpectralLinear,
    SpectralNetwork,
    telescope,
)
from sklearn_spectral.spec.plan import STRATEGIES, STRATEGY_CHOICES

DOUBLE = torch.float64


def stack_of(*widths, strategy="auto", **settings):
    pairs = itertools.pairwise(widths)
    return LinearStack(
        [SpectralLinear(*pair, seed=0, **settings) for pair in pairs], strategy
    )


class TestChoice:
    def test_counts_by_hand(self):
        plan = stack_of(80, 100, 10, bias=False).plan(50, into_input=False)
        forming = 64
        first, last = 80 * 100, 100 * 10
        assert plan.multiplications == {
            # There, into both weights, into the input of the last.
            "layers": 50 * (2 * first + 3 * last) + forming * (first + last),
            # The product, into both factors; then the batch there, and into the matrix.
            "contract": 10 * first * 3 + forming * (first + last) + 2 * 50 * 80 * 10,
            # Four thin products.
            "closed_form": 4 * 10 * first + forming * last + 2 * 50 * 80 * 10,
        }
        assert plan.strategy == "closed_form"

    def test_a_gradient_into_the_input_is_counted(self):
        stack = stack_of(80, 100, 10)
        without = stack.plan(50, into_input=False).multiplications
        with_it = stack.plan(50, into_input=True).multiplications
        assert with_it["layers"] - without["layers"] == 50 * 80 * 100
        assert with_it["contract"] - without["contract"] == 50 * 80 * 10

    def test_depends_on_the_batch(self):
        stack = stack_of(80, 100, 60, train_eigenvectors=True)
        assert stack.plan(10).strategy == "layers"
        assert stack.plan(1000).strategy == "contract"

    def test_a_bottleneck_is_never_contracted(self):
        assert stack_of(80, 5, 60).plan(10**6).strategy == "layers"

    def test_one_set_of_one_number_halves_the_products(self):
        both = stack_of(80, 100, 10, bias=False).plan(50)
        out = stack_of(80, 100, 10, bias=False, train_eigenvalues="out").plan(50)
        saved = both.multiplications["closed_form"] - out.multiplications["closed_form"]
        assert saved == 2 * 10 * 80 * 100

    @pytest.mark.parametrize("strategy", ["layers", "contract", "closed_form"])
    def test_can_be_overridden(self, strategy):
        plan = stack_of(80, 100, 10, strategy=strategy).plan(50)
        assert plan.strategy == strategy
        assert len(plan.multiplications) == 3

    def test_says_it_in_words(self):
        text = str(stack_of(80, 100, 10).plan(50))
        assert text.startswith(
            "80-100-10, batches of 50: by the retracted matrix, in closed"
        )
        assert [line[0] for line in text.splitlines()[1:]] == [" ", " ", "*"]
        assert set(STRATEGY_CHOICES[1:]) < set(STRATEGIES)

    def test_the_stack_does_as_planned(self, monkeypatch):
        stack = stack_of(80, 100, 60, train_eigenvectors=True)
        calls = []
        contract = telescope._contract

        def spied(layers, closed_form, down):
            calls.append(closed_form)
            return contract(layers, closed_form, down)

        monkeypatch.setattr(telescope, "_contract", spied)
        stack(torch.zeros(10, 80))
        assert calls == []
        stack(torch.zeros(1000, 80))
        assert calls == [False]


def network_for(train, hidden=(7,), expansion=((9,), (5,)), **settings):
    return SpectralNetwork(
        6,
        3,
        hidden,
        linear_expansion=expansion,
        train_eigenvalues=train,
        seed=0,
        dtype=DOUBLE,
        **settings,
    )


def trained_gradients(network, x):
    network.zero_grad()
    output = network(x)
    (
        output * torch.linspace(-1, 1, output.numel(), dtype=DOUBLE).view_as(output)
    ).sum().backward()
    return output, [p.grad.clone() for p in network.parameters() if p.requires_grad]


class TestProjection:
    @pytest.mark.parametrize("frozen_too", [False, True], ids=["one number", "many"])
    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
    @pytest.mark.parametrize("expansion", [None, ((9,), (5,)), ((9, 40, 30), ())])
    def test_is_the_network(self, expansion, activation, bias, frozen_too, randomise):
        network = network_for(
            "out",
            expansion=expansion,
            activation=activation,
            bias=bias,
            telescope="project",
        )
        randomise(network, frozen_too)
        x = torch.randn(13, 6, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))
        expected, plain = trained_gradients(network, x)
        plans = network.plan(batch_size=13, n_rows=13)
        assert plans[0].strategy == "project"
        with network.use_plans(plans):
            found, fast = trained_gradients(network, network.precompute(x, plans))
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
        for one, other in zip(fast, plain, strict=True):
            torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)
        torch.testing.assert_close(network(x), expected, msg="back to raw data")

    def test_is_chosen_where_the_map_is_narrow_and_the_rows_are_known(self):
        assert network_for("out", expansion=None).plan(50, 1000)[0].strategy == "project"
        assert network_for("out", expansion=None).plan(50)[0].strategy == "layers"
        assert network_for("both", expansion=None).plan(50, 1000)[0].strategy == "layers"

    def test_is_not_chosen_where_it_would_not_fit(self, monkeypatch):
        monkeypatch.setattr(telescope, "PROJECTED_NUMBERS", 1000)
        wide = SpectralNetwork(6, 3, 20, train_eigenvalues="out", seed=0)
        assert "project" not in wide.plan(50, 1000)[0].multiplications
        narrow = SpectralNetwork(6, 3, 5, train_eigenvalues="out", seed=0)
        assert narrow.plan(50, 1000)[0].strategy == "project"
        wide.set_telescope("project")
        assert wide.plan(50, 1000)[0].strategy == "project", "a user may insist"

    def test_insisting_where_nothing_is_frozen(self):
        network = network_for("both", telescope="project")
        with pytest.raises(ValueError, match="part that never trains"):
            network.plan(50, 1000)
        assert network(torch.zeros(2, 6, dtype=DOUBLE)).shape == (2, 3), "as auto"

    @pytest.mark.parametrize("parametrization", ["readout", "gains"])
    @pytest.mark.parametrize("activation", ["relu", "identity"])
    def test_direct_networks(self, parametrization, activation):
        network = DirectNetwork(
            6,
            3,
            (7, 8),
            linear_expansion=(9,),
            activation=activation,
            parametrization=parametrization,
            seed=0,
            dtype=DOUBLE,
        )
        x = torch.randn(13, 6, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))
        expected, plain = trained_gradients(network, x)
        plans = network.plan(batch_size=13, n_rows=13)
        if parametrization == "readout" and activation == "relu":
            assert [plan.strategy for plan in plans] == ["once", "once", "layers"]
        with network.use_plans(plans):
            found, fast = trained_gradients(network, network.precompute(x, plans))
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
        for one, other in zip(fast, plain, strict=True):
            torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)

    def test_a_failure_within_leaves_the_network_as_it_was(self):
        network = network_for("out")
        plans = network.plan(5, 100)
        with pytest.raises(RuntimeError, match="stop"), network.use_plans(plans):
            raise RuntimeError("stop")
        assert network(torch.zeros(2, 6, dtype=DOUBLE)).shape == (2, 3)
