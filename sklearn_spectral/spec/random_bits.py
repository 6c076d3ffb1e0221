"""Uniform numbers from the raw bits of a numpy bit generator.

``numpy.random.Generator`` may change its streams between releases, a bit generator may
not (NEP 19). Frozen eigenvectors are never learnt, so they are worth exactly one seed:
drawing them from raw bits keeps that seed meaningful on any numpy version.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

CHUNK = 2**18
"""How many numbers are drawn at a time, so that little memory is used beside the result."""


def seed_sequence(seed: int, *path: int) -> np.random.SeedSequence:
    """Return the seed of one independent stream, which the path names, below ``seed``."""
    return np.random.SeedSequence(entropy=seed, spawn_key=path)


def uniform(
    bits: np.random.BitGenerator,
    low: float,
    high: float,
    shape: tuple[int, ...],
    dtype: DTypeLike = np.float64,
) -> NDArray[Any]:
    """Draw uniform numbers in [low, high), of 53 random bits each, rounded to a type."""
    numbers = np.empty(int(np.prod(shape, dtype=np.int64)), dtype)
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK]
        raw = np.asarray(bits.random_raw(len(chunk)), dtype=np.uint64)
        chunk[:] = low + (high - low) * ((raw >> np.uint64(11)) * 2.0**-53)
    return numbers.reshape(shape)


def subset(bits: np.random.BitGenerator, n_total: int, n: int) -> NDArray[np.int64]:
    """Draw n different integers below n_total from raw bits, in ascending order."""
    raw = np.asarray(bits.random_raw(n_total), dtype=np.uint64)
    return np.sort(np.argsort(raw, kind="stable")[:n]).astype(np.int64)
