"""The telescope drawn in: from the arrays of the extended network to the one that predicts.

It runs on numpy alone and adds up in float64, so that a loaded model is retracted without
torch, to the same bits as after its fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.rows import slices
from .layers import Arrays, LayerArrays
from .members import Plain, merge_members
from .units import fold_units

PIECE = 2**18
"""About how many entries of a weight are formed at a time."""

FEWEST_ROWS = 32
"""A product with fewer rows than this spends its time on what it is added to."""


def retract(
    stacks: Sequence[Sequence[LayerArrays]], slopes: Sequence[str], arrays: Arrays
) -> Plain:
    """Contract each stack of linear layers, and fold slopes of tanh and units into it.

    Returns weights (n_in, n_out) and biases (n_out,), one of each per stack; biases are
    zeros where the network has none. Those of a population are the merged network's.
    """
    return merge_members(retract_members(stacks, slopes, arrays))


def retract_members(
    stacks: Sequence[Sequence[LayerArrays]], slopes: Sequence[str], arrays: Arrays
) -> list[Plain]:
    """Do so for each member, one after another."""
    n_members = stacks[0][0].n_members
    return [_retract_member(stacks, slopes, arrays, k) for k in range(n_members)]


def _retract_member(
    stacks: Sequence[Sequence[LayerArrays]],
    slopes: Sequence[str],
    arrays: Arrays,
    member: int,
) -> Plain:
    coefs: list[NDArray[Any]] = []
    intercepts: list[NDArray[Any]] = []
    dtype = next(iter(stacks[0][0].pick(arrays, member).values())).dtype
    with np.errstate(over="ignore", invalid="ignore"):
        for position, layers in enumerate(stacks):
            picked = [layer.pick(arrays, member) for layer in layers]
            weight, bias = _contract(layers, picked)
            if position < len(slopes):
                slope = float(np.atleast_1d(arrays[slopes[position]])[member])
                weight, bias = weight * slope, bias * slope
            coefs.append(weight.T)
            intercepts.append(bias)
        fold_units(coefs, intercepts, arrays)
        return (
            [np.ascontiguousarray(coef, dtype) for coef in coefs],
            [bias.astype(dtype) for bias in intercepts],
        )


def _contract(
    layers: Sequence[LayerArrays], picked: Sequence[Mapping[str, NDArray[Any]]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return W_L ... W_1 and its bias, from the narrower end."""
    pairs = list(zip(layers, picked, strict=True))
    if layers[0].n_in > layers[-1].n_out:
        weight = pairs[-1][0].weight(pairs[-1][1])
        bias = _bias(*pairs[-1])
        for layer, arrays in reversed(pairs[:-1]):
            bias = bias + weight @ _bias(layer, arrays)
            product = np.zeros((len(weight), layer.n_in))
            for rows in _pieces(layer):
                product += weight[:, rows] @ layer.weight(arrays, rows)
            weight = product
        return weight, bias
    weight, bias = pairs[0][0].weight(pairs[0][1]), _bias(*pairs[0])
    for layer, arrays in pairs[1:]:
        product, shifted = np.empty((layer.n_out, weight.shape[1])), _bias(layer, arrays)
        for rows in _pieces(layer):
            formed = layer.weight(arrays, rows)
            product[rows] = formed @ weight
            shifted[rows] += formed @ bias
        weight, bias = product, shifted
    return weight, bias


def _bias(layer: LayerArrays, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    if "bias" not in arrays:
        return np.zeros(layer.n_out)
    return arrays["bias"].astype(np.float64)


def _pieces(layer: LayerArrays) -> Iterator[slice]:
    """Cut the rows of a layer's weight."""
    return slices(layer.n_out, max(FEWEST_ROWS, PIECE // layer.n_in))
