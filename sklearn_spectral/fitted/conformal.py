"""Conformal prediction: how sure to be, by rows that did not train the network.

Each of these has a score, of how strange its target is beside what was predicted. New rows
are as strange as they are: so a target is believed if its score is not among the largest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KEPT = 500
"""As many scores are kept at most, evenly by rank: a file has to hold them."""


def kept(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores, of shape (n_rows, n_kinds), in order and no more than are kept."""
    ordered = np.sort(scores, axis=0)
    n_rows = len(ordered)
    if n_rows <= KEPT:
        return ordered
    # The j-th of those kept is the next above a share of j / (KEPT + 1) of all.
    ranks = np.ceil(np.arange(1, KEPT + 1) * (n_rows + 1) / (KEPT + 1)).astype(int)
    return ordered[np.minimum(ranks, n_rows) - 1]


def largest_believed(scores: NDArray[np.float64], coverage: float) -> NDArray[np.float64]:
    """Return, of each kind, the score up to which a share ``coverage`` of new rows lie, on
    the average over calibrations; infinity where there are too few scores to tell."""
    rank = int(np.ceil((len(scores) + 1) * coverage))
    if rank > len(scores):
        return np.full(scores.shape[1], np.inf)
    return scores[rank - 1]


def strangeness_of_classes(shares: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the scores of all classes, of shape (n_rows, n_classes, 2), for probabilities:
    one minus that of the class, and the sum of those that are more probable with a random
    part of its own, without which too many classes would be believed."""
    order = np.argsort(-shares, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(shares, order, axis=1), axis=1)
    upto = np.empty_like(sums)
    np.put_along_axis(upto, order, sums, axis=1)
    part = np.random.default_rng(seed).random((len(shares), 1))
    return np.stack([1 - shares, np.maximum(upto - part * shares, 0)], axis=-1)


def error_of_all(
    errors: NDArray[np.float64],
    differences: NDArray[np.float64],
    n_members: int,
    n_left_out: int,
) -> NDArray[np.float64]:
    """Return errors out of bag as those of the mean of all members.

    Few members predict a row out of bag, and their mean varies more than that of all. By
    how much is seen from ``differences`` between their predictions and those of the others.
    Half of it is taken off: eigenvectors are shared, and know of rows that are left out.
    """
    of_few = 1 / n_left_out - 1 / n_members
    seen = 1 / n_left_out + 1 / (n_members - n_left_out)
    unit = np.maximum(errors.max(axis=0), np.finfo(np.float64).tiny)  # none overflows
    total = ((errors / unit) ** 2).mean(axis=0)
    excess = of_few / seen * ((differences / unit) ** 2).mean(axis=0) / 2
    share = 1 - np.divide(excess, total, out=np.zeros_like(total), where=total > 0)
    return errors * np.sqrt(np.maximum(share, 0.25))
