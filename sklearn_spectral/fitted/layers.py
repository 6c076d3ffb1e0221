"""The layers of an extended network as arrays: their shapes, starts and weights.

What ``nn`` does in torch is said here for numpy alone, so that a file need not hold what
its seed regrows, and a loaded model is retracted without torch. The names are torch's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..spec.activations import ACTIVATIONS
from ..spec.architecture import Architecture, trained_here
from ..spec.factorizations import FACTORIZATIONS, SVD, Factorization
from ..spec.random_bits import seed_sequence, uniform
from ..spec.starts import WEIGHT_SCHEMES, choose_weights, draw_start

Arrays = Mapping[str, NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]


def spectral_weight(
    lambda_in: NDArray[Any], lambda_out: NDArray[Any], phi: NDArray[Any]
) -> NDArray[Any]:
    """Form W of shape (n_out, n_in): in numpy what ``nn/products.py`` does in torch."""
    return (lambda_in - lambda_out[:, None]) * phi


@dataclass(frozen=True)
class LayerArrays(ABC):
    """What the arrays of one layer are.

    Parameters
    ----------
    prefix : str
        What the names of its arrays begin with in the network.
    position : int
        Which layer it is, counted from the input.
    n_in, n_out : int
        Its widths.
    config : mapping
        The keyword arguments of the network.
    seed : int
        That of the network.
    is_last : bool
        Whether it gives the output.
    chosen : ndarray of int64, optional
        Which entries of the flattened weight train, where only some do.
    """

    prefix: str
    position: int
    n_in: int
    n_out: int
    config: Mapping[str, Any]
    seed: int
    is_last: bool
    chosen: NDArray[np.int64] | None = None

    def shapes(self) -> Shapes:
        """Return the shape of each array by its name in the layer."""
        bias: Shapes = {"bias": (self.n_out,)} if self.config["bias"] else {}
        return {**bias, **self._own_shapes()}

    @abstractmethod
    def _own_shapes(self) -> Shapes:
        """Return the shapes of what a layer of this kind has beside its bias."""

    @abstractmethod
    def trained(self) -> tuple[str, ...]:
        """Name the arrays that train."""

    def n_trained(self) -> int:
        """Count the numbers that train."""
        shapes = self.shapes()
        return sum(prod(shapes[name]) for name in self.trained() if name in shapes)

    @abstractmethod
    def regrow(self, dtype: DTypeLike) -> dict[str, NDArray[Any]]:
        """Return the arrays that never train as the seed made them, by name."""

    @abstractmethod
    def weight(self, arrays: Arrays, rows: slice = slice(None)) -> NDArray[Any]:
        """Return rows of the weight, in float64, from the layer's arrays."""

    def pick(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """Return this layer's arrays among those of the network, by name in the layer."""
        return {name: arrays[self.prefix + name] for name in self.shapes()}


class SpectralArrays(LayerArrays):
    """A spectral layer; see `sklearn_spectral.nn.SpectralLinear`."""

    @property
    def factorization(self) -> Factorization | None:
        """The factors that phi is kept in, if it is."""
        form = self.config["train_eigenvectors"]
        return (
            FACTORIZATIONS[form](self.n_out, self.n_in) if form in FACTORIZATIONS else None
        )

    def _own_shapes(self) -> Shapes:
        n_in, n_out = self.n_in, self.n_out
        form: Shapes = {"block": (n_out, n_in)}
        if self.factorization is not None:
            form = self.factorization.shapes()
        form = {f"form.{name}": shape for name, shape in form.items()}
        return {"eigenvalues_in": (n_in,), "eigenvalues_out": (n_out,), **form}

    def trained(self) -> tuple[str, ...]:
        """Name the arrays that train."""
        trained = trained_here(self.config["train_eigenvalues"], self.position)
        sets = {"both": ("in", "out"), "out": ("out",), "in": ("in",)}[trained]
        form: tuple[str, ...] = ("block",) if self.config["train_eigenvectors"] else ()
        if self.factorization is not None:
            form = self.factorization.trained
        return (
            "bias",
            *(f"eigenvalues_{name}" for name in sets),
            *(f"form.{n}" for n in form),
        )

    def regrow(self, dtype: DTypeLike) -> dict[str, NDArray[Any]]:
        """Draw the start again; what a decomposition gave is not the same everywhere."""
        drawn = ("eigenvalues_in", "eigenvalues_out", "form.block")
        held = self._own_shapes().keys() - set(self.trained())
        frozen = [name for name in drawn if name in held]
        if not frozen:
            return {}
        start = draw_start(
            self.n_in,
            self.n_out,
            trained_here(self.config["train_eigenvalues"], self.position),
            self.config["init"],
            seed_sequence(self.seed, 0, self.position),
            dtype=dtype,
        )
        arrays = {
            "eigenvalues_in": start.eigenvalues_in.astype(dtype),
            "eigenvalues_out": start.eigenvalues_out.astype(dtype),
            "form.block": start.eigenvectors,
        }
        return {name: arrays[name] for name in frozen}

    def weight(self, arrays: Arrays, rows: slice = slice(None)) -> NDArray[Any]:
        """Return rows of (lambda_in - lambda_out) phi."""
        lambda_in = arrays["eigenvalues_in"].astype(np.float64)
        lambda_out = arrays["eigenvalues_out"][rows].astype(np.float64)
        phi = self.eigenvectors(arrays, rows, np.float64)
        return spectral_weight(lambda_in, lambda_out, phi)

    def eigenvectors(
        self, arrays: Arrays, rows: slice = slice(None), dtype: DTypeLike | None = None
    ) -> NDArray[Any]:
        """Return rows of phi, put together from the arrays of its form."""
        if "form.block" in arrays:
            block = arrays["form.block"][rows]
            return block if dtype is None else block.astype(dtype)
        return _from_factors(cast("Factorization", self.factorization), arrays, rows, dtype)


class DirectArrays(LayerArrays):
    """A layer in direct space; see `sklearn_spectral.nn.DirectNetwork`."""

    def _own_shapes(self) -> Shapes:
        shape = (self.n_out, self.n_in)
        train = self.config["train"]
        if self.chosen is not None:
            n_here = (len(self.chosen),)
            return {"trained": n_here, "frozen": (shape[0] * shape[1],), "position": n_here}
        if train == "gains":
            return {"gains": (self.n_out,), "frozen": shape}
        if train == "low_rank":
            rank = min(self.config["rank"], *shape)
            return {"left": (self.n_out, rank), "right": (rank, self.n_in)}
        if train == "singular_values":
            shapes = SVD(self.n_out, self.n_in).shapes()
            return {f"form.{name}": factor for name, factor in shapes.items()}
        return {"matrix": shape}

    def trained(self) -> tuple[str, ...]:
        """Name the arrays that train."""
        if self.config["train"] == "readout" and not self.is_last:
            return ()
        factors = ("left", "right", "form.singular_values")
        return ("bias", "matrix", "trained", "gains", *factors)

    def regrow(self, dtype: DTypeLike) -> dict[str, NDArray[Any]]:
        """Draw the starting weights again, where they stay."""
        if self.chosen is not None:
            if self.config["untrained"] == "zero":
                frozen = np.zeros(self.n_out * self.n_in, dtype)
            else:
                frozen = self._start(dtype).ravel()
            return {"frozen": frozen, "position": self.chosen}
        if self.config["train"] == "gains":
            return {"frozen": self._start(dtype)}
        if self.config["train"] != "readout" or self.is_last:
            return {}
        bias = {"bias": np.zeros(self.n_out, dtype)} if self.config["bias"] else {}
        return {"matrix": self._start(dtype), **bias}

    def _start(self, dtype: DTypeLike) -> NDArray[Any]:
        bits = np.random.PCG64(seed_sequence(self.seed, 0, self.position))
        bound = WEIGHT_SCHEMES[self.config["init"]](self.n_in, self.n_out)
        return uniform(bits, -bound, bound, (self.n_out, self.n_in), dtype)

    def weight(self, arrays: Arrays, rows: slice = slice(None)) -> NDArray[Any]:
        """Return rows of the weight, however a part of it trains."""
        if "matrix" in arrays:
            return arrays["matrix"][rows].astype(np.float64)
        if "gains" in arrays:
            frozen = arrays["frozen"][rows].astype(np.float64)
            return arrays["gains"][rows, None] * frozen
        if "left" in arrays:
            return arrays["left"][rows].astype(np.float64) @ arrays["right"]
        if "form.left" in arrays:
            return _from_factors(SVD(self.n_out, self.n_in), arrays, rows, np.float64)
        flat = arrays["frozen"].astype(np.float64)
        flat[arrays["position"]] = arrays["trained"]
        return flat.reshape(self.n_out, self.n_in)[rows]


KINDS: dict[str, type[LayerArrays]] = {"spectral": SpectralArrays, "direct": DirectArrays}
"""The kinds of layers by the space that they train in."""


def layers_of(space: str, config: Mapping[str, Any], seed: int) -> list[list[LayerArrays]]:
    """Lay out the arrays of a network.

    Parameters
    ----------
    space : {"spectral", "direct"}
        Which kind of network.
    config : mapping
        Its keyword arguments.
    seed : int
        Its seed.

    Returns
    -------
    list of list of LayerArrays
        Stack by stack, layer by layer.

    Raises
    ------
    ValueError
        If the widths do not fit together, or more weights are to train than there are.
    """
    architecture = architecture_of(config)
    chosen: list[NDArray[np.int64]] | None = None
    if config.get("train") == "subset":
        chosen = choose_weights(architecture.layer_shapes, config["n_weights"], seed)
    n_layers = len(architecture.layer_shapes)
    stacks, position = [], 0
    for stack, widths in enumerate(architecture.stacks):
        layers = []
        for layer, (n_in, n_out) in enumerate(pairwise(widths)):
            layers.append(
                KINDS[space](
                    prefix=f"stacks.{stack}.layers.{layer}.",
                    position=position,
                    n_in=n_in,
                    n_out=n_out,
                    config=config,
                    seed=seed,
                    is_last=position == n_layers - 1,
                    chosen=None if chosen is None else chosen[position],
                )
            )
            position += 1
        stacks.append(layers)
    return stacks


def regrown(
    layers: Iterable[LayerArrays], names: Collection[str] | None, dtype: DTypeLike
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Draw arrays of a network again, of those layers only that have any of them.

    Parameters
    ----------
    layers : iterable of LayerArrays
        The layers.
    names : collection of str or None
        Which arrays, by their names in the network; None is all that a seed regrows.
    dtype : numpy dtype
        Of the network.

    Yields
    ------
    name : str
        The name in the network.
    values : ndarray
        The array as it is at the start.
    """
    for layer in layers:
        if names is None or any(layer.prefix + name in names for name in layer.shapes()):
            for name, values in layer.regrow(dtype).items():
                if names is None or layer.prefix + name in names:
                    yield layer.prefix + name, values


def slope_names(space: str, config: Mapping[str, Any]) -> list[str]:
    """Name the trained slopes of a network's activations.

    Parameters
    ----------
    space : {"spectral", "direct"}
        Which kind of network.
    config : mapping
        Its keyword arguments.

    Returns
    -------
    list of str
        One for each activation of a spectral network that has a slope.
    """
    if space != "spectral" or not ACTIVATIONS[config["activation"]].has_slope:
        return []
    n_activations = len(architecture_of(config).stacks) - 1
    return [f"activations.{position}.slope" for position in range(n_activations)]


SOLVER_STATE = {
    "adamax": {"step", "exp_avg", "exp_inf"},
    "adam": {"step", "exp_avg", "exp_avg_sq"},
    "sgd": {"momentum_buffer"},
}
"""What each solver goes on from: its number of steps, and arrays as long as what trains."""


def check_solver_state(
    solver: str, entries: Mapping[str, Any], n_trained: int, dtype: DTypeLike
) -> None:
    """See that a solver can go on from some state: what it is told, torch does not check.

    Parameters
    ----------
    solver : str
        A key of ``SOLVER_STATE``.
    entries : mapping
        The state; may be empty.
    n_trained : int
        How many numbers train.
    dtype : numpy dtype
        Their type.

    Raises
    ------
    ValueError
        If anything of it is missing, too much, or of another shape or type.
    """
    expected = SOLVER_STATE[solver]
    held = {name: value for name, value in entries.items() if value is not None}
    right = held.keys() == expected or not held
    for name, values in held.items():
        is_array = isinstance(values, np.ndarray)
        if name == "step":
            right &= is_array and values.shape == () and values.dtype.kind == "f"
            right = right and bool(0 <= values < 2**53)
        else:
            right &= is_array and values.shape == (n_trained,) and values.dtype == dtype
    if not right:
        raise ValueError(f"the state of the solver {solver} is not that of this network")


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """Return the widths of a network from its keyword arguments."""
    return Architecture.build(
        config["in_features"],
        config["out_features"],
        config["hidden_layer_sizes"],
        config["linear_expansion"],
        config["activation"],
    )


def _from_factors(
    factorization: Factorization, arrays: Arrays, rows: slice, dtype: DTypeLike | None
) -> NDArray[Any]:
    held = {name: arrays[f"form.{name}"] for name in factorization.shapes()}
    if dtype is not None:
        held = {name: values.astype(dtype) for name, values in held.items()}
    return factorization.matrix(SimpleNamespace(**held, **factorization.constants()), rows)
