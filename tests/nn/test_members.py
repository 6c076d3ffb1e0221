"""Members of a population: each is the paper's network, all are computed together."""

import pytest
import torch
from torch import nn

from sklearn_spectral.nn import (
    BlockLinear,
    BrierLoss,
    LinearStack,
    LogLoss,
    SpectralLinear,
    SpectralNetwork,
    SquaredError,
    cascade_matrices,
    compact_adjacency,
    telescope,
)
from sklearn_spectral.nn.backprop import Backprop

DOUBLE = torch.float64
K = 3


def rows(*shape):
    return torch.randn(*shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))


def population(hidden=7, n_out=4, **settings):
    settings = {"seed": 0, "dtype": DOUBLE, "n_members": K, **settings}
    return SpectralNetwork(6, n_out, hidden, **settings)


def alone(network, x):
    """Pass rows, shared or of each member's own, through the members one by one."""
    own = [*x] if x.ndim == 3 else [x] * network.n_members
    return torch.stack([network.member(k)(own[k]) for k in range(network.n_members)])


FORMS = [False, True, "svd", "qr", "gains", "kronecker"]

EXPANSIONS = [None, ((9,), (5,)), ((90, 80), ()), ((4,), (20, 3))]


class TestDefinition:
    @pytest.mark.parametrize("train_eigenvectors", FORMS)
    @pytest.mark.parametrize("train_eigenvalues", ["both", "out", "in", "paper"])
    def test_forward_is_the_cascade_of_square_matrices(
        self, train_eigenvalues, train_eigenvectors, randomise
    ):
        network = population(
            (),
            linear_expansion=(8, 5),
            bias=False,
            train_eigenvalues=train_eigenvalues,
            train_eigenvectors=train_eigenvectors,
        )
        randomise(network, frozen_too=True)
        x, n_nodes = rows(13, 6), 6 + 8 + 5 + 4
        for k in range(K):
            signal = torch.zeros(13, n_nodes, dtype=DOUBLE)
            signal[:, :6] = x
            for matrix in cascade_matrices([*network.member(k).layers()]):
                signal = signal @ matrix.T
            torch.testing.assert_close(
                network(x)[k], signal[:, -4:], atol=1e-12, rtol=1e-12
            )

    def test_square_matrices_of_all_members(self, randomise):
        network = population((), linear_expansion=5)
        randomise(network, frozen_too=True)
        layers = [*network.layers()]
        for k in range(K):
            own = [*network.member(k).layers()]
            assert torch.equal(compact_adjacency(layers)[k], compact_adjacency(own))
            assert torch.equal(layers[0].adjacency_matrix()[k], own[0].adjacency_matrix())

    @pytest.mark.parametrize("x", [rows(13, 6), rows(K, 13, 6)], ids=["shared", "own"])
    @pytest.mark.parametrize("strategy", ["layers", "contract", "closed_form"])
    @pytest.mark.parametrize("train_eigenvectors", FORMS)
    @pytest.mark.parametrize("expansion", EXPANSIONS)
    def test_every_strategy(self, expansion, train_eigenvectors, strategy, x, randomise):
        network = population(
            linear_expansion=expansion,
            activation="tanh",
            train_eigenvectors=train_eigenvectors,
            telescope=strategy,
        )
        randomise(network, frozen_too=True)
        expected = alone(network, x)
        torch.testing.assert_close(network(x), expected, atol=1e-12, rtol=1e-12)


class TestGradient:
    @staticmethod
    def check(network, x):
        """By hand, by autograd and member by member."""
        n_rows = x.shape[-2]
        output = network(x)
        weights = rows(*output.shape)
        network.zero_grad()
        (output * weights).sum().backward()
        trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
        expected = {n: p.grad for n, p in trained.items()}
        of_phi = {n: torch.zeros_like(p) for n, p in trained.items() if "form" in n}
        for k in range(K):
            member = network.member(k)
            inputs = x[k] if x.ndim == 3 else x
            (member(inputs) * weights[k]).sum().backward()
            for name, parameter in member.named_parameters():
                if name in of_phi:
                    of_phi[name] += parameter.grad
                elif parameter.requires_grad:
                    torch.testing.assert_close(
                        expected[name][k], parameter.grad, atol=1e-11, rtol=1e-11
                    )
        for name, gradient in of_phi.items():
            torch.testing.assert_close(expected[name], gradient, atol=1e-11, rtol=1e-11)
        if not Backprop.supports(network):
            return
        for parameter in trained.values():
            parameter.grad = torch.full_like(parameter, torch.nan)
        passes = Backprop(network, batch_size=n_rows)
        with torch.no_grad():
            torch.testing.assert_close(passes.forward(x), output, atol=1e-12, rtol=1e-12)
            passes.backward(weights)
        for name, parameter in trained.items():
            torch.testing.assert_close(
                parameter.grad, expected[name], atol=1e-11, rtol=1e-11
            )

    @pytest.mark.parametrize("x", [rows(13, 6), rows(K, 13, 6)], ids=["shared", "own"])
    @pytest.mark.parametrize("train_eigenvalues", ["both", "out", "in"])
    @pytest.mark.parametrize("train_eigenvectors", [False, True])
    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("strategy", ["layers", "contract", "closed_form"])
    @pytest.mark.parametrize("expansion", EXPANSIONS)
    def test_by_hand(
        self, expansion, strategy, bias, train_eigenvectors, train_eigenvalues, x, randomise
    ):
        network = population(
            linear_expansion=expansion,
            bias=bias,
            train_eigenvalues=train_eigenvalues,
            train_eigenvectors=train_eigenvectors,
            telescope=strategy,
        )
        randomise(network, frozen_too=True)
        assert Backprop.supports(network)
        self.check(network, x)

    @pytest.mark.parametrize("train_eigenvectors", FORMS[2:])
    @pytest.mark.parametrize("expansion", EXPANSIONS)
    def test_by_autograd(self, expansion, train_eigenvectors, randomise):
        network = population(
            linear_expansion=expansion, train_eigenvectors=train_eigenvectors
        )
        randomise(network, frozen_too=True)
        self.check(network, rows(13, 6))

    @pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "elu", "identity"])
    def test_activations(self, activation, randomise):
        network = population((7, 8), activation=activation)
        randomise(network, frozen_too=False)
        self.check(network, rows(13, 6))

    @pytest.mark.parametrize("down", [False, True])
    @pytest.mark.parametrize("strategy", ["contract", "closed_form"])
    def test_contraction_from_either_end(self, strategy, down, monkeypatch, randomise):
        monkeypatch.setattr(telescope, "_starts_at_output", lambda *_: down)
        network = population((), linear_expansion=(8, 70, 5), telescope=strategy)
        randomise(network, frozen_too=False)
        self.check(network, rows(13, 6))
        for layer in list(network.layers())[1:]:
            layer.register_parameter("bias", None)
        self.check(network, rows(13, 6))

    @pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
    @pytest.mark.parametrize("lambda_in", ["start", "many", "one number"])
    @pytest.mark.parametrize("expansion", [None, ((9,), (5,)), ((9, 40, 30), ())])
    @pytest.mark.parametrize("train_eigenvectors", [False, "gains"])
    def test_projected(self, train_eigenvectors, expansion, lambda_in, own, randomise):
        network = population(
            linear_expansion=expansion,
            train_eigenvalues="out",
            train_eigenvectors=train_eigenvectors,
            telescope="project",
        )
        randomise(network, frozen_too=lambda_in == "many")
        if lambda_in == "one number":  # of each member
            next(network.layers()).eigenvalues_in.data.copy_(rows(K, 1))
        x = rows(13, 6)
        index = torch.arange(3 * K).reshape(K, 3) % 7
        expected = alone(network, x[index] if own else x)
        plans = network.plan(batch_size=13, n_rows=13)
        assert plans[0].strategy == "project"
        with network.use_plans(plans):
            projected = network.precompute(x, plans)
            if own:
                projected = network.rows_of_members(projected, index)
                n_out = next(network.layers()).out_features
                assert projected.shape in ((K, 3, n_out), (K, 3, 2 * n_out))
            output = network(projected)
            torch.testing.assert_close(output, expected, atol=1e-12, rtol=1e-12)
            network.zero_grad()
            weights = rows(*output.shape)
            (output * weights).sum().backward()
            trained = [p for p in network.parameters() if p.requires_grad]
            gradients = [p.grad for p in trained]
            if Backprop.supports(network):
                for parameter in trained:
                    parameter.grad = torch.full_like(parameter, torch.nan)
                passes = Backprop(network, 13)
                with torch.no_grad():
                    torch.testing.assert_close(passes.forward(projected), output)
                    passes.backward(weights)
                for parameter, gradient in zip(trained, gradients, strict=True):
                    torch.testing.assert_close(parameter.grad, gradient)

    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("train_eigenvectors", [False, True])
    def test_columns_of_zeros(self, train_eigenvectors, bias, randomise):
        network = SpectralNetwork(
            300,
            4,
            7,
            bias=bias,
            train_eigenvectors=train_eigenvectors,
            seed=0,
            dtype=DOUBLE,
            n_members=K,
        )
        randomise(network, frozen_too=True)
        x = rows(13, 300) * (torch.arange(300) % 3 > 0)
        x[:, 1].clamp_(max=0)  # whose largest number is zero, as that of an empty column
        self.check(network, x)
        self.check(network, torch.zeros(13, 300, dtype=DOUBLE))

    def test_projected_once_for_all_where_the_factor_is_shared(self):
        network = population(train_eigenvalues="out", train_eigenvectors=True)
        assert next(network.layers()).frozen_factor() is None
        network = population(train_eigenvalues="out")
        layer = next(network.layers())
        assert layer.frozen_factor().shape == ((K + 1) * 7, 6)
        layer.eigenvalues_in.data.fill_(1.0)
        assert layer.frozen_factor().shape == (7, 6)


class TestRetraction:
    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    @pytest.mark.parametrize("hidden", [(), 7, (7, 5), (7, 5, 8)], ids=str)
    @pytest.mark.parametrize("bias", [False, True])
    def test_one_network_is_the_mean_of_the_members(
        self, bias, hidden, activation, randomise
    ):
        expansion = [(9,)] + [()] * (1 if hidden == 7 else len(hidden))
        if hidden == ():
            expansion = (9,)
        network = population(
            hidden, activation=activation, bias=bias, linear_expansion=expansion
        )
        randomise(network, frozen_too=True)
        x = rows(13, 6)
        expected = network(x).mean(0)
        for retracted in (network.retract(), network.to_linear()):
            torch.testing.assert_close(retracted(x), expected, atol=1e-10, rtol=1e-10)
        linear = [m for m in network.retract() if isinstance(m, (nn.Linear, BlockLinear))]
        inner = linear[1:-1]
        assert all(isinstance(layer, BlockLinear) for layer in inner)
        assert [layer.weight.ndim for layer in inner] == [3] * len(inner)

    def test_one_layer_alone_is_no_ordinary_layer(self):
        with pytest.raises(ValueError, match="3 members"):
            SpectralLinear(3, 2, n_members=K).to_linear()


class TestStart:
    def test_members_share_eigenvectors_and_differ_in_lambda_in(self):
        for trained, n_differing in ((False, 2), (True, 1)):
            layers = [*population(train_eigenvectors=trained).layers()]
            assert [layer.eigenvectors.ndim for layer in layers] == [2, 2]
            differ = [bool(layer.eigenvalues_in.std(0).gt(0).all()) for layer in layers]
            assert differ == [True] * n_differing + [False] * (2 - n_differing)
            assert all((layer.eigenvalues_out == 0).all() for layer in layers)

    def test_a_member_does_not_depend_on_how_many_there_are(self):
        few, many = population(n_members=2), population(n_members=9)
        for one, other in zip(few.parameters(), many.parameters(), strict=True):
            if one.shape == other.shape:
                assert torch.equal(one, other)
            else:
                assert torch.equal(one, other[:2])

    def test_a_member_is_a_copy(self):
        network = population(activation="tanh").eval()
        member = network.member(1)
        assert not member.training
        member.register_forward_hook(lambda *_: pytest.fail("this is of the member"))
        before = network(rows(2, 6))
        with torch.no_grad():
            for parameter in member.parameters():
                parameter.fill_(3.0)
        assert torch.equal(network(rows(2, 6)), before)

    @pytest.mark.parametrize("init", ["scaled", "paper", "wide"])
    @pytest.mark.parametrize("train_eigenvalues", ["both", "out", "in"])
    def test_they_vary_as_much_as_the_gaps(self, train_eigenvalues, init):
        layer = SpectralLinear(
            500,
            400,
            seed=0,
            init=init,
            train_eigenvalues=train_eigenvalues,
            n_members=8,
        )
        one = SpectralLinear(
            500, 400, seed=0, init=init, train_eigenvalues=train_eigenvalues
        )
        assert torch.equal(layer.eigenvectors, one.eigenvectors)
        size = one.weight.square().mean().sqrt()
        sizes = layer.weight.square().mean((1, 2)).sqrt()
        assert ((sizes / size > 0.8) & (sizes / size < 2.0)).all()
        between = layer.weight.std(0).square().mean().sqrt()
        assert between > 0.5 * size

    def test_numbers_are_as_those_of_a_normal_distribution(self):
        numbers = SpectralLinear(5000, 1, seed=0, n_members=4).eigenvalues_in
        assert abs(numbers.mean()) < 0.03
        assert abs(numbers.std() - 1) < 0.03
        assert 0.02 < (numbers.abs() > 2).float().mean() < 0.07
        assert torch.corrcoef(numbers).fill_diagonal_(0).abs().max() < 0.06

    def test_wrong_numbers_of_members(self):
        with pytest.raises(ValueError, match="n_members=0"):
            SpectralLinear(3, 2, n_members=0)
        with pytest.raises(ValueError, match="2 members cannot feed one with 3"):
            LinearStack(
                [SpectralLinear(3, 4, n_members=2), SpectralLinear(4, 2, n_members=3)]
            )
        for k in (3, -1):
            with pytest.raises(IndexError, match=f"no member {k}"):
                population().member(k)
            with pytest.raises(IndexError, match=f"no member {k}"):
                next(population().layers()).member(k)


@pytest.mark.parametrize("own_targets", [False, True])
@pytest.mark.parametrize("weighted", ["no", "rows", "members"])
@pytest.mark.parametrize(
    ("loss", "n_out"),
    [(LogLoss, 1), (LogLoss, 4), (BrierLoss, 1), (BrierLoss, 4), (SquaredError, 4)],
)
def test_a_loss_is_the_sum_over_members(loss, n_out, weighted, own_targets):
    output = rows(K, 13, n_out).requires_grad_()
    shape = (K, 13) if own_targets else (13,)
    if loss is SquaredError:
        target = rows(*shape, n_out)
    else:
        drawn = torch.Generator().manual_seed(0)
        target = torch.randint(0, max(n_out, 2), shape, generator=drawn)
    weight = {"no": None, "rows": rows(13).abs(), "members": rows(13, K).abs()}[weighted]
    expected = 0.0
    for k in range(K):
        of_member = weight[:, k] if weighted == "members" else weight
        expected = expected + loss()(
            output[k], target[k] if own_targets else target, of_member
        )
    (gradient,) = torch.autograd.grad(expected, output)
    torch.testing.assert_close(loss()(output, target, weight), expected)
    value, by_hand = loss().with_gradient(output, target, weight)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(by_hand, gradient)
