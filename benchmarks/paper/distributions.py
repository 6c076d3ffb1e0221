"""Distributions of weights, kept as evenly spaced quantiles, and how far apart they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from published import METHODS
from scipy.stats import wasserstein_distance


def columns(distributions: pd.DataFrame) -> list[str]:
    """Return the columns that hold the quantiles."""
    return [name for name in distributions if name.startswith("q")]


def scale(quantiles: np.ndarray) -> np.ndarray:
    """Return the standard deviation without the outer 0.5 % on either side.

    A few large weights would decide it otherwise.
    """
    return quantiles[..., 1:-1].std(axis=-1, keepdims=True)


def shape(quantiles: np.ndarray) -> np.ndarray:
    """Return evenly spaced quantiles without the outer 0.5 %, divided by their scale."""
    return quantiles[..., 1:-1] / scale(quantiles)


def weight_distances(distributions: pd.DataFrame) -> pd.DataFrame:
    """Return how far each distribution of weights is from that of the full training.

    The distance is that of Wasserstein between the inner 99 % of the weights divided by
    their standard deviation, mean over seeds: it compares shapes, not scales, and is 0
    for equal ones.
    """
    quantiles = columns(distributions)
    rows: dict[str, dict[str, str]] = {}
    for network, group in distributions.groupby("network", sort=False):
        full = group[group.method == "full"].set_index("seed")[quantiles]
        for method, other in group.groupby("method", sort=False):
            other = other.set_index("seed")[quantiles]
            seeds = full.index.intersection(other.index)
            if seeds.empty or method not in {*METHODS, "constrained, zero"} - {"full"}:
                continue
            pair = [shape(each.loc[seeds].to_numpy(float)) for each in (other, full)]
            distance = [wasserstein_distance(a, b) for a, b in zip(*pair, strict=True)]
            rows.setdefault(network, {})[method] = f"{np.mean(distance):.3f}"
    return pd.DataFrame(rows).T.fillna("").rename_axis("retracted network")
