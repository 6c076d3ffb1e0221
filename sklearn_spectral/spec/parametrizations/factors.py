"""A matrix is a product, and factors of it train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..plan import ENTRY_COST
from .base import ALL, Parametrization, filled_like, per_layer, scattered, take_rows
from .entries import Entries


class Ranked(Parametrization):
    """Has a rank, the same for all layers or one for each; no layer takes more than fit."""

    options = ("rank",)
    for_eigenvectors = False
    draws_arrays = True
    moves_far = False

    def __init__(self, n_out: int, n_in: int, rank: int = 10) -> None:
        super().__init__(n_out, n_in)
        if rank < 1:
            raise ValueError(f"rank must be an integer of at least 1; got {rank!r}.")
        self.rank = min(rank, n_out, n_in)

    @classmethod
    def for_layers(  # type: ignore[override]
        cls, shapes: Sequence[tuple[int, int]], seed: int, rank: Any = 10
    ) -> Sequence[Parametrization]:
        ranks = per_layer("rank", rank, len(shapes))
        return [cls(*shape, r) for shape, r in zip(shapes, ranks, strict=True)]

    def forming_cost(self) -> int:
        """Count the product of the factors, and its two gradients."""
        return 3 * self.rank * self.size


class LowRank(Ranked):
    """A product U V of a given rank trains, both factors of it."""

    trained: ClassVar[tuple[str, ...]] = ("left", "right")
    is_exact = False

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

    def product_cost(self, n_rows: int) -> int | None:
        """Count the products with both factors, and the gradients of all three."""
        return 3 * n_rows * self.rank * (self.n_out + self.n_in)

    def passing_cost(self, n_rows: int, into_input: bool) -> int | None:
        """Count what a batch takes through the narrow middle."""
        return n_rows * self.rank * ((2 + into_input) * self.n_in + 3 * self.n_out)


class Covariance(LowRank):
    """U V of a given rank, of which V trains: rows are random, their covariance is learned.

    All entries of the last layer train.
    """

    # Alpaydin, "HalfNet: Randomized neural networks with learned subspace geometry" (2026),
    # arXiv 2606.04583: rows are drawn from N(0, V^T V).
    trained = ("right",)
    regrown = ("left",)

    @classmethod
    def for_layers(  # type: ignore[override]
        cls, shapes: Sequence[tuple[int, int]], seed: int, rank: Any = 10
    ) -> Sequence[Parametrization]:
        return [*super().for_layers(shapes, seed, rank)[:-1], Entries(*shapes[-1])]


class LoRA(Ranked):
    """A number times a frozen matrix, plus a product U V; the number, U and V train."""

    # Hu et al. (2022), arXiv 2106.09685; from nothing, on frozen random weights: Hazan et
    # al., "A little rank goes a long way" (2026), arXiv 2604.08749.
    trained = ("scale", "left", "right")
    regrown = ("frozen",)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return those of the number, of the factors and of what they are added to."""
        factors = {"left": (self.n_out, self.rank), "right": (self.rank, self.n_in)}
        return {"scale": (1,), **factors, "frozen": (self.n_out, self.n_in)}

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Keep the matrix, and add nothing yet."""
        return {
            "scale": filled_like(matrix, 1, 1.0),
            "left": 0 * matrix[:, : self.rank],
            "right": 1 * matrix[: self.rank],  # of its own memory: it trains
            "frozen": matrix,
        }

    def draw(
        self, uniform: Callable[[float, tuple[int, int]], Any], bound: float, linalg: Any
    ) -> dict[str, Any]:
        """Draw the frozen matrix, then V, whose rows keep signals at their size."""
        arrays = self.split(uniform(bound, (self.n_out, self.n_in)), linalg)
        right = uniform(float(np.sqrt(3.0 / self.n_in)), (self.rank, self.n_in))
        return {**arrays, "right": right}

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        frozen = arrays.scale * take_rows(arrays.frozen, rows)
        return frozen + take_rows(arrays.left, rows) @ arrays.right

    def forming_cost(self) -> int:
        """Count the product of the factors and what is added to it, there and back."""
        return super().forming_cost() + ENTRY_COST * self.size


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
