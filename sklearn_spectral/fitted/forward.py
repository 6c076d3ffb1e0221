"""The forward pass of the retracted network, in chunks of bounded memory.

numpy alone runs it on the CPU, so that a loaded model predicts without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.rows import CHUNK_BYTES, as_rows, chunk_rows, densify
from ..spec.activations import ACTIVATIONS
from .members import fed_width, times_blocks

CACHED_BYTES = 2**23
"""About how much memory the widest layer of one chunk may take on the CPU: what fits into a
cache is passed over several times at little cost."""


def forward(
    X: Any,
    coefs: Sequence[NDArray[Any]],
    intercepts: Sequence[NDArray[Any]],
    activation: str,
    device: str | None = None,
    rows: NDArray[np.intp] | None = None,
    check: Callable[[Any], None] | None = None,
) -> NDArray[Any]:
    """Run the retracted network on the rows of X, or those numbered ``rows``.
    A sparse X is multiplied as it is on the CPU. Weights of three axes are the blocks of
    members that stand side by side. ``check`` is called with those rows whose output may
    not be finite, so that X need not be read twice; CPU only."""
    X = as_rows(X)
    widest = max(X.shape[1], *map(fed_width, coefs))
    if device is None:
        chunk, n_bytes = _numpy_chunk, CACHED_BYTES
    else:
        chunk, n_bytes = _torch_chunk(coefs, intercepts, device), CHUNK_BYTES
    n_rows = chunk_rows(widest, coefs[0].itemsize, n_bytes)
    parts = [
        chunk(part, coefs, intercepts, activation, check)
        for _, part in X.chunks(n_rows, rows)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _numpy_chunk(X, coefs, intercepts, activation, check):
    if X.dtype.kind in "iub":  # a memory-mapped array of integers, converted here
        X = X.astype(coefs[0].dtype)
    values = X
    for position, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        if position == 0 and check is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                product = np.asarray(X @ coef)
                # The narrower of the two; an activation could hide an infinity.
                seen = product if product.shape[1] <= X.shape[1] else X
                is_finite = np.isfinite(seen.sum())
            if is_finite:
                values = product
            else:
                check(X)
                values = np.asarray(X @ coef)  # with numpy's own warnings
        elif coef.ndim == 2:
            values = np.asarray(values @ coef)
        else:
            values = times_blocks(values, coef)
        values += intercept
        if position < len(coefs) - 1:
            ACTIVATIONS[activation].apply(values)
    return values


def _torch_chunk(coefs, intercepts, device):
    """Return a stand-in for `_numpy_chunk` whose weights are on ``device`` already."""
    import torch

    weights = [torch.from_numpy(coef).to(device) for coef in coefs]
    biases = [torch.from_numpy(intercept).to(device) for intercept in intercepts]

    def chunk(X, coefs, intercepts, activation, check):
        dense = np.require(densify(X, coefs[0].dtype), requirements=["C", "W"])
        values = torch.from_numpy(dense).to(device)
        activate = ACTIVATIONS[activation].module()
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            values = activate(_product(values, weight) + bias)
        return (_product(values, weights[-1]) + biases[-1]).cpu().numpy()

    return chunk


def _product(values, weight):
    """Return the product in torch, with the blocks of members too."""
    if weight.ndim == 2:
        return values @ weight
    own = values.unflatten(1, weight.shape[:2]).transpose(0, 1)
    return (own @ weight).transpose(0, 1).flatten(1)
