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

    ``weight`` is that of the rows that count. Sparse rows are not centred, so that their
    zeros stay zeros, and neither is any column without ``centre``. Constant columns are
    divided by one.
    """
    centre = centre and not isinstance(data.X, SparseRows)
    # Its sums of squares are of deviations, and columns of rounding count as constant.
    scaler = StandardScaler(with_mean=not isinstance(data.X, SparseRows))
    for part, values in data.X.chunks(rows=data.rows):
        of_part = None if weight is None else weight[part]
        if of_part is None or of_part.any():
            scaler.partial_fit(_as_float64(values), sample_weight=of_part)
    scale = scaler.scale_
    if not centre:
        return np.zeros(len(scale)), scale
    return scaler.mean_, scale


def scaling_of_targets(
    y: NDArray[np.float64], centre: bool, weight: NDArray[np.float64] | None
) -> Scaling:
    """Return the means and standard deviations of targets, (n_rows, n_outputs)."""
    scaler = StandardScaler().fit(y, sample_weight=weight)
    return scaler.mean_ if centre else np.zeros(y.shape[1]), scaler.scale_


def _as_float64(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return numbers in the type that they are added up in; sparse ones stay sparse."""
    return values.astype(np.float64, copy=False)
