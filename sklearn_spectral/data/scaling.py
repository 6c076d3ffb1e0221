"""How far numbers are from zero and from each other: what training standardises them by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from .rows import SparseRows
from .training_data import TrainingData

Scaling = tuple[NDArray[np.float64], NDArray[np.float64]]
"""What to subtract from each column, and what to divide it by then."""


def scaling_of_inputs(
    data: TrainingData, centre: bool, weight: NDArray[np.float64] | None
) -> Scaling:
    """Return the means and standard deviations of the columns, read in one pass.

    ``weight`` is that of the rows that count. Constant columns are divided by one, and
    none is centred without ``centre``. Sparse rows are not, so that their zeros stay zeros;
    their columns are divided by the root mean square of the entries that are not zero: by a
    standard deviation, words that are in few texts would be the largest of all.
    """
    if isinstance(data.X, SparseRows):
        return _of_sparse(data, weight)
    # Its sums of squares are of deviations, and columns of rounding count as constant.
    scaler = StandardScaler()
    for part, values in data.X.chunks(rows=data.rows):
        of_part = None if weight is None else weight[part]
        if of_part is None or of_part.any():
            scaler.partial_fit(values.astype(np.float64, copy=False), None, of_part)
    return scaler.mean_ if centre else np.zeros_like(scaler.mean_), scaler.scale_


def scaling_of_targets(
    y: NDArray[np.float64], centre: bool, weight: NDArray[np.float64] | None
) -> Scaling:
    """Return the means and standard deviations of targets, (n_rows, n_outputs)."""
    scaler = StandardScaler().fit(y, sample_weight=weight)
    return scaler.mean_ if centre else np.zeros(y.shape[1]), scaler.scale_


def _of_sparse(data: TrainingData, weight: NDArray[np.float64] | None) -> Scaling:
    n_features = data.X.shape[1]
    squares, entries = np.zeros(n_features), np.zeros(n_features)
    for part, values in data.X.chunks(rows=data.rows):
        of_part = np.ones(values.shape[0]) if weight is None else weight[part]
        values = values.astype(np.float64)
        values.data **= 2
        squares += of_part @ values
        values.data = np.sign(values.data)
        entries += of_part @ values
    scale = np.sqrt(squares / np.where(entries > 0, entries, 1))
    return np.zeros(n_features), np.where(scale > 0, scale, 1)
