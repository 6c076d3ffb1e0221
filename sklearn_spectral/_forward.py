"""The forward pass of the retracted network, in chunks of bounded memory.

numpy alone runs it on the CPU, so that a loaded model predicts without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arrays import densify, row_chunks


def activate(values: NDArray[Any], activation: str) -> NDArray[Any]:
    """Apply an activation in place, the slope of a tanh being in the weights.

    Parameters
    ----------
    values : ndarray
        Changed and returned.
    activation : {"relu", "tanh", "elu", "identity"}
        Which one.

    Returns
    -------
    ndarray
        ``values``.
    """
    if activation == "relu":
        np.maximum(values, 0, out=values)
    elif activation == "tanh":
        np.tanh(values, out=values)
    elif activation == "elu":
        below = values < 0
        values[below] = np.expm1(values[below])
    return values


def forward(
    X: Any,
    coefs: Sequence[NDArray[Any]],
    intercepts: Sequence[NDArray[Any]],
    activation: str,
    device: str | None = None,
    rows: NDArray[np.intp] | None = None,
) -> NDArray[Any]:
    """Run the retracted network.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
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

    Returns
    -------
    ndarray of shape (n_samples, n_outputs)
        The output of the last layer.
    """
    widest = max(X.shape[1], *(coef.shape[1] for coef in coefs))
    chunk = _numpy_chunk if device is None else _torch_chunk(coefs, intercepts, device)
    n_rows = X.shape[0] if rows is None else len(rows)
    parts = [
        chunk(X[piece if rows is None else rows[piece]], coefs, intercepts, activation)
        for piece in row_chunks(n_rows, widest, coefs[0].itemsize)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _numpy_chunk(X, coefs, intercepts, activation):
    if X.dtype.kind in "iub":  # a memory-mapped array of integers, converted here
        X = X.astype(coefs[0].dtype)
    for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
        X = activate(np.asarray(X @ coef + intercept), activation)
    return np.asarray(X @ coefs[-1] + intercepts[-1])


def _torch_chunk(coefs, intercepts, device):
    """Return a stand-in for `_numpy_chunk` whose weights are on ``device`` already."""
    import torch

    functions = {
        "relu": torch.relu,
        "tanh": torch.tanh,
        "elu": torch.nn.functional.elu,
    }
    weights = [torch.from_numpy(coef).to(device) for coef in coefs]
    biases = [torch.from_numpy(intercept).to(device) for intercept in intercepts]

    def chunk(X, coefs, intercepts, activation):
        dense = np.require(densify(X, coefs[0].dtype), requirements=["C", "W"])
        values = torch.from_numpy(dense).to(device)
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            values = functions[activation](values @ weight + bias)
        return (values @ weights[-1] + biases[-1]).cpu().numpy()

    return chunk
