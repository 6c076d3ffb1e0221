"""A matrix is a sum of Kronecker products, and their factors train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .base import ALL, take_rows
from .factors import Ranked

LEAST_SPLIT = 32
"""Layers of so few nodes, as outputs and the features of small tables, are not laid out as
a grid: nodes in one row of it would share what they need to differ in."""

GRID_COST = 5 / 2
"""Products of small matrices take so many times as long as of large ones, entry for entry
(benchmarks/kronecker_speed.py)."""


def grid(n_nodes: int) -> tuple[int, int]:
    """Lay nodes out as the rectangle that is closest to a square; few nodes as a column."""
    if n_nodes <= LEAST_SPLIT:
        return n_nodes, 1
    width = next(w for w in range(int(n_nodes**0.5), 0, -1) if n_nodes % w == 0)
    return n_nodes // width, width


class Kronecker(Ranked):
    """A sum of ``rank`` Kronecker products: nodes are grids, whose rows and columns mix."""

    # Van Loan and Pitsianis, "Approximation with Kronecker products" (1993). As layers of
    # networks: Zhou et al., "Exploiting local structures with the Kronecker layer" (2015),
    # arXiv 1512.09194; of two factors they are tensor trains, Novikov et al. (2015),
    # arXiv 1509.06569.
    trained = ("left", "right")
    for_eigenvectors = True
    is_exact = False
    has_grids = True
    moves_far = True  # an entry of a factor scales a whole block

    def __init__(self, n_out: int, n_in: int, rank: int = 10) -> None:
        super().__init__(n_out, n_in, rank)
        self.rows_out, self.columns_out = grid(n_out)
        self.rows_in, self.columns_in = grid(n_in)
        sizes = self.rows_out * self.rows_in, self.columns_out * self.columns_in
        # A sum can use more products than a matrix of these sides has rank.
        self._sizes, self.rank = sizes, min(rank, *sizes)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return those of the factors of rows and of the factors of columns."""
        return {
            "left": (self.rank, self.rows_out, self.rows_in),
            "right": (self.rank, self.columns_out, self.columns_in),
        }

    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Return the factors of the nearest sum, as large as each other."""
        apart = matrix.reshape(
            self.rows_out, self.columns_out, self.rows_in, self.columns_in
        )
        paired = apart.swapaxes(1, 2).reshape(self._sizes)
        left, values, right = linalg.svd(paired, full_matrices=False)
        roots = values[: self.rank] ** 0.5
        shapes = self.shapes()
        return {
            "left": (left[:, : self.rank] * roots).T.reshape(shapes["left"]),
            "right": (roots[:, None] * right[: self.rank]).reshape(shapes["right"]),
        }

    def draw(
        self, uniform: Callable[[float, tuple[int, int]], Any], bound: float, linalg: Any
    ) -> dict[str, Any]:
        """Draw both factors; an entry is a sum of ``rank`` products of their entries."""
        right = np.sqrt(3.0 / self.columns_in)
        left = bound * np.sqrt(3.0 / self.rank) / right
        bounds = {"left": left, "right": right}
        return {
            name: uniform(bounds[name], (self.rank, int(np.prod(shape[1:])))).reshape(shape)
            for name, shape in self.shapes().items()
        }

    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        left = arrays.left.reshape(self.rank, -1).T
        paired = left @ arrays.right.reshape(self.rank, -1)
        apart = paired.reshape(
            self.rows_out, self.rows_in, self.columns_out, self.columns_in
        )
        return take_rows(apart.swapaxes(1, 2).reshape(self.n_out, self.n_in), rows)

    def through_grids(self, rows: Any, arrays: Any) -> Any:
        """Mix the columns of each grid, then its rows, with all products side by side."""
        leading = rows.shape[:-1]
        columns = arrays.right.reshape(-1, self.columns_in)
        mixed = rows.reshape(-1, self.columns_in) @ columns.T
        mixed = mixed.reshape(-1, self.rows_in * self.rank, self.columns_out)
        left = arrays.left.swapaxes(0, 1).swapaxes(1, 2).reshape(self.rows_out, -1)
        return (left @ mixed).reshape(*leading, self.n_out)

    def grids_cost(self, n_rows: int, into_input: bool, n_passes: int = 1) -> int | None:
        """Count both products of each pass, there and back."""
        within, across = self.columns_in, self.rows_out
        mixed = n_rows * self.rank * self.rows_in * self.columns_out
        cost = n_passes * GRID_COST * mixed * ((2 + into_input) * within + 3 * across)
        whole = n_rows * self.size * (2 + into_input) + self.forming_cost()
        return int(cost) if cost < whole else None
