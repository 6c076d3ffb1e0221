"""Uniform numbers from the raw bits of a numpy bit generator.

``numpy.random.Generator`` may change its streams between releases, a bit generator may
not (NEP 19). Frozen eigenvectors are never learnt, so they are worth exactly one seed:
drawing them from raw bits keeps that seed meaningful on any numpy version.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def seed_sequence(seed: int, *path: int) -> np.random.SeedSequence:
    """Return the seed of one independent stream below ``seed``.

    Parameters
    ----------
    seed : int
        A non-negative integer.
    *path : int
        Which stream: different paths give independent streams.

    Returns
    -------
    numpy.random.SeedSequence
        The seed of that stream.
    """
    return np.random.SeedSequence(entropy=seed, spawn_key=path)


def uniform(
    bits: np.random.BitGenerator, low: float, high: float, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Draw uniform numbers in [low, high) from raw bits.

    Parameters
    ----------
    bits : numpy.random.BitGenerator
        The source; it is advanced by the number of values drawn.
    low, high : float
        The interval.
    shape : tuple of int
        Shape of the result.

    Returns
    -------
    ndarray of float64
        The numbers, 53 random bits each.
    """
    raw = bits.random_raw(int(np.prod(shape, dtype=np.int64)))
    unit = (np.asarray(raw, dtype=np.uint64) >> np.uint64(11)) * 2.0**-53
    return np.asarray(low + (high - low) * unit, dtype=np.float64).reshape(shape)


def subset(bits: np.random.BitGenerator, n_total: int, n: int) -> NDArray[np.int64]:
    """Draw a subset of the first integers from raw bits.

    Parameters
    ----------
    bits : numpy.random.BitGenerator
        The source.
    n_total : int
        The integers are 0 to ``n_total - 1``.
    n : int
        How many to draw, at most ``n_total``.

    Returns
    -------
    ndarray of int64
        ``n`` different integers, in ascending order.
    """
    raw = np.asarray(bits.random_raw(n_total), dtype=np.uint64)
    return np.sort(np.argsort(raw, kind="stable")[:n]).astype(np.int64)
