"""The layer against its definition by square matrices, in float64."""

import numpy as np
import pytest
import torch

from sklearn_spectral.nn import SCHEMES, SpectralLinear

DOUBLE = torch.float64


def make_layer(n_in=7, n_out=4, **settings):
    """Return a layer with eigenvalues all different."""
    layer = SpectralLinear(n_in, n_out, seed=3, dtype=DOUBLE, **settings)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=DOUBLE))
    return layer


@pytest.mark.parametrize(("n_in", "n_out"), [(7, 4), (4, 7), (1, 1), (1, 5), (5, 1)])
def test_square_matrices_define_the_layer(n_in, n_out):
    layer = make_layer(n_in, n_out)
    phi, inverse = layer.eigenvector_matrix(), layer.inverse_eigenvector_matrix()
    lam = layer.eigenvalue_matrix()
    identity = torch.eye(n_in + n_out, dtype=DOUBLE)

    torch.testing.assert_close(phi @ inverse, identity, atol=1e-12, rtol=0)
    torch.testing.assert_close(inverse, torch.linalg.inv(phi), atol=1e-12, rtol=0)
    torch.testing.assert_close(inverse, 2 * identity - phi, atol=0, rtol=0)
    adjacency = phi @ lam @ inverse
    torch.testing.assert_close(layer.adjacency_matrix(), adjacency, atol=1e-12, rtol=0)
    torch.testing.assert_close(layer.weight, adjacency[n_in:, :n_in], atol=1e-12, rtol=0)
    # The columns of Phi are eigenvectors indeed.
    torch.testing.assert_close(adjacency @ phi, phi @ lam, atol=1e-12, rtol=0)


def test_forward_is_the_adjacency_on_an_extended_vector():
    layer = make_layer(7, 4, bias=False)
    x = torch.randn(20, 7, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
    extended = torch.cat([x, torch.zeros(20, 4, dtype=DOUBLE)], dim=1)
    expected = (extended @ layer.adjacency_matrix().T)[:, 7:]
    torch.testing.assert_close(layer(x), expected, atol=1e-12, rtol=0)
    # The form that never makes the weight: phi (lambda_in x) - lambda_out (phi x).
    phi = layer.eigenvectors
    by_parts = (x * layer.eigenvalues_in) @ phi.T - layer.eigenvalues_out * (x @ phi.T)
    torch.testing.assert_close(layer(x), by_parts, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "train_eigenvectors", [False, True, "svd", "qr", "gains", "kronecker"]
)
@pytest.mark.parametrize("train_eigenvalues", ["both", "out", "in"])
def test_gradients_of_what_trains(train_eigenvalues, train_eigenvectors):
    layer = make_layer(
        5,
        3,
        train_eigenvalues=train_eigenvalues,
        train_eigenvectors=train_eigenvectors,
    )
    assert layer.eigenvalues_in.requires_grad == (train_eigenvalues != "out")
    assert layer.eigenvalues_out.requires_grad == (train_eigenvalues != "in")
    assert layer.eigenvectors.requires_grad == bool(train_eigenvectors)
    x = torch.randn(6, 5, dtype=DOUBLE, requires_grad=True)
    names = [name for name, p in layer.named_parameters() if p.requires_grad]
    values = [layer.get_parameter(name).detach().clone() for name in names]
    values = [value.requires_grad_() for value in values]

    def forward(x, *values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, parameters, (x,))

    assert torch.autograd.gradcheck(forward, (x, *values))


def test_number_of_trained_parameters():
    assert SpectralLinear(784, 10, bias=False).n_trained == 794
    assert SpectralLinear(784, 10).n_trained == 804
    assert SpectralLinear(784, 10, False, train_eigenvalues="out").n_trained == 10
    assert SpectralLinear(784, 10, False, train_eigenvalues="in").n_trained == 784
    assert SpectralLinear(784, 10, False, train_eigenvectors=True).n_trained == 8634


def test_a_shift_of_all_eigenvalues_changes_nothing():
    layer = make_layer()
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.eigenvalues_in.add_(0.7)
        layer.eigenvalues_out.add_(0.7)
    torch.testing.assert_close(layer.weight, before, atol=1e-12, rtol=0)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_conversion_from_and_to_an_ordinary_layer_is_exact(bias, dtype):
    linear = torch.nn.Linear(6, 9, bias=bias, dtype=dtype)
    layer = SpectralLinear.from_linear(linear, train_eigenvectors=True)
    assert torch.equal(layer.weight, linear.weight)
    back = layer.to_linear()
    assert torch.equal(back.weight, linear.weight)
    assert (back.bias is None) == (not bias)
    if bias:
        assert torch.equal(back.bias, linear.bias)
    assert all(p.requires_grad for p in back.parameters())
    with torch.no_grad():
        layer.eigenvalues_in.zero_()
    assert torch.equal(back.weight, linear.weight), "the conversion must be a copy"


def test_repr_shows_sizes_and_what_trains():
    text = repr(SpectralLinear(784, 10, bias=False))
    assert "784 -> 10" in text
    assert "trained 794 of 8634" in text


@pytest.mark.parametrize("init", sorted(SCHEMES))
def test_seed_fixes_the_start_on_every_type(init):
    same = [SpectralLinear(8, 5, init=init, seed=1, dtype=DOUBLE) for _ in range(2)]
    assert torch.equal(same[0].weight, same[1].weight)
    single = SpectralLinear(8, 5, init=init, seed=1, dtype=torch.float32)
    assert torch.equal(single.eigenvectors, same[0].eigenvectors.float())
    other = SpectralLinear(8, 5, init=init, seed=2, dtype=DOUBLE)
    assert not torch.equal(other.weight, same[0].weight)


def test_torch_manual_seed_governs_a_layer_without_seed():
    torch.manual_seed(5)
    first = SpectralLinear(4, 3).weight
    torch.manual_seed(5)
    assert torch.equal(SpectralLinear(4, 3).weight, first)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_features": 0, "out_features": 3}, "whole number of nodes"),
        ({"in_features": 3, "out_features": -1}, "whole number of nodes"),
        ({"train_eigenvalues": "some"}, "'both', 'out' or 'in'"),
        ({"train_eigenvectors": "lu"}, r"a bool or one of \['svd', .* 'kronecker'\]"),
        ({"init": "zeros"}, "init must be one of"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpectralLinear(**{"in_features": 3, "out_features": 2, **arguments})


def test_state_dict_round_trip():
    layer, other = make_layer(), SpectralLinear(7, 4, seed=9, dtype=DOUBLE)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.weight, layer.weight)
    assert set(layer.state_dict()) == {
        "eigenvalues_in",
        "eigenvalues_out",
        "form.block",
        "bias",
    }


def test_eigenvalues_are_those_of_the_adjacency():
    layer = make_layer()
    found = np.sort_complex(torch.linalg.eigvals(layer.adjacency_matrix()).detach().numpy())
    given = torch.cat([layer.eigenvalues_in, layer.eigenvalues_out]).detach().numpy()
    np.testing.assert_allclose(found, np.sort(given), atol=1e-10)


@pytest.mark.parametrize("init", ["scaled", "paper"])
@pytest.mark.parametrize("which", ["both", "out", "in"])
def test_penalties_vanish_where_the_weights_do(which, init):
    """Where one set is fixed to a number, the other's distance from it is penalised."""
    layer = SpectralLinear(5, 4, train_eigenvalues=which, init=init, seed=0)
    with torch.no_grad():
        if which == "both":
            layer.eigenvalues_in.zero_()
            layer.eigenvalues_out.zero_()
        elif which == "out":
            layer.eigenvalues_out.fill_(layer.eigenvalues_in[0])
        else:
            layer.eigenvalues_in.fill_(layer.eigenvalues_out[0])
    assert layer.weight.abs().max() == 0
    penalised = [values for group, values in layer.penalised() if group == "eigenvalues"]
    assert len(penalised) == (2 if which == "both" else 1)
    assert all((values == 0).all() for values in penalised)
    layer.load_weight(torch.ones(4, 5))
    assert any((values != 0).any() for _, values in layer.penalised())


@pytest.mark.parametrize("form", [False, "svd"])
@pytest.mark.parametrize("which", ["both", "out", "in"])
def test_another_weight_is_absorbed(which, form):
    """Exactly, eigenvectors of the same norms, and the other set one number."""
    layer = SpectralLinear(
        6, 4, train_eigenvalues=which, train_eigenvectors=form, seed=0, dtype=torch.float64
    )
    along = 1 if which == "out" else 0
    before = layer.eigenvectors.detach().norm(dim=along)
    weight = torch.randn(
        4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    weight[2], weight[:, 3] = 0.0, 0.0
    bias = layer.bias.detach().clone()
    layer.absorb(weight)
    torch.testing.assert_close(layer.weight.detach(), weight)
    assert torch.equal(layer.bias, bias)
    kept = weight.norm(dim=along) > 0
    torch.testing.assert_close(layer.eigenvectors.norm(dim=along)[kept], before[kept])
    other = layer.eigenvalues_in if which == "out" else layer.eigenvalues_out
    assert (other == other[0]).all()
    gaps = (
        (layer.eigenvalues_in[0] - layer.eigenvalues_out) if along else layer.eigenvalues_in
    )
    torch.testing.assert_close(gaps.detach(), weight.norm(dim=along) / before)


@pytest.mark.parametrize("size", [0, -1, 2.5, "3", None])
def test_sizes_are_positive_integers(size):
    for sizes in ((size, 2), (2, size)):
        with pytest.raises(ValueError, match=f"whole number of nodes.*{size!r}"):
            SpectralLinear(*sizes)


@pytest.mark.parametrize("other", [torch.nn.Conv2d(3, 2, 1), None])
def test_only_ordinary_layers_become_spectral(other):
    with pytest.raises(TypeError, match=r"takes a torch\.nn\.Linear; got"):
        SpectralLinear.from_linear(other)
