"""Starts whose first eigenvectors are drawn along the directions in which data vary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..data.covariance import covariance, shape_rows
from ..data.training_data import TrainingData

if TYPE_CHECKING:
    from ..nn.network import StackedNetwork

COVARIANCE_POWERS = {"covariance": 0.5, "sqrt_covariance": 0.25}
"""The power of the covariance that rows of uniform numbers are multiplied by: those of
``"covariance"`` vary as the data do, those of ``"sqrt_covariance"`` less unevenly."""


def shape_first_layer(
    network: StackedNetwork, data: TrainingData, init: str, *, partial: bool
) -> None:
    """Shape the eigenvectors of the first layer by the covariance of the input."""
    n_rows, n_features = len(data.row_numbers), data.X.shape[1]
    if partial and n_rows <= n_features:
        raise ValueError(
            f"init={init!r} fixes the eigenvectors by the covariance of the first "
            f"portion that partial_fit gets; it has {n_rows} rows for {n_features} "
            "features, which is too few. Give more rows first, or use init='scaled'."
        )
    import torch

    from ..nn.linear import SpectralLinear

    first = next(iter(network.layers()))
    assert isinstance(first, SpectralLinear)
    form = first.form
    if not form.parametrization.is_exact:
        raise ValueError(
            f"init={init!r} draws eigenvectors from the data, which cannot follow the form "
            f"of train_eigenvectors={first.train_eigenvectors!r}. Use init='scaled'."
        )
    matrix = covariance(data)
    if network.input_scale is not None:
        scale = network.input_scale.numpy(force=True)
        matrix = matrix / np.outer(scale, scale)
    rows = form().detach().cpu().numpy().astype(np.float64)
    shaped = shape_rows(rows, matrix, COVARIANCE_POWERS[init])
    form.load(torch.from_numpy(shaped))
