"""The telescope: contracted and extended stacks agree in value and gradient."""

import itertools

import pytest
import torch

from sklearn_spectral.nn import LinearStack, SpectralLinear, contract

DOUBLE = torch.float64
WIDTHS = [(6, 9, 3), (3, 9, 6), (6, 9, 8, 3), (6, 90, 80), (2, 30, 40, 50)]


def make_layers(widths, **settings):
    layers = [
        SpectralLinear(n_in, n_out, seed=k, dtype=DOUBLE, **settings)
        for k, (n_in, n_out) in enumerate(itertools.pairwise(widths))
    ]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in (p for layer in layers for p in layer.parameters()):
            p.copy_(torch.randn(p.shape, generator=generator, dtype=DOUBLE) / 3)
    return layers


def value_and_gradients(stack, x):
    stack.zero_grad()
    output = stack(x)
    (
        output * torch.linspace(-1, 1, output.numel(), dtype=DOUBLE).view_as(output)
    ).sum().backward()
    return output, [p.grad for p in stack.parameters() if p.requires_grad]


@pytest.mark.parametrize("train_eigenvectors", [False, True, "svd", "qr"])
@pytest.mark.parametrize("train_eigenvalues", ["both", "out", "in"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("widths", WIDTHS)
def test_contracted_is_layer_by_layer(widths, bias, train_eigenvalues, train_eigenvectors):
    layers = make_layers(
        widths,
        bias=bias,
        train_eigenvalues=train_eigenvalues,
        train_eigenvectors=train_eigenvectors,
    )
    x = torch.randn(13, widths[0], dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
    plain, plain_gradients = value_and_gradients(LinearStack(layers, "layers"), x)
    assert len(plain_gradients) > 0
    for strategy in ("contract", "closed_form"):
        fast, fast_gradients = value_and_gradients(LinearStack(layers, strategy), x)
        torch.testing.assert_close(fast, plain, atol=1e-10, rtol=1e-10)
        for fast_gradient, gradient in zip(fast_gradients, plain_gradients, strict=True):
            torch.testing.assert_close(fast_gradient, gradient, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("strategy", ["layers", "contract", "closed_form"])
@pytest.mark.parametrize("widths", [(4, 6, 5, 2), (2, 5, 6, 4)])
@pytest.mark.parametrize("train_eigenvectors", [False, True, "svd", "qr"])
def test_gradcheck_of_every_way(train_eigenvectors, widths, strategy):
    stack = LinearStack(
        make_layers(widths, train_eigenvectors=train_eigenvectors), strategy
    )
    x = torch.randn(3, widths[0], dtype=DOUBLE, requires_grad=True)
    names = [name for name, p in stack.named_parameters() if p.requires_grad]
    values = [stack.get_parameter(n).detach().clone().requires_grad_() for n in names]

    def forward(x, *values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(stack, parameters, (x,))

    assert torch.autograd.gradcheck(forward, (x, *values))


@pytest.mark.parametrize("n_rows", [1, 10, 64, 65, 200])
@pytest.mark.parametrize("widths", [(30, 40), (40, 40), (50, 40)])
@pytest.mark.parametrize("train_eigenvectors", [False, True, "svd", "qr"])
def test_product_with_the_weight_on_both_sides_of_the_switch(
    n_rows, widths, train_eigenvectors
):
    (layer,) = make_layers(widths, train_eigenvectors=train_eigenvectors)
    matrix = torch.randn(
        n_rows, 40, dtype=DOUBLE, generator=torch.Generator().manual_seed(2)
    )
    torch.testing.assert_close(
        layer.left_multiply(matrix), matrix @ layer.weight, atol=1e-10, rtol=1e-10
    )


def test_biases_are_contracted_too():
    layers = make_layers((6, 9, 3))
    _, bias = contract(layers)
    origin = torch.zeros(1, 6, dtype=DOUBLE)
    torch.testing.assert_close(LinearStack(layers, "layers")(origin)[0], bias)
    # A bias in one layer only.
    layers[1].register_parameter("bias", None)
    expected = layers[1].weight @ layers[0].bias
    torch.testing.assert_close(contract(layers)[1], expected)


def test_bad_stacks():
    for wrong in (3, [SpectralLinear(3, 9), torch.nn.ReLU()]):
        with pytest.raises(TypeError, match="A stack is a sequence of layers"):
            contract(wrong)
    with pytest.raises(ValueError, match="9 outputs cannot feed one with 8 inputs"):
        contract([SpectralLinear(3, 9), SpectralLinear(8, 2)])
    with pytest.raises(ValueError, match="at least one layer"):
        LinearStack([])
    with pytest.raises(ValueError, match="9 outputs cannot feed one with 8 inputs"):
        LinearStack([SpectralLinear(3, 9), SpectralLinear(8, 2)])
    with pytest.raises(ValueError, match="strategy must be one of"):
        LinearStack([SpectralLinear(3, 9)], "fast")
