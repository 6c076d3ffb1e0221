r"""Products with a spectral weight, W_ij = (lambda_in_j - lambda_out_i) phi_ij.

In closed form: the same as autograd would give, with fewer passes over memory.
`spectral_weight` forms W, and `left_product` multiplies by it without ever holding a matrix
of its size. Each is checked against the plain formula, in value and gradient.

Notation: M is the matrix on the left of W, G the gradient of what comes out, and

.. math::

    P = M \phi, \quad Q = (M \circ \lambda_{out}) \phi, \quad
    M W = P \circ \lambda_{in} - Q,

    H = G \phi^T, \quad K = (G \circ \lambda_{in}) \phi^T, \quad
    \partial M = K - H \circ \lambda_{out},

    \partial \lambda_{in} = \sum_i (G \circ P)_{i \cdot}, \quad
    \partial \lambda_{out} = -\sum_i (M \circ H)_{i \cdot}.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ..spec.plan import THIN_ROWS

# Rows of phi that are read at a time. Small enough for a block and its gradient to stay in
# a core's cache, large enough for a product to be worth its call.
BLOCK_ROWS = 512


def spectral_weight(eigenvalues_in: Tensor, eigenvalues_out: Tensor, phi: Tensor) -> Tensor:
    """Form W, differentiable in all three.

    Parameters
    ----------
    eigenvalues_in : Tensor of shape (n_in,)
        Eigenvalues of the nodes that the layer reads.
    eigenvalues_out : Tensor of shape (n_out,)
        Eigenvalues of the nodes that it feeds.
    phi : Tensor of shape (n_out, n_in)
        The block of the eigenvectors.

    Returns
    -------
    Tensor of shape (n_out, n_in)
        The weight.
    """
    try:
        return _SpectralWeight.apply(eigenvalues_in, eigenvalues_out, phi)
    except RuntimeError:
        # The transforms of torch.func want the plain formula; what is wrong with the
        # input, it says again.
        return (eigenvalues_in - eigenvalues_out.unsqueeze(1)) * phi


def left_product(
    left: Tensor,
    eigenvalues_in: Tensor,
    eigenvalues_out: Tensor,
    phi: Tensor,
    scratch: Scratch | None = None,
) -> Tensor:
    """Return ``left @ W`` for a frozen phi, without a matrix of the size of W.

    Where an eigenvalue set does not train and is one number, W is phi scaled on one side
    and a single product with phi is needed. Otherwise few rows take the two thin products
    of the module's notation; with many it is cheaper to form W block by block.

    Parameters
    ----------
    left : Tensor of shape (n, n_out)
        M.
    eigenvalues_in : Tensor of shape (n_in,)
        Eigenvalues of the nodes that the layer reads.
    eigenvalues_out : Tensor of shape (n_out,)
        Eigenvalues of the nodes that it feeds.
    phi : Tensor of shape (n_out, n_in)
        The block of the eigenvectors; it gets no gradient.
    scratch : Scratch, optional
        Memory for the blocks, used again at each call.

    Returns
    -------
    Tensor of shape (n, n_in)
        The product, differentiable once in all but phi.
    """
    kind = product_kind(left.shape[0], eigenvalues_in, eigenvalues_out)
    scratch = Scratch() if scratch is None else scratch
    try:
        return kind.apply(left, eigenvalues_in, eigenvalues_out, phi, scratch)
    except RuntimeError:  # as in `spectral_weight`
        return left @ spectral_weight(eigenvalues_in, eigenvalues_out, phi)


def product_kind(
    n_rows: int, eigenvalues_in: Tensor, eigenvalues_out: Tensor
) -> type[Function]:
    """Return the cheapest function that multiplies by W on its left.

    Parameters
    ----------
    n_rows : int
        Rows of the matrix on the left.
    eigenvalues_in, eigenvalues_out : Tensor
        As for `left_product`.

    Returns
    -------
    type
        Of the functions below, which all take the same and give the same.
    """
    if is_one_number(eigenvalues_in):
        return OutProduct
    if is_one_number(eigenvalues_out):
        return InProduct
    return ThinProduct if n_rows <= THIN_ROWS else BlockProduct


def is_one_number(eigenvalues: Tensor, wait: bool = False) -> bool:
    """Tell whether eigenvalues are frozen and all equal.

    Parameters
    ----------
    eigenvalues : Tensor of shape (n,)
        One set of a layer.
    wait : bool, default=False
        Whether to wait for a GPU, where the answer is False otherwise.

    Returns
    -------
    bool
        The answer.
    """
    if eigenvalues.requires_grad or (eigenvalues.is_cuda and not wait):
        return False
    return bool((eigenvalues == eigenvalues[0]).all())


class Scratch:
    """Two blocks of memory that are kept from call to call.

    Memory of this size is otherwise given back to the system and cleared again at every
    step, which takes as long as the arithmetic on it.
    """

    def __init__(self) -> None:
        self._blocks: tuple[Tensor, Tensor] | None = None

    def blocks(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return two blocks of `BLOCK_ROWS` rows, of the width and type of ``like``."""
        shape = (min(BLOCK_ROWS, like.shape[0]), like.shape[1])
        kept = self._blocks
        if kept is None or (kept[0].shape, kept[0].dtype, kept[0].device) != (
            shape,
            like.dtype,
            like.device,
        ):
            kept = self._blocks = (like.new_empty(shape), like.new_empty(shape))
        return kept

    def __deepcopy__(self, memo: Any) -> Scratch:
        return Scratch()

    def __reduce__(self) -> Any:
        return Scratch, ()


class _SpectralWeight(Function):
    """W and its gradient, in two and at most four passes over memory."""

    @staticmethod
    def forward(
        ctx: Any, eigenvalues_in: Tensor, eigenvalues_out: Tensor, phi: Tensor
    ) -> Tensor:
        ctx.save_for_backward(eigenvalues_in, eigenvalues_out, phi)
        return _scaled(eigenvalues_in, eigenvalues_out, phi)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        eigenvalues_in, eigenvalues_out, phi = ctx.saved_tensors
        d_in = d_out = d_phi = None
        if ctx.needs_input_grad[2]:
            d_phi = _scaled(eigenvalues_in, eigenvalues_out, grad)
        if any(ctx.needs_input_grad[:2]):
            shares = grad * phi
            d_in = shares.sum(0) if ctx.needs_input_grad[0] else None
            d_out = -shares.sum(1) if ctx.needs_input_grad[1] else None
        return d_in, d_out, d_phi


class OutProduct(Function):
    """The eigenvalues of the input are one number, c: M W = (M (c - lambda_out)) phi."""

    @staticmethod
    def forward(
        ctx: Any,
        left: Tensor,
        eigenvalues_in: Tensor,
        eigenvalues_out: Tensor,
        phi: Tensor,
        scratch: Scratch,
    ) -> Tensor:
        gains = eigenvalues_in[0] - eigenvalues_out
        ctx.save_for_backward(left, gains, phi)
        return _times(left * gains, phi)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        left, gains, phi = ctx.saved_tensors
        needs_left, _, needs_out = ctx.needs_input_grad[:3]
        h = _times_transposed(grad, phi)
        d_out = -(left * h).sum(0) if needs_out else None
        return (h.mul_(gains) if needs_left else None), None, d_out, None, None


class InProduct(Function):
    """The eigenvalues of the output are one number, c: M W = (M phi) (lambda_in - c)."""

    @staticmethod
    def forward(
        ctx: Any,
        left: Tensor,
        eigenvalues_in: Tensor,
        eigenvalues_out: Tensor,
        phi: Tensor,
        scratch: Scratch,
    ) -> Tensor:
        gains = eigenvalues_in - eigenvalues_out[0]
        p = _times(left, phi)
        ctx.save_for_backward(gains, phi, p)
        return p * gains

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        gains, phi, p = ctx.saved_tensors
        needs_left, needs_in = ctx.needs_input_grad[:2]
        d_left = _times_transposed(grad * gains, phi) if needs_left else None
        d_in = (grad * p).sum(0) if needs_in else None
        return d_left, d_in, None, None, None


class ThinProduct(Function):
    """P and Q, and K and H, each pair as one stacked product."""

    @staticmethod
    def forward(
        ctx: Any,
        left: Tensor,
        eigenvalues_in: Tensor,
        eigenvalues_out: Tensor,
        phi: Tensor,
        scratch: Scratch,
    ) -> Tensor:
        p, q = _times(torch.cat([left, left * eigenvalues_out]), phi).chunk(2)
        ctx.save_for_backward(left, eigenvalues_in, eigenvalues_out, phi, p)
        return p * eigenvalues_in - q

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        left, eigenvalues_in, eigenvalues_out, phi, p = ctx.saved_tensors
        needs_left, needs_in, needs_out = ctx.needs_input_grad[:3]
        d_left = d_in = d_out = None
        if needs_in:
            d_in = (grad * p).sum(0)
        if needs_left:
            stacked = torch.cat([grad * eigenvalues_in, grad])
            k, h = _times_transposed(stacked, phi).chunk(2)
            d_left = torch.addcmul(k, h, eigenvalues_out, value=-1)
        elif needs_out:
            h = _times_transposed(grad, phi)
        if needs_out:
            d_out = -(left * h).sum(0)
        return d_left, d_in, d_out, None, None


class BlockProduct(Function):
    """W formed block by block, and forgotten; the gradients of its entries likewise."""

    @staticmethod
    def forward(
        ctx: Any,
        left: Tensor,
        eigenvalues_in: Tensor,
        eigenvalues_out: Tensor,
        phi: Tensor,
        scratch: Scratch,
    ) -> Tensor:
        ctx.save_for_backward(left, eigenvalues_in, eigenvalues_out, phi)
        ctx.scratch = scratch
        memory, _ = scratch.blocks(phi)
        product = left.new_zeros(left.shape[0], phi.shape[1])
        for rows in _blocks(phi):
            weight = _scaled_into(memory, eigenvalues_in, eigenvalues_out[rows], phi[rows])
            product.addmm_(left[:, rows], weight)
        return product

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        left, eigenvalues_in, eigenvalues_out, phi = ctx.saved_tensors
        needs_left, needs_in, needs_out = ctx.needs_input_grad[:3]
        memory, gradient_memory = ctx.scratch.blocks(phi)
        d_left = torch.empty_like(left) if needs_left else None
        d_in = torch.zeros_like(eigenvalues_in) if needs_in else None
        d_out = torch.empty_like(eigenvalues_out) if needs_out else None
        for rows in _blocks(phi):
            block = phi[rows]
            if d_left is not None:
                weight = _scaled_into(memory, eigenvalues_in, eigenvalues_out[rows], block)
                d_left[:, rows] = grad @ weight.T
            if d_in is not None or d_out is not None:
                shares = gradient_memory[: block.shape[0]]
                torch.mm(left[:, rows].T, grad, out=shares).mul_(block)
                if d_in is not None:
                    d_in += shares.sum(0)
                if d_out is not None:
                    d_out[rows] = -shares.sum(1)
        return d_left, d_in, d_out, None, None


def _scaled(eigenvalues_in: Tensor, eigenvalues_out: Tensor, matrix: Tensor) -> Tensor:
    """Return (lambda_in_j - lambda_out_i) matrix_ij."""
    return (eigenvalues_in - eigenvalues_out.unsqueeze(1)).mul_(matrix)


def _scaled_into(
    memory: Tensor, eigenvalues_in: Tensor, eigenvalues_out: Tensor, matrix: Tensor
) -> Tensor:
    """Do the same in the first rows of ``memory``."""
    rows = memory[: matrix.shape[0]]
    torch.sub(eigenvalues_in, eigenvalues_out.unsqueeze(1), out=rows)
    return rows.mul_(matrix)


def _blocks(phi: Tensor) -> list[slice]:
    return [
        slice(start, min(start + BLOCK_ROWS, phi.shape[0]))
        for start in range(0, phi.shape[0], BLOCK_ROWS)
    ]


def _parts(n_rows: int, phi: Tensor) -> tuple[int, int]:
    """Return into how many equal parts to cut phi, and how many rows a part has.

    The libraries below torch do not share a thin product out well among the cores; as
    several products of about `BLOCK_ROWS` rows it takes two thirds of the time. A GPU
    takes it whole.
    """
    whole = phi.is_cuda or n_rows > THIN_ROWS
    parts = 1 if whole else max(1, round(phi.shape[0] / BLOCK_ROWS))
    return parts, phi.shape[0] // parts


def _times(left: Tensor, phi: Tensor) -> Tensor:
    """Return ``left @ phi``."""
    parts, size = _parts(left.shape[0], phi)
    if parts == 1:
        return left @ phi
    cut = parts * size
    pieces = left[:, :cut].unflatten(1, (parts, size)).transpose(0, 1)
    product = torch.bmm(pieces, phi[:cut].unflatten(0, (parts, size))).sum(0)
    return product if cut == phi.shape[0] else product.addmm_(left[:, cut:], phi[cut:])


def _times_transposed(left: Tensor, phi: Tensor) -> Tensor:
    """Return ``left @ phi.T``."""
    parts, size = _parts(left.shape[0], phi)
    if parts == 1:
        return left @ phi.T
    cut = parts * size
    pieces = phi[:cut].unflatten(0, (parts, size)).transpose(1, 2)
    product = torch.bmm(left.expand(parts, *left.shape), pieces)
    product = product.transpose(0, 1).flatten(1)
    if cut == phi.shape[0]:
        return product
    return torch.cat([product, left @ phi[cut:].T], dim=1)
