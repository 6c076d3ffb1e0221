"""All entries of a matrix train, or none, or some, or factors of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..random_bits import seed_sequence, subset
from .base import ALL, Parametrization, filled_like, scattered, take_rows


class Entries(Parametrization):
    """All entries train."""

    trained: ClassVar[tuple[str, ...]] = ("block",)
    is_stored = True
    moves_far = False

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"block": (self.n_out, self.n_in)}

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        return {"block": matrix}

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        return take_rows(arrays.block, rows)

    def forming_cost(self) -> int:
        """Return nothing: the matrix is there."""
        return 0


class Frozen(Entries):
    """Nothing trains."""

    trained = ()
    regrown = ("block",)
    for_weights = False
    moves_far = True
    trains_bias = False

    def frozen_factor(self, arrays: Any) -> Any:
        return arrays.block


class Biases(Frozen):
    """No weight trains, but all biases do."""

    # Williams et al., "Expressivity of neural networks with random weights and learned
    # biases" (2025), arXiv 2407.00957.
    for_eigenvectors = False
    for_weights = True
    trains_bias = True


class Readout(Entries):
    """All entries of the last layer train; the layers before are random features."""

    @classmethod
    def for_layers(
        cls, shapes: Sequence[tuple[int, int]], seed: int, **options: Any
    ) -> Sequence[Parametrization]:
        return [*(Frozen(*shape) for shape in shapes[:-1]), cls(*shapes[-1])]


class Subset(Parametrization):
    """Some entries train, the others stay or are zero: the paper's constrained network."""

    trained = ("entries",)
    regrown = ("frozen", "position")
    options = ("n_weights", "frozen_init")
    for_eigenvectors = False
    moves_far = False
    n_drawn = 4  # which entries train is drawn among all of them

    def __init__(
        self, n_out: int, n_in: int, position: Any, frozen_init: str = "start"
    ) -> None:
        super().__init__(n_out, n_in)
        if frozen_init not in ("start", "zero"):
            raise ValueError(f"frozen_init must be 'start' or 'zero'; got {frozen_init!r}.")
        self.position, self.frozen_init = np.asarray(position, np.int64), frozen_init
        inside = (self.position >= 0) & (self.position < self.size)
        if self.position.ndim != 1 or not inside.all():
            raise ValueError(
                "position must be numbers of entries of the flattened matrix, from 0 to "
                f"{self.size - 1}; got {position!r}."
            )

    @classmethod
    def for_layers(  # type: ignore[override]
        cls,
        shapes: Sequence[tuple[int, int]],
        seed: int,
        n_weights: int | None = None,
        frozen_init: str = "start",
    ) -> Sequence[Parametrization]:
        """Draw ``n_weights`` positions among the flattened matrices of all layers."""
        sizes = [n_out * n_in for n_out, n_in in shapes]
        if not (isinstance(n_weights, Integral) and 1 <= n_weights <= sum(sizes)):
            raise ValueError(
                "parametrization='subset' needs n_weights, the number of trained weights, "
                f"between 1 and {sum(sizes)}, which is how many this network has; got "
                f"{n_weights}."
            )
        positions = _draw_positions(tuple(sizes), seed, n_weights)
        return [cls(*s, p, frozen_init) for s, p in zip(shapes, positions, strict=True)]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return those of the trained entries, of the flattened start and of positions."""
        n_trained = (len(self.position),)
        return {"entries": n_trained, "frozen": (self.size,), "position": n_trained}

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        flat, position = matrix.reshape(-1), self.position.copy()
        frozen = flat if self.frozen_init == "start" else filled_like(flat, self.size, 0.0)
        return {"entries": flat[position], "frozen": frozen, "position": position}

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        flat = scattered(arrays.frozen, arrays.position, arrays.entries)
        return take_rows(flat.reshape(self.n_out, self.n_in), rows)


@lru_cache(maxsize=4)
def _draw_positions(
    sizes: tuple[int, ...], seed: int, n_weights: int
) -> tuple[NDArray[np.int64], ...]:
    """Draw which entries of flattened matrices train; one fit asks for the same often."""
    chosen = subset(np.random.PCG64(seed_sequence(seed, 2)), sum(sizes), n_weights)
    ends = np.cumsum(sizes)
    parts = np.split(chosen, np.searchsorted(chosen, ends)[:-1])
    return tuple(part - first for part, first in zip(parts, ends - sizes, strict=True))


class Gains(Parametrization):
    """One gain per row trains: diag(g) M_0, as where lambda_out alone trains."""

    trained = ("gains",)
    regrown = ("frozen",)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"gains": (self.n_out,), "frozen": (self.n_out, self.n_in)}

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        return {"gains": filled_like(matrix, self.n_out, 1.0), "frozen": matrix}

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        return take_rows(arrays.gains, rows)[:, None] * take_rows(arrays.frozen, rows)

    def left_multiply(self, left: Any, arrays: Any) -> Any:
        return (left * arrays.gains) @ arrays.frozen

    def right_multiply(self, right: Any, arrays: Any) -> Any:
        return arrays.gains[:, None] * (arrays.frozen @ right)

    def frozen_factor(self, arrays: Any) -> Any:
        return arrays.frozen

    def from_projection(self, projected: Any, arrays: Any) -> Any:
        return projected * arrays.gains

    def product_cost(self, n_rows: int) -> int | None:
        return 2 * n_rows * self.size


class Half(Gains):
    """One gain per row trains, and all entries of the last layer: half-layered networks."""

    # Alpaydin, "Half-layered neural networks" (2025), arXiv 2506.04352.
    for_eigenvectors = False

    @classmethod
    def for_layers(
        cls, shapes: Sequence[tuple[int, int]], seed: int, **options: Any
    ) -> Sequence[Parametrization]:
        return [*(cls(*shape) for shape in shapes[:-1]), Entries(*shapes[-1])]
