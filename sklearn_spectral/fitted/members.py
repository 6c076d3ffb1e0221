"""The networks of a population as one: side by side, with the mean of their outputs.

Between hidden layers no member reads another's nodes. The weights there are kept as blocks,
an array (n_members, n_in, n_out), instead of the matrix that has them on its diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bsr_array

Plain: TypeAlias = tuple[list[NDArray[Any]], list[NDArray[Any]]]
"""Weights (n_in, n_out) and biases (n_out,) of a retracted network, layer by layer."""


def stand_side_by_side(members: Sequence[Plain]) -> Plain:
    """Return one network whose outputs are those of the first member, the second, ..."""
    layers = [*zip(*(coefs for coefs, _ in members), strict=True)]
    biases = zip(*(intercepts for _, intercepts in members), strict=True)
    first, *others = layers  # all read the same inputs, and then only their own nodes
    coefs = [np.concatenate(first, axis=1), *map(np.stack, others)]
    return coefs, [np.concatenate(layer) for layer in biases]


def merge_members(members: Sequence[Plain]) -> Plain:
    """Return the network whose output is the mean of the members'; that of one as it is."""
    n_members = len(members)
    if n_members == 1:
        return members[0]
    coefs, intercepts = stand_side_by_side(members)
    n_outputs = len(members[0][1][-1])
    intercepts[-1] = _mean(intercepts[-1].reshape(n_members, n_outputs), axis=0)
    if len(coefs) == 1:
        coefs[0] = _mean(coefs[0].reshape(-1, n_members, n_outputs), axis=1)
    else:
        coefs[-1] = coefs[-1].reshape(-1, n_outputs) / n_members
    return coefs, intercepts


def _mean(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return values.mean(axis=axis, dtype=np.float64).astype(values.dtype)


def merged_shapes(stacks: Sequence[Sequence[int]], n_members: int) -> list[tuple[int, ...]]:
    """Return the shapes of the weights that `merge_members` gives of stacks of layers."""
    ends = [(widths[0], widths[-1]) for widths in stacks]
    if n_members == 1 or len(ends) == 1:
        return [*ends]
    (n_inputs, first), *inner, (last, n_outputs) = ends
    blocks = [(n_members, *each) for each in inner]
    return [(n_inputs, n_members * first), *blocks, (n_members * last, n_outputs)]


def fed_width(coef: NDArray[Any]) -> int:
    """Return how many nodes weights feed, those of all blocks."""
    return coef.shape[1] if coef.ndim == 2 else coef.shape[0] * coef.shape[2]


def times_blocks(values: NDArray[Any], blocks: NDArray[Any]) -> NDArray[Any]:
    """Multiply each member's nodes by its own weights."""
    n_members, n_in, n_out = blocks.shape
    given = values.reshape(len(values), n_members, n_in)
    product = np.empty((len(values), n_members, n_out), np.result_type(values, blocks))
    # Members' nodes lie beside each other in both, so that nothing is copied.
    np.matmul(given.swapaxes(0, 1), blocks, out=product.swapaxes(0, 1))
    return product.reshape(len(values), n_members * n_out)


def as_matrix(coef: NDArray[Any]) -> NDArray[Any] | bsr_array:
    """Return weights as a matrix: blocks as a sparse one around them, which is no copy."""
    if coef.ndim == 2:
        return coef
    n_members, n_in, n_out = coef.shape
    places = np.arange(n_members + 1)
    return bsr_array(
        (coef, places[:-1], places), shape=(n_members * n_in, n_members * n_out)
    )
