"""Entries of a matrix are sums of a few shared numbers, which train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..random_bits import seed_sequence, uniform
from .base import ALL, Parametrization, filled_like, per_layer, take_rows


class Hashed(Parametrization):
    """Each entry is one of ``n_weights`` shared numbers, or its negative, at random."""

    # Chen et al., "Compressing neural networks with the hashing trick" (2015),
    # arXiv 1504.04788.
    trained: ClassVar[tuple[str, ...]] = ("shared",)
    regrown: ClassVar[tuple[str, ...]] = ("position",)
    options = ("n_weights",)
    for_eigenvectors = False
    is_exact = False
    draws_arrays = True
    moves_far = False
    n_drawn = 4
    n_terms: ClassVar[int] = 1

    def __init__(
        self, n_out: int, n_in: int, n_weights: int, seed: int = 0, layer: int = 0
    ) -> None:
        super().__init__(n_out, n_in)
        if not 1 <= n_weights <= self.size:
            raise ValueError(
                f"n_weights of a layer with {self.size} weights must be between 1 and "
                f"that; got {n_weights}. Give one number for each layer, or one for all."
            )
        self.n_weights, self.seed, self.layer = n_weights, seed, layer

    @classmethod
    def for_layers(  # type: ignore[override]
        cls, shapes: Sequence[tuple[int, int]], seed: int, n_weights: Any = None
    ) -> Sequence[Parametrization]:
        """Give each layer its own number, or its share of one number for all."""
        numbers = shares(n_weights, [n_out * n_in for n_out, n_in in shapes])
        pairs = zip(shapes, numbers, strict=True)
        return [cls(*shape, n, seed, layer) for layer, (shape, n) in enumerate(pairs)]

    def position(self) -> NDArray[np.int64]:
        """Return where each entry finds its terms: in the numbers and their negatives."""
        shape = (self.n_terms, self.n_out, self.n_in)
        return _positions(shape, self.n_weights, self.seed, self.layer).copy()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return those of the shared numbers and of the positions."""
        position = (self.n_terms, self.n_out, self.n_in)
        return {"shared": (self.n_weights,), "position": position}

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Take for each shared number the mean of the entries that are to be it."""
        position = self.position()
        index, values = position[0].reshape(-1), np.asarray(matrix).reshape(-1)
        signed = np.where(index < self.n_weights, values, -values)
        index = index % self.n_weights
        counts = np.maximum(np.bincount(index, minlength=self.n_weights), 1)
        means = np.bincount(index, signed, self.n_weights) / counts
        return {"shared": means.astype(values.dtype), "position": position}

    def draw(
        self,
        uniform: Callable[[float, tuple[int, int]], Any],
        bound: float,
        linalg: Any,
    ) -> dict[str, Any]:
        shared = uniform(bound, (1, self.n_weights))[0]
        return {"shared": shared, "position": self.position()}

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        return _sums(arrays.shared, arrays.position[:, rows])


class RandomSubspace(Hashed):
    """A frozen matrix, to whose entries four of ``n_weights`` numbers each are added."""

    # Li et al., "Measuring the intrinsic dimension of objective landscapes" (2018),
    # arXiv 1804.08838, with a sparse projection, layer by layer.
    regrown = ("frozen", "position")
    is_exact = True
    n_drawn = 13  # four positions an entry, and the numbers that they are drawn as
    n_terms = 4

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return those of the numbers, of their positions and of the frozen matrix."""
        return {**super().shapes(), "frozen": (self.n_out, self.n_in)}

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Keep the matrix, and add nothing yet."""
        zeros = filled_like(matrix, self.n_weights, 0.0)
        return {"shared": zeros, "position": self.position(), "frozen": matrix}

    draw = Parametrization.draw

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        return take_rows(arrays.frozen, rows) + super().matrix(arrays, rows)

    def forming_cost(self) -> int:
        """Count the terms, which are looked up one by one."""
        return self.n_terms * super().forming_cost()


def shares(n_weights: Any, sizes: Sequence[int]) -> list[int]:
    """Divide a number of weights among layers by their sizes, or take one for each."""
    if n_weights is None:
        raise ValueError(
            "This parametrization needs n_weights: how many numbers train in all, or one "
            "number for each layer."
        )
    if not isinstance(n_weights, int | np.integer):
        return per_layer("n_weights", n_weights, len(sizes))
    total = sum(sizes)
    if not len(sizes) <= n_weights <= total:
        raise ValueError(
            f"n_weights must be between {len(sizes)} and {total}, the weights of all "
            f"layers; got {n_weights}."
        )
    parts = [max(1, n_weights * size // total) for size in sizes]
    left = n_weights - sum(parts)
    for layer in np.argsort(sizes)[::-1]:  # the largest first; each keeps one at least
        step = min(max(left, 1 - parts[layer]), sizes[layer] - parts[layer])
        parts[layer] += step
        left -= step
    return parts


@lru_cache(maxsize=4)
def _positions(
    shape: tuple[int, ...], n_weights: int, seed: int, layer: int
) -> NDArray[np.int64]:
    """Draw positions below twice the number of weights; one fit asks for them often."""
    bits = np.random.PCG64(seed_sequence(seed, 3, layer))
    drawn = uniform(bits, 0.0, 2.0 * n_weights, shape)
    return np.minimum(drawn.astype(np.int64), 2 * n_weights - 1)


def _sums(shared: Any, position: Any) -> Any:
    """Add up the terms of each entry; those in the second half are negative."""
    if isinstance(shared, np.ndarray):
        return np.concatenate([shared, -shared])[position].sum(0)
    signs = shared.new_ones((2, 1))
    signs[1] = -1.0
    terms = (signs * shared).reshape(-1).index_select(0, position.reshape(-1))
    return terms.reshape(position.shape).sum(0)
