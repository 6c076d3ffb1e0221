"""Parametrization: a matrix as arrays of which some train; what every one has to say.

What differs between numpy and torch is here too, so that the others read the same in both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..plan import ENTRY_COST

ALL = slice(None)


class Parametrization(ABC):
    """A matrix of shape (n_out, n_in) as named arrays, of which some train."""

    # Methods take ``arrays``: an object with these, and the `constants`, as attributes.

    # The arrays that train. The others stay as they were at the start.
    trained: ClassVar[tuple[str, ...]]
    # Those that `split` copies from the start and that never train: a seed draws them
    # again to the same bits, on any platform, so that files leave them out.
    regrown: ClassVar[tuple[str, ...]] = ()
    # Keyword arguments of the constructor that networks in direct space have as well.
    options: ClassVar[tuple[str, ...]] = ()
    # Where it can be chosen.
    for_eigenvectors: ClassVar[bool] = True
    for_weights: ClassVar[bool] = True
    # Whether it can be any matrix of its shape, but for rounding.
    is_exact: ClassVar[bool] = True
    # Whether `draw` makes the arrays, and not `split` of a matrix that was drawn.
    draws_arrays: ClassVar[bool] = False
    # Whether nodes are laid out as grids, which rows may pass without the matrix.
    has_grids: ClassVar[bool] = False
    # Whether the bias of a layer trains with it.
    trains_bias: ClassVar[bool] = True
    # Whether the matrix is an array itself, ``block``, and nothing has to be computed.
    is_stored: ClassVar[bool] = False
    # Whether what trains scales rows or directions, which may take larger steps than
    # entries of the matrix.
    moves_far: ClassVar[bool] = True
    # How many arrays of the size of the matrix are needed to draw it.
    n_drawn: ClassVar[int] = 1

    def __init__(self, n_out: int, n_in: int) -> None:
        self.n_out, self.n_in = n_out, n_in
        self.size = n_out * n_in
        self.rank = min(n_out, n_in)

    @classmethod
    def for_layers(
        cls, shapes: Sequence[tuple[int, int]], seed: int, **options: Any
    ) -> Sequence[Parametrization]:
        """Return those of all layers of a network; override where one depends on others."""
        return [cls(*shape, **options) for shape in shapes]

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each array by its name."""

    @abstractmethod
    def split(self, matrix: Any, linalg: Any) -> dict[str, Any]:
        """Return the arrays that give a matrix, or if it is not exact one close to it;
        ``linalg`` is that of numpy or torch."""

    @abstractmethod
    def matrix(self, arrays: Any, rows: slice = ALL) -> Any:
        """Return the matrix, or rows of it."""

    def draw(
        self, uniform: Callable[[float, tuple[int, int]], Any], bound: float, linalg: Any
    ) -> dict[str, Any]:
        """Return the arrays of a random matrix with the variance of U[-bound, bound];
        override with ``draws_arrays``."""
        return self.split(uniform(bound, (self.n_out, self.n_in)), linalg)

    def constants(self) -> dict[str, NDArray[Any]]:
        """Return arrays that follow from the shape, by name; none by default."""
        return {}

    # ---- products, to be overridden where they are cheaper without the matrix ----

    def left_multiply(self, left: Any, arrays: Any) -> Any:
        """Return ``left @ matrix``."""
        return left @ self.matrix(arrays)

    def right_multiply(self, right: Any, arrays: Any) -> Any:
        """Return ``matrix @ right``."""
        return self.matrix(arrays) @ right

    def factors(self, arrays: Any) -> tuple[Any, ...]:
        """Return matrices whose product it is, which a batch passes one by one."""
        return (self.matrix(arrays),)

    def through_grids(self, rows: Any, arrays: Any) -> Any:
        """Map rows x to ``matrix @ x`` as grids, whose rows and columns mix in turn."""
        raise NotImplementedError(f"{type(self).__name__} has no grids.")

    def frozen_factor(self, arrays: Any) -> Any:
        """Return F if ``matrix @ x`` is a trained function of F x, entry by entry."""
        return None

    def from_projection(self, projected: Any, arrays: Any) -> Any:
        """Map F x to ``matrix @ x``, both as rows."""
        return projected

    # ---- their costs in multiplications, there and back ----

    def forming_cost(self) -> int:
        """Count what forming the matrix takes."""
        return ENTRY_COST * self.size

    def product_cost(self, n_rows: int) -> int | None:
        """Count what `left_multiply` takes; None where it forms the matrix."""
        return None

    def passing_cost(self, n_rows: int, into_input: bool) -> int | None:
        """Count what a batch takes through the `factors`; None where there is only one."""
        return None

    def grids_cost(self, n_rows: int, into_input: bool, n_passes: int = 1) -> int | None:
        """Count what a batch takes that passes so often `through_grids`; None where one
        product with the matrix takes less."""
        return None


# ---- one number a layer ----


def per_layer(name: str, value: Any, n_layers: int) -> list[int]:
    """Return a whole number for each layer, given one for all or as many as layers."""
    values = [value] * n_layers if isinstance(value, Integral) else [*value]
    if len(values) != n_layers:
        raise ValueError(
            f"{name} must be one integer, or one for each of the {n_layers} layer(s), "
            f"linear ones included; got {value!r}."
        )
    if not all(isinstance(v, Integral) and int(v) >= 1 for v in values):
        raise ValueError(f"{name} must be integers of at least 1; got {value!r}.")
    return [int(v) for v in values]


# ---- what numpy and torch write differently ----


def take_rows(array: Any, rows: slice) -> Any:
    """Return rows of an array; itself, where they are all."""
    return array if rows == ALL else array[rows]


def filled_like(like: Any, size: int, value: float) -> Any:
    """Return ``size`` equal numbers of the type of ``like``."""
    if isinstance(like, np.ndarray):
        return np.full(size, value, like.dtype)
    return like.new_full((size,), value)


def scattered(flat: Any, position: Any, values: Any) -> Any:
    """Return a copy with other values at some positions."""
    if not isinstance(flat, np.ndarray):
        return flat.index_copy(0, position, values)
    result = flat.astype(np.result_type(flat, values))
    result[position] = values
    return result
