"""The covariance of the input, which can shape the first layer's eigenvectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .rows import chunk_rows, densify
from .training_data import TrainingData

MOST_FEATURES = 5000
"""Above this a square matrix of the features and its eigenvectors cost too much."""


def covariance(data: TrainingData) -> NDArray[np.float64]:
    """Return the weighted covariance of the rows that count, in float64.
    It is zero if no row has any weight.
    """
    data.X.check_row_numbers("A start by the covariance")
    n_features = data.X.shape[1]
    if n_features > MOST_FEATURES:
        raise ValueError(
            "A start by the covariance needs the square matrix of the features' "
            f"covariances, which is for up to {MOST_FEATURES} features; X has "
            f"{n_features}. Reduce them first, for example by PCA or TruncatedSVD, or use "
            "init='scaled'."
        )
    weight = data.weight()
    total = 0.0
    mean = np.zeros(n_features)
    scatter = np.zeros((n_features, n_features))
    for part, chunk in data.X.chunks(chunk_rows(n_features), data.row_numbers):
        values = densify(chunk, np.float64)
        w = np.ones(len(values)) if weight is None else weight[part]
        # Chunks are merged by their own means: sums of squares would cancel.
        size = w.sum()
        if size <= 0:  # rows of a class that has no weight
            continue
        centre = w @ values / size
        values = (values - centre) * np.sqrt(w)[:, None]
        step = centre - mean
        scatter += values.T @ values + np.outer(step, step) * total * size / (total + size)
        mean += step * size / (total + size)
        total += size
    return scatter / total if total > 0 else scatter


def shape_rows(
    rows: NDArray[np.float64], matrix: NDArray[np.float64], power: float
) -> NDArray[np.float64]:
    """Multiply rows by a power of a covariance matrix, keeping their mean square.
    Rows of independent numbers get a covariance proportional to ``matrix ** (2 * power)``.
    """
    variances, directions = np.linalg.eigh(matrix)
    if variances[-1] <= 0:
        return rows
    shares = variances / variances[-1]
    # What is rounding is zero, or its root would be noise that can be seen.
    shares[shares < len(shares) * np.finfo(np.float64).eps] = 0.0
    shaped = (rows @ directions) * shares**power @ directions.T
    scale = np.sqrt(np.mean(np.square(rows)) / np.mean(np.square(shaped)))
    return shaped * scale
