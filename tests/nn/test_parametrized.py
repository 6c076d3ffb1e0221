"""Parametrized matrices: their arrays, what of them trains, and how they start."""

from functools import partial

import numpy as np
import pytest
import torch

from sklearn_spectral.nn import ParametrizedMatrix, SpectralLinear
from sklearn_spectral.spec.parametrizations import eigenvector_choices

DOUBLE = torch.float64
SHAPES = [(7, 4), (4, 7), (5, 5), (1, 3), (3, 1)]


def random(*shape, seed=0):
    return torch.randn(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "make",
    [
        ParametrizedMatrix,
        *(
            partial(ParametrizedMatrix, parametrization=name)
            for name in eigenvector_choices()
        ),
    ],
)
def test_a_form_is_the_matrix_that_it_was_given(make, shape):
    matrix, left = random(*shape), random(6, shape[0], seed=1)
    form = make(matrix)
    torch.testing.assert_close(form(), matrix, atol=1e-12, rtol=0)
    torch.testing.assert_close(form.left_multiply(left), left @ matrix, atol=1e-12, rtol=0)
    with torch.no_grad():
        next(form.parameters()).add_(1.0)
    assert torch.equal(matrix, random(*shape)), "what was given must not change"
    other = random(*shape, seed=2)
    form.load(other)
    torch.testing.assert_close(form(), other, atol=1e-12, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values_move_along_frozen_singular_vectors(shape):
    form = ParametrizedMatrix(random(*shape), "svd")
    r = min(shape)
    assert [name for name, _ in form.named_parameters()] == ["singular_values"]
    assert form.singular_values.shape == (r,)
    identity = torch.eye(r, dtype=DOUBLE)
    torch.testing.assert_close(form.left.T @ form.left, identity, atol=1e-12, rtol=0)
    torch.testing.assert_close(form.right @ form.right.T, identity, atol=1e-12, rtol=0)
    with torch.no_grad():
        form.singular_values.copy_(torch.arange(1, r + 1))
    found = torch.linalg.svdvals(form()).sort().values
    torch.testing.assert_close(found, torch.arange(1, r + 1, dtype=DOUBLE))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_triangular_factor_is_on_the_narrow_side(shape):
    form = ParametrizedMatrix(random(*shape), "qr")
    r = min(shape)
    assert [name for name, _ in form.named_parameters()] == ["triangle"]
    assert form.triangle.shape == (r * (r + 1) // 2,)
    assert form.orthogonal.shape == (max(shape), r)
    factor = form.parametrization.triangle(form)
    assert torch.equal(factor, factor.triu())
    product = form.orthogonal @ factor
    expected = product if shape[0] >= shape[1] else product.T
    torch.testing.assert_close(form(), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("form", ["svd", "qr"])
def test_starts_are_decomposed_by_torch(form):
    """Whose factors seeds of earlier versions stand for, signs included."""
    whole = SpectralLinear(20, 12, seed=3, dtype=DOUBLE)
    layer = SpectralLinear(20, 12, seed=3, dtype=DOUBLE, train_eigenvectors=form)
    split = layer.form.parametrization.split(whole.eigenvectors.detach(), torch.linalg)
    for name, values in split.items():
        assert torch.equal(getattr(layer.form, name), values)


def test_number_of_trained_parameters_of_each_form():
    """PRE 104, 054312: N_in + N_out eigenvalues, and those of the factor."""
    counts = {
        form: SpectralLinear(784, 10, False, train_eigenvectors=form).n_trained
        for form in (False, "svd", "qr", True)
    }
    assert counts == {False: 794, "svd": 804, "qr": 849, True: 8634}
    layer = SpectralLinear(50, 40, False, train_eigenvectors="qr")
    assert "trained 910 of 2910" in repr(layer), "90 + 820, and 50 x 40 frozen"


@pytest.mark.parametrize("form", ["svd", "qr"])
def test_a_factored_start_is_the_plain_one(form):
    plain = SpectralLinear(30, 20, seed=1, dtype=DOUBLE)
    factored = SpectralLinear(30, 20, seed=1, dtype=DOUBLE, train_eigenvectors=form)
    torch.testing.assert_close(factored.weight, plain.weight, atol=1e-12, rtol=0)
    single = SpectralLinear(30, 20, seed=1, dtype=torch.float32, train_eigenvectors=form)
    for name, value in factored.state_dict().items():
        if value.is_floating_point():
            np.testing.assert_array_equal(single.state_dict()[name], value.float())


@pytest.mark.parametrize("form", ["svd", "qr"])
def test_a_layer_from_a_linear_one_keeps_its_weights(form):
    linear = torch.nn.Linear(6, 9, dtype=DOUBLE)
    layer = SpectralLinear.from_linear(linear, train_eigenvectors=form)
    torch.testing.assert_close(layer.weight, linear.weight, atol=1e-12, rtol=0)
