"""The closed forms against the plain formula, in value and gradient."""

import copy
import pickle

import pytest
import torch

from sklearn_spectral.nn import products
from sklearn_spectral.nn.products import Scratch, left_product, spectral_weight
from sklearn_spectral.spec.plan import THIN_ROWS

DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Have matrices of a few rows cut into several blocks, with and without a rest."""
    monkeypatch.setattr(products, "BLOCK_ROWS", 4)


def draw(*shape, seed=0, requires_grad=True):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=DOUBLE, generator=generator).requires_grad_(
        requires_grad
    )


def plain_weight(eigenvalues_in, eigenvalues_out, phi):
    return (eigenvalues_in.unsqueeze(0) - eigenvalues_out.unsqueeze(1)) * phi


def gradients(output, inputs):
    weights = torch.linspace(-1, 1, output.numel(), dtype=DOUBLE).view_as(output)
    return torch.autograd.grad((output * weights).sum(), inputs)


class TestWeight:
    def test_value_gradient_and_second_gradient(self):
        inputs = draw(3), draw(5, seed=1), draw(5, 3, seed=2)
        assert torch.equal(spectral_weight(*inputs), plain_weight(*inputs))
        assert torch.autograd.gradcheck(spectral_weight, inputs)
        assert torch.autograd.gradgradcheck(spectral_weight, inputs)

    @pytest.mark.parametrize("trained", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)])
    def test_only_what_trains_gets_a_gradient(self, trained):
        inputs = draw(3), draw(5, seed=1), draw(5, 3, seed=2)
        for position, tensor in enumerate(inputs):
            tensor.requires_grad_(position in trained)
        chosen = [inputs[position] for position in trained]
        found = gradients(spectral_weight(*inputs), chosen)
        expected = gradients(plain_weight(*inputs), chosen)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-13, rtol=0)

    def test_transforms_of_torch_see_through(self):
        phi, out = draw(5, 3), draw(5, seed=1)
        sets = draw(4, 3, seed=2)
        many = torch.func.vmap(lambda one: spectral_weight(one, out, phi))(sets)
        assert torch.equal(many[2], plain_weight(sets[2], out, phi))
        left, frozen = draw(2, 5, seed=3), phi.detach()
        jacobian = torch.func.jacrev(lambda one: left_product(left, one, out, frozen))
        assert jacobian(sets[0]).shape == (2, 3, 3)


@pytest.mark.parametrize("n_rows", [1, 7, THIN_ROWS, THIN_ROWS + 1])
@pytest.mark.parametrize("n_out", [1, 3, 8, 11])
class TestLeftProduct:
    def pieces(self, n_rows, n_out):
        return (
            draw(n_rows, n_out, seed=3),
            draw(6),
            draw(n_out, seed=1),
            draw(n_out, 6, seed=2, requires_grad=False),
        )

    @pytest.mark.parametrize(
        "trained", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    )
    @pytest.mark.parametrize("uniform", [None, 1, 2])
    def test_is_the_product_with_the_weight(self, n_rows, n_out, trained, uniform):
        inputs = self.pieces(n_rows, n_out)
        if uniform is not None:
            with torch.no_grad():
                inputs[uniform].fill_(0.7)
        for position, tensor in enumerate(inputs):
            tensor.requires_grad_(position in trained)
        left, *rest = inputs
        expected = left @ plain_weight(*rest)
        found = left_product(*inputs, Scratch())
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
        chosen = [inputs[position] for position in trained]
        for one, other in zip(
            gradients(found, chosen), gradients(expected, chosen), strict=True
        ):
            torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)

    def test_transposed_phi(self, n_rows, n_out):
        _, eigenvalues_in, eigenvalues_out, phi = self.pieces(n_rows, n_out)
        right = draw(6, n_rows, seed=4)
        expected = plain_weight(eigenvalues_in, eigenvalues_out, phi) @ right
        found = -left_product(right.T, eigenvalues_out, eigenvalues_in, phi.T).T
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


def test_wrong_shapes_are_said():
    with pytest.raises(RuntimeError, match="size"):
        spectral_weight(draw(4), draw(5), draw(5, 3))
    with pytest.raises(RuntimeError, match="shapes"):
        left_product(draw(2, 4), draw(3), draw(5), draw(5, 3, requires_grad=False))


@pytest.mark.parametrize("n_rows", [3, THIN_ROWS + 1])
def test_gradcheck_of_the_product(n_rows):
    inputs = draw(n_rows, 5), draw(3), draw(5, seed=1), draw(5, 3, requires_grad=False)
    assert torch.autograd.gradcheck(left_product, inputs)


def test_scratch_is_kept_for_the_same_shape_and_never_copied():
    scratch = Scratch()
    first, second = scratch.blocks(torch.ones(9, 3))
    assert first.shape == second.shape == (4, 3)
    assert scratch.blocks(torch.zeros(9, 3))[0] is first
    assert scratch.blocks(torch.zeros(9, 3, dtype=DOUBLE))[0].dtype == DOUBLE
    assert scratch.blocks(torch.zeros(2, 3))[0].shape == (2, 3)
    assert copy.deepcopy(scratch)._blocks is None
    assert pickle.loads(pickle.dumps(scratch))._blocks is None
