"""The forward pass of the retracted network, in chunks of bounded memory.

numpy alone runs it on the CPU, so that a loaded model predicts without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.arrays import CHUNK_BYTES, densify, release_pages, row_chunks
from ..data.row_source import RowSource
from ..spec.activations import ACTIVATIONS

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
    """Run the retracted network.

    Parameters
    ----------
    X : ndarray, RowSource or CSR matrix of shape (n_samples, n_features)
        The input; a sparse one is multiplied as it is on the CPU.
    coefs : sequence of ndarray of shape (n_in, n_out)
        The weights, one per layer.
    intercepts : sequence of ndarray of shape (n_out,)
        The biases.
    activation : str
        What stands between the layers.
    device : str, optional
        A torch device to run on; numpy on the CPU if not given.
    rows : ndarray of int, optional
        Which rows of X to take; all by default.
    check : callable, optional
        Called with rows of X, on the CPU, if any of them may hold a number that is not
        finite. It shows in what comes of them, so that X need not be read twice.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs)
        The output of the last layer.
    """
    widest = max(X.shape[1], *(coef.shape[1] for coef in coefs))
    if device is None:
        chunk, n_bytes = _numpy_chunk, CACHED_BYTES
    else:
        chunk, n_bytes = _torch_chunk(coefs, intercepts, device), CHUNK_BYTES
    wholes: Iterable[tuple[Any, Any]] = [(X, rows)]
    if isinstance(X, RowSource):
        wholes = ((block, None) for block in X.pieces(rows))
    parts = []
    for whole, chosen in wholes:
        n_rows = whole.shape[0] if chosen is None else len(chosen)
        for piece in row_chunks(n_rows, widest, coefs[0].itemsize, n_bytes):
            part = whole[piece if chosen is None else chosen[piece]]
            parts.append(chunk(part, coefs, intercepts, activation, check))
            release_pages(whole)
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
        else:
            values = np.asarray(values @ coef)
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
            values = activate(values @ weight + bias)
        return (values @ weights[-1] + biases[-1]).cpu().numpy()

    return chunk
