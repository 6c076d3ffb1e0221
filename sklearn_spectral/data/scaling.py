"""How far numbers are from zero and from each other: what training standardises them by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

Scaling = tuple[NDArray[np.float64], NDArray[np.float64]]
"""What to subtract from each column, and what to divide it by then."""

Parts: TypeAlias = Iterable[tuple[Any, NDArray[np.float64] | None]]
"""Rows, some after the other, with their weights if they have any."""


def scaling_of_inputs(parts: Parts, *, sparse: bool, centre: bool) -> Scaling:
    """Return the means and standard deviations of the columns, read in one pass.

    Constant columns are divided by one, and
    none is centred without ``centre``. Sparse rows are not, so that their zeros stay zeros;
    their columns are divided by the root mean square of the entries that are not zero: by a
    standard deviation, words that are in few texts would be the largest of all.
    """
    if sparse:
        return _of_sparse(parts)
    # Its sums of squares are of deviations, and columns of rounding count as constant.
    scaler = StandardScaler()
    with np.errstate(over="ignore", invalid="ignore"):
        for values, weight in parts:
            if weight is None or weight.any():
                scaler.partial_fit(values.astype(np.float64, copy=False), None, weight)
    return _scaling_of(scaler, centre)


def scaling_of_targets(
    y: NDArray[np.float64], centre: bool, weight: NDArray[np.float64] | None
) -> Scaling:
    """Return the means and standard deviations of targets, (n_rows, n_outputs)."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaler = StandardScaler().fit(y, sample_weight=weight)
    return _scaling_of(scaler, centre)


def _scaling_of(scaler: StandardScaler, centre: bool) -> Scaling:
    mean, scale = scaler.mean_, scaler.scale_
    known = np.isfinite(mean) & np.isfinite(scale)  # squares of huge numbers are not
    return np.where(known & centre, mean, 0.0), np.where(known, scale, 1.0)


def _of_sparse(parts: Parts) -> Scaling:
    squares = entries = np.zeros(1)
    for values, weight in parts:
        weight = np.ones(values.shape[0]) if weight is None else weight
        values = values.astype(np.float64)
        values.data **= 2
        squares = squares + weight @ values
        values.data = np.sign(values.data)
        entries = entries + weight @ values
    scale = np.sqrt(squares / np.where(entries > 0, entries, 1))
    return np.zeros(len(scale)), np.where(scale > 0, scale, 1)
