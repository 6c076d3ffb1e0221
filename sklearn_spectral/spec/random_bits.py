"""Uniform numbers from the raw bits of a numpy bit generator.

``numpy.random.Generator`` may change its streams between releases, a bit generator may
not (NEP 19). Frozen eigenvectors are never learnt, so they are worth exactly one seed:
drawing them from raw bits keeps that seed meaningful on any numpy version.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

PIECE = 2**18
"""How many numbers are drawn at a time, so that little is held beside the result."""


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
    bits: np.random.BitGenerator,
    low: float,
    high: float,
    shape: tuple[int, ...],
    dtype: DTypeLike = np.float64,
) -> NDArray[Any]:
    """Draw uniform numbers in [low, high) from raw bits.

    Parameters
    ----------
    bits : numpy.random.BitGenerator
        The source; it is advanced by the number of values drawn.
    low, high : float
        The interval.
    shape : tuple of int
        Shape of the result.
    dtype : numpy dtype, default=float64
        Type of the result, to which the numbers are rounded piece by piece.

    Returns
    -------
    ndarray
        The numbers, 53 random bits each.
    """
    numbers = np.empty(int(np.prod(shape, dtype=np.int64)), dtype)
    for start in range(0, len(numbers), PIECE):
        piece = numbers[start : start + PIECE]
        raw = np.asarray(bits.random_raw(len(piece)), dtype=np.uint64)
        piece[:] = low + (high - low) * ((raw >> np.uint64(11)) * 2.0**-53)
    return numbers.reshape(shape)


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
