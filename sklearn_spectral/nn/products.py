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

Members of a population are one axis in front of eigenvalues, of M and of G; phi has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ..spec.plan import THIN_ROWS

# Rows of phi that are read at a time. Small enough for a block and its gradient to stay in
# a core's cache, large enough for a product to be worth its call.
BLOCK_ROWS = 512

Saved: TypeAlias = tuple[Tensor, ...]
Gradients: TypeAlias = tuple[Tensor | None, ...]


def spectral_weight(eigenvalues_in: Tensor, eigenvalues_out: Tensor, phi: Tensor) -> Tensor:
    """Form W of shape (n_out, n_in), or one per member; differentiable in all three."""
    try:
        return _Twice.apply(_WEIGHT, eigenvalues_in, eigenvalues_out, phi)
    except RuntimeError:
        # The transforms of torch.func want the plain formula; it repeats the error if the
        # input is wrong.
        return (eigenvalues_in.unsqueeze(-2) - eigenvalues_out.unsqueeze(-1)) * phi


def left_product(
    left: Tensor,
    eigenvalues_in: Tensor,
    eigenvalues_out: Tensor,
    phi: Tensor,
    scratch: Scratch | None = None,
) -> Tensor:
    """Return ``left @ W`` without forming W; differentiable once in all but phi."""
    product = choose_product(left.shape[-2], eigenvalues_in, eigenvalues_out, scratch)
    try:
        return _Once.apply(product, left, eigenvalues_in, eigenvalues_out, phi)
    except RuntimeError:  # as in `spectral_weight`
        return left @ spectral_weight(eigenvalues_in, eigenvalues_out, phi)


def choose_product(
    n_rows: int,
    eigenvalues_in: Tensor,
    eigenvalues_out: Tensor,
    scratch: Scratch | None = None,
) -> ClosedForm:
    """Return the cheapest way to multiply W by a matrix of ``n_rows`` rows on its left."""
    if is_frozen_constant(eigenvalues_in):
        return _OUT_PRODUCT
    if is_frozen_constant(eigenvalues_out):
        return _IN_PRODUCT
    if n_rows <= THIN_ROWS or eigenvalues_in.is_cuda:  # which does not mind twice as many
        return _THIN_PRODUCT
    scratch = Scratch() if scratch is None else scratch
    return ClosedForm(partial(_block_forward, scratch), partial(_block_backward, scratch))


def is_frozen_constant(eigenvalues: Tensor, sync: bool = False) -> bool:
    """Whether eigenvalues are frozen and all equal, those of each member alone.

    False on a GPU unless it may sync."""
    if eigenvalues.requires_grad or (eigenvalues.is_cuda and not sync):
        return False
    return bool((eigenvalues == eigenvalues[..., :1]).all())


class Scratch:
    """Two blocks of memory to use again at each call: to give it back to the system and
    have it cleared anew takes as long as the arithmetic on it."""

    def __init__(self) -> None:
        self._blocks: tuple[Tensor, Tensor] | None = None

    def blocks(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return two blocks of `BLOCK_ROWS` rows, of the width and type of ``like``."""
        shape = (min(BLOCK_ROWS, like.shape[0]), like.shape[1])
        blocks = self._blocks
        if blocks is None or (blocks[0].shape, blocks[0].dtype, blocks[0].device) != (
            shape,
            like.dtype,
            like.device,
        ):
            blocks = self._blocks = (like.new_empty(shape), like.new_empty(shape))
        return blocks

    def __deepcopy__(self, memo: Any) -> Scratch:
        return Scratch()

    def __reduce__(self) -> Any:
        return Scratch, ()


# ---- functions and their gradients ----


@dataclass(frozen=True)
class ClosedForm:
    """A function and its gradient in closed form, for autograd and for `Backprop`."""

    forward: Callable[..., tuple[Tensor, Saved]]
    # Of the tensors saved, the gradient of the output and which inputs need theirs.
    backward: Callable[[Saved, Tensor, Sequence[bool]], Gradients]


class _Twice(Function):
    """A closed form as autograd calls it; its gradient can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, function: ClosedForm, *inputs: Tensor) -> Tensor:
        output, saved = function.forward(*inputs)
        ctx.save_for_backward(*saved)
        ctx.function = function
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        needs = ctx.needs_input_grad[1:]
        return None, *ctx.function.backward(ctx.saved_tensors, grad, needs)


class _Once(_Twice):
    """One whose gradient overwrites memory, and so cannot be differentiated."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _Twice.backward(ctx, grad)


def _weight_forward(
    eigenvalues_in: Tensor, eigenvalues_out: Tensor, phi: Tensor
) -> tuple[Tensor, Saved]:
    weight = scale(eigenvalues_in, eigenvalues_out.unsqueeze(-1), phi)
    return weight, (eigenvalues_in, eigenvalues_out, phi)


def _weight_backward(saved: Saved, grad: Tensor, needs: Sequence[bool]) -> Gradients:
    """Return all gradients in two and at most four passes over memory."""
    eigenvalues_in, eigenvalues_out, phi = saved
    d_in = d_out = d_phi = None
    if needs[2]:
        d_phi = scale(eigenvalues_in, eigenvalues_out.unsqueeze(-1), grad)
        d_phi = d_phi.sum(0) if d_phi.ndim > phi.ndim else d_phi
    if any(needs[:2]):
        d_gaps = grad * phi
        d_in = d_gaps.sum(-2) if needs[0] else None
        d_out = -d_gaps.sum(-1) if needs[1] else None
    return d_in, d_out, d_phi


_WEIGHT = ClosedForm(_weight_forward, _weight_backward)

# The products M W take M, both sets of eigenvalues and phi, which gets no gradient.


def _out_forward(
    left: Tensor, eigenvalues_in: Tensor, eigenvalues_out: Tensor, phi: Tensor
) -> tuple[Tensor, Saved]:
    """lambda_in is one number, c: M W = (M (c - lambda_out)) phi."""
    gains = row_of_members(eigenvalues_in[..., :1] - eigenvalues_out)
    return _times(left * gains, phi), (left, gains, phi)


def _out_backward(saved: Saved, grad: Tensor, needs: Sequence[bool]) -> Gradients:
    left, gains, phi = saved
    h = _times_transposed(grad, phi)
    d_out = -(left * h).sum(-2) if needs[2] else None
    return (h.mul_(gains) if needs[0] else None), None, d_out, None


_OUT_PRODUCT = ClosedForm(_out_forward, _out_backward)


def _in_forward(
    left: Tensor, eigenvalues_in: Tensor, eigenvalues_out: Tensor, phi: Tensor
) -> tuple[Tensor, Saved]:
    """lambda_out is one number, c: M W = (M phi) (lambda_in - c)."""
    gains = row_of_members(eigenvalues_in - eigenvalues_out[..., :1])
    p = _times(left, phi)
    return p * gains, (gains, phi, p)


def _in_backward(saved: Saved, grad: Tensor, needs: Sequence[bool]) -> Gradients:
    gains, phi, p = saved
    d_left = _times_transposed(grad * gains, phi) if needs[0] else None
    d_in = (grad * p).sum(-2) if needs[1] else None
    return d_left, d_in, None, None


_IN_PRODUCT = ClosedForm(_in_forward, _in_backward)


def _thin_forward(
    left: Tensor, eigenvalues_in: Tensor, eigenvalues_out: Tensor, phi: Tensor
) -> tuple[Tensor, Saved]:
    """M has few rows: P and Q, and then K and H, each as one stacked product."""
    stacked = torch.cat([left, left * row_of_members(eigenvalues_out)], dim=-2)
    p, q = _times(stacked, phi).chunk(2, dim=-2)
    return p * row_of_members(eigenvalues_in) - q, (
        left,
        eigenvalues_in,
        eigenvalues_out,
        phi,
        p,
    )


def _thin_backward(saved: Saved, grad: Tensor, needs: Sequence[bool]) -> Gradients:
    left, eigenvalues_in, eigenvalues_out, phi, p = saved
    d_left = d_in = d_out = None
    if needs[1]:
        d_in = (grad * p).sum(-2)
    if needs[0]:
        stacked = torch.cat([grad * row_of_members(eigenvalues_in), grad], dim=-2)
        k, h = _times_transposed(stacked, phi).chunk(2, dim=-2)
        d_left = torch.addcmul(k, h, row_of_members(eigenvalues_out), value=-1)
    elif needs[2]:
        h = _times_transposed(grad, phi)
    if needs[2]:
        d_out = -(left * h).sum(-2)
    return d_left, d_in, d_out, None


_THIN_PRODUCT = ClosedForm(_thin_forward, _thin_backward)


def _block_forward(
    scratch: Scratch,
    left: Tensor,
    eigenvalues_in: Tensor,
    eigenvalues_out: Tensor,
    phi: Tensor,
) -> tuple[Tensor, Saved]:
    """W is formed block by block and forgotten, and so are the gradients of its entries."""
    if left.ndim > phi.ndim:
        saved = (left, eigenvalues_in, eigenvalues_out, phi)
        members = zip(left, eigenvalues_in, eigenvalues_out, strict=True)
        products = [_block_forward(scratch, *each, phi)[0] for each in members]
        return torch.stack(products), saved
    memory, _ = scratch.blocks(phi)
    product = left.new_zeros(left.shape[0], phi.shape[1])
    column = eigenvalues_out.unsqueeze(1)
    for rows in _blocks(phi):
        block = phi[rows]
        weight = scale(eigenvalues_in, column[rows], block, memory[: block.shape[0]])
        product.addmm_(left[:, rows], weight)
    return product, (left, eigenvalues_in, eigenvalues_out, phi)


def _block_backward(
    scratch: Scratch, saved: Saved, grad: Tensor, needs: Sequence[bool]
) -> Gradients:
    left, eigenvalues_in, eigenvalues_out, phi = saved
    if left.ndim > phi.ndim:
        members = zip(left, eigenvalues_in, eigenvalues_out, grad, strict=True)
        each = [_block_backward(scratch, (*m, phi), g, needs) for *m, g in members]
        return tuple(
            None if one[0] is None else torch.stack(one) for one in zip(*each, strict=True)
        )
    memory, gradient_memory = scratch.blocks(phi)
    d_left = torch.empty_like(left) if needs[0] else None
    d_in = torch.zeros_like(eigenvalues_in) if needs[1] else None
    d_out = torch.empty_like(eigenvalues_out) if needs[2] else None
    column = eigenvalues_out.unsqueeze(1)
    for rows in _blocks(phi):
        block = phi[rows]
        if d_left is not None:
            weight = scale(eigenvalues_in, column[rows], block, memory[: block.shape[0]])
            d_left[:, rows] = grad @ weight.T
        if d_in is not None or d_out is not None:
            d_gaps = gradient_memory[: block.shape[0]]
            torch.mm(left[:, rows].T, grad, out=d_gaps).mul_(block)
            if d_in is not None:
                d_in += d_gaps.sum(0)
            if d_out is not None:
                d_out[rows] = -d_gaps.sum(1)
    return d_left, d_in, d_out, None


def scale(
    eigenvalues_in: Tensor, column: Tensor, matrix: Tensor, out: Tensor | None = None
) -> Tensor:
    """Return (lambda_in_j - lambda_out_i) matrix_ij; lambda_out is a column, (n_out, 1)."""
    return torch.sub(row_of_members(eigenvalues_in), column, out=out).mul_(matrix)


def row_of_members(values: Tensor) -> Tensor:
    """Return numbers of each member, (K, n), as rows, (K, 1, n); of one as they are."""
    return values.unsqueeze(-2) if values.ndim > 1 else values


def split_projection(
    projected: Tensor, n_members: int, n_out: int
) -> tuple[Tensor, Tensor]:
    """Split rows of products with lambda_in phi of each member, and with phi of all.

    Rows that all share have those of each member, which are returned as (K, n_rows, n_out);
    rows of members' own, as `own_projection` gives them, theirs alone."""
    if projected.ndim > 2:
        scaled_in, plain = projected.chunk(2, dim=-1)
        return scaled_in, plain
    scaled_in, plain = projected.split([n_members * n_out, n_out], dim=-1)
    if n_members > 1:
        scaled_in = scaled_in.unflatten(-1, (n_members, n_out)).transpose(0, 1)
    return scaled_in, plain


def own_projection(projected: Tensor, index: Tensor, n_out: int) -> Tensor:
    """Take rows of projected data for each member, of numbers ``index`` (K, m), without
    what other members need of them."""
    if projected.shape[1] == n_out:  # all share it
        return projected[index]
    parts = projected.unflatten(1, (-1, n_out))
    members = torch.arange(len(index), device=index.device).unsqueeze(1)
    return torch.cat([parts[index, members], parts[index, -1]], dim=-1)


def times_vector(matrix: Tensor, vector: Tensor) -> Tensor:
    """Return ``matrix @ vector``, member by member if there are several."""
    if vector.ndim == 1:
        return matrix @ vector
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _blocks(phi: Tensor) -> list[slice]:
    return [
        slice(start, min(start + BLOCK_ROWS, phi.shape[0]))
        for start in range(0, phi.shape[0], BLOCK_ROWS)
    ]


def _parts(n_rows: int, phi: Tensor) -> tuple[int, int]:
    """Return into how many equal parts to cut phi, and how many rows a part has."""
    # BLAS spreads a thin product badly over the cores; as several products of about
    # `BLOCK_ROWS` rows it takes two thirds of the time. A GPU takes it whole.
    whole = phi.is_cuda or n_rows > THIN_ROWS
    parts = 1 if whole else max(1, round(phi.shape[0] / BLOCK_ROWS))
    return parts, phi.shape[0] // parts


def _times(left: Tensor, phi: Tensor) -> Tensor:
    """Return ``left @ phi``; the rows of all members are one matrix."""
    if left.ndim > phi.ndim:
        return _times(left.flatten(0, -2), phi).unflatten(0, left.shape[:-1])
    parts, size = _parts(left.shape[0], phi)
    if parts == 1:
        return left @ phi
    cut = parts * size
    chunks = left[:, :cut].unflatten(1, (parts, size)).transpose(0, 1)
    product = torch.bmm(chunks, phi[:cut].unflatten(0, (parts, size))).sum(0)
    return product if cut == phi.shape[0] else product.addmm_(left[:, cut:], phi[cut:])


def _times_transposed(left: Tensor, phi: Tensor) -> Tensor:
    """Return ``left @ phi.T``."""
    if left.ndim > phi.ndim:
        return _times_transposed(left.flatten(0, -2), phi).unflatten(0, left.shape[:-1])
    parts, size = _parts(left.shape[0], phi)
    if parts == 1:
        return left @ phi.T
    cut = parts * size
    chunks = phi[:cut].unflatten(0, (parts, size)).transpose(1, 2)
    product = torch.bmm(left.expand(parts, *left.shape), chunks)
    product = product.transpose(0, 1).flatten(1)
    if cut == phi.shape[0]:
        return product
    return torch.cat([product, left @ phi[cut:].T], dim=1)
