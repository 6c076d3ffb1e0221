"""Parametrizations: which numbers of a matrix train, and how the matrix follows from them.

To add one, write a class here and register it in ``PARAMETRIZATIONS``: its key is then a
value of ``train_eigenvectors`` of spectral networks and of ``parametrization`` of networks
in direct space. The same lines compute with arrays of numpy, for what a fit leaves, and
with tensors, for training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .parametrization_base import (
    ALL,
    Parametrization,
    filled_like,
    scattered,
    take_rows,
)
from .random_bits import seed_sequence, subset


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

    def frozen_factor(self, arrays: Any) -> Any:
        return arrays.block


class Readout(Entries):
    """All entries of the last layer train; the layers before are random features."""

    for_eigenvectors = False

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
        if n_weights is None or not 1 <= n_weights <= sum(sizes):
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


class LowRank(Parametrization):
    """A product U V of a given rank trains, both factors of it."""

    trained = ("left", "right")
    options = ("rank",)
    for_eigenvectors = False
    moves_far = False

    def __init__(self, n_out: int, n_in: int, rank: int = 10) -> None:
        super().__init__(n_out, n_in)
        if rank < 1:
            raise ValueError(f"rank must be an integer of at least 1; got {rank!r}.")
        self.rank = min(rank, n_out, n_in)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"left": (self.n_out, self.rank), "right": (self.rank, self.n_in)}

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Return the factors of the nearest matrix of this rank, as large as each other."""
        left, values, right = linalg.svd(matrix, full_matrices=False)
        roots = values[: self.rank] ** 0.5
        return {
            "left": left[:, : self.rank] * roots,
            "right": roots[:, None] * right[: self.rank],
        }

    def draw(
        self, uniform: Callable[[float, tuple[int, int]], Any], bound: float, linalg: Any
    ) -> dict[str, Any]:
        """Draw U and V: of a full matrix little would be left at a low rank."""
        right = np.sqrt(3.0 / self.n_in)
        left = bound * np.sqrt(3.0 / self.rank) / right
        bounds = {"left": left, "right": right}
        return {n: uniform(bounds[n], shape) for n, shape in self.shapes().items()}  # type: ignore[arg-type]

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        return take_rows(arrays.left, rows) @ arrays.right

    def left_multiply(self, left: Any, arrays: Any) -> Any:
        return (left @ arrays.left) @ arrays.right

    def right_multiply(self, right: Any, arrays: Any) -> Any:
        return arrays.left @ (arrays.right @ right)

    def factors(self, arrays: Any) -> tuple[Any, ...]:
        return arrays.left, arrays.right

    def forming_cost(self) -> int:
        """Count the product of the factors, and its two gradients."""
        return 3 * self.rank * self.size

    def product_cost(self, n_rows: int) -> int | None:
        """Count the products with both factors, and the gradients of all three."""
        return 3 * n_rows * self.rank * (self.n_out + self.n_in)

    def passing_cost(self, n_rows: int, into_input: bool) -> int | None:
        """Count what a batch takes through the narrow middle."""
        return n_rows * self.rank * ((2 + into_input) * self.n_in + 3 * self.n_out)


class SVD(Parametrization):
    """The singular values of U diag(s) V^T train; they may change order and sign."""

    # Of eigenvectors, the S-SVD form of Chicchi et al., Phys. Rev. E 104, 054312 (2021); of
    # weights, reference 22 of Giambagli et al. (2021).
    trained = ("singular_values",)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return those of U, of the transpose of V and of s."""
        return {
            "left": (self.n_out, self.rank),
            "right": (self.rank, self.n_in),
            "singular_values": (self.rank,),
        }

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        left, values, right = linalg.svd(matrix, full_matrices=False)
        return {"left": left, "singular_values": values, "right": right}

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        return (take_rows(arrays.left, rows) * arrays.singular_values) @ arrays.right

    def left_multiply(self, left: Any, arrays: Any) -> Any:
        return ((left @ arrays.left) * arrays.singular_values) @ arrays.right

    def right_multiply(self, right: Any, arrays: Any) -> Any:
        return arrays.left @ (arrays.singular_values[:, None] * (arrays.right @ right))

    def forming_cost(self) -> int:
        """Count the product of the factors, and the gradient of the one that trains."""
        return 2 * self.rank * self.size

    def product_cost(self, n_rows: int) -> int | None:
        return 2 * n_rows * self.rank * (self.n_out + self.n_in)


class QR(SVD):
    """The triangular factor of Q R trains, or of a wide matrix that of its transpose."""

    # Of eigenvectors, the S-QR form of Chicchi et al. R has r (r + 1) / 2 entries, row by
    # row, where r is the smaller width.
    trained = ("triangle",)
    moves_far = False

    def __init__(self, n_out: int, n_in: int) -> None:
        super().__init__(n_out, n_in)
        self.is_tall = n_out >= n_in

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return those of Q and of the entries of R."""
        return {
            "orthogonal": (max(self.n_out, self.n_in), self.rank),
            "triangle": (self.rank * (self.rank + 1) // 2,),
        }

    def constants(self) -> dict[str, NDArray[Any]]:
        """Return where the entries of R stand in the flattened square."""
        rows, columns = np.triu_indices(self.rank)
        return {"position": rows * self.rank + columns}

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Decompose the matrix, or its transpose if it is wide."""
        orthogonal, triangle = linalg.qr(matrix if self.is_tall else matrix.T)
        return {
            "orthogonal": orthogonal,
            "triangle": triangle[np.triu_indices(self.rank)],
        }

    def triangle(self, arrays: Any) -> Any:
        """Return R as a square matrix."""
        zeros = filled_like(arrays.triangle, self.rank**2, 0.0)
        flat = scattered(zeros, arrays.position, arrays.triangle)
        return flat.reshape(self.rank, self.rank)

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        triangle = self.triangle(arrays)
        if self.is_tall:
            return take_rows(arrays.orthogonal, rows) @ triangle
        return (arrays.orthogonal @ (triangle if rows == ALL else triangle[:, rows])).T

    def left_multiply(self, left: Any, arrays: Any) -> Any:
        triangle = self.triangle(arrays)
        if self.is_tall:
            return (left @ arrays.orthogonal) @ triangle
        return (left @ triangle.T) @ arrays.orthogonal.T

    def right_multiply(self, right: Any, arrays: Any) -> Any:
        triangle = self.triangle(arrays)
        if self.is_tall:
            return arrays.orthogonal @ (triangle @ right)
        return triangle.T @ (arrays.orthogonal.T @ right)


PARAMETRIZATIONS: dict[str, type[Parametrization]] = {
    "none": Frozen,
    "all": Entries,
    "svd": SVD,
    "qr": QR,
    "gains": Gains,
    "subset": Subset,
    "readout": Readout,
    "low_rank": LowRank,
}
"""The parametrizations by name."""

# What users call some of them, as values of ``parametrization`` and ``train_eigenvectors``.
_WEIGHTS = {"weights": "all", "singular_values": "svd"}
_ALIASES: dict[Any, str] = {False: "none", True: "all", **_WEIGHTS}


def eigenvector_choices() -> list[str]:
    """Name what ``train_eigenvectors`` can be beside False and True."""
    return [
        name
        for name, chosen in PARAMETRIZATIONS.items()
        if chosen.for_eigenvectors and name not in ("none", "all")
    ]


def weight_choices() -> list[str]:
    """Name what ``parametrization`` of networks in direct space can be."""
    others = [
        name
        for name, chosen in PARAMETRIZATIONS.items()
        if chosen.for_weights and name not in _WEIGHTS.values()
    ]
    return [*_WEIGHTS, *others]


def parametrization_of(choice: Any) -> type[Parametrization]:
    """Return what a value of ``train_eigenvectors`` or ``parametrization`` names."""
    name = _ALIASES.get(choice) or str(choice)
    if name not in PARAMETRIZATIONS:
        raise ValueError(
            f"There is no parametrization {choice!r}; choose one of {[*PARAMETRIZATIONS]}."
        )
    return PARAMETRIZATIONS[name]


def parametrization_in(config: Mapping[str, Any]) -> type[Parametrization]:
    """Return that of a network, given its keyword arguments."""
    return parametrization_of(
        config.get("parametrization", config.get("train_eigenvectors"))
    )


def parametrize(
    config: Mapping[str, Any], shapes: Sequence[tuple[int, int]], seed: int
) -> Sequence[Parametrization]:
    """Return those of all layers of a network."""
    chosen = parametrization_in(config)
    return chosen.for_layers(
        shapes, seed, **{name: config[name] for name in chosen.options}
    )
