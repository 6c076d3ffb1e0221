"""The layers of an extended network as arrays: their shapes, starts and weights.

What ``nn`` does in torch, for numpy alone, so that a file need not have what its seed
regrows, and a loaded model is retracted without torch. The names are torch's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..spec.activations import ACTIVATIONS
from ..spec.architecture import Architecture, eigenvalues_trained_in
from ..spec.parametrizations import ALL, Parametrization, parametrize
from ..spec.random_bits import seed_sequence, uniform
from ..spec.starts import WEIGHT_SCHEMES, draw_eigenvectors, draw_start, members_differ_in

Arrays = Mapping[str, NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]


def spectral_weight(
    lambda_in: NDArray[Any], lambda_out: NDArray[Any], phi: NDArray[Any]
) -> NDArray[Any]:
    """Form W of shape (n_out, n_in): in numpy what ``nn/products.py`` does in torch."""
    return (lambda_in - lambda_out[:, None]) * phi


@dataclass(frozen=True)
class LayerArrays(ABC):
    """What the arrays of one layer are; ``prefix`` begins their names in the network."""

    prefix: str
    position: int
    config: Mapping[str, Any]
    seed: int
    parametrization: Parametrization

    @property
    def n_in(self) -> int:
        """Number of nodes that the layer reads."""
        return self.parametrization.n_in

    @property
    def n_out(self) -> int:
        """Number of nodes that the layer feeds."""
        return self.parametrization.n_out

    @property
    def n_members(self) -> int:
        """Number of networks that share the layer's eigenvectors."""
        return n_members_in(self.config)

    def shapes(self) -> Shapes:
        """Return the shape of each array by its name in the layer."""
        form = {f"form.{n}": s for n, s in self.parametrization.shapes().items()}
        return {**self._shapes_of_members(), **form}

    def _shapes_of_members(self) -> Shapes:
        """Return the shapes of what each member has of its own."""
        axis = member_axis(self.config)
        own: Shapes = {"bias": (self.n_out,)} if self.config["bias"] else {}
        own |= self._eigenvalue_shapes()
        return {name: (*axis, *shape) for name, shape in own.items()}

    def _eigenvalue_shapes(self) -> Shapes:
        """Return those of the eigenvalues of one member."""
        return {}

    def trained(self) -> tuple[str, ...]:
        """Name the arrays that train."""
        return ("bias", *(f"form.{name}" for name in self.parametrization.trained))

    def n_trained(self) -> int:
        """Count the numbers that train."""
        shapes = self.shapes()
        return sum(prod(shapes[name]) for name in self.trained() if name in shapes)

    @abstractmethod
    def regrow(self, dtype: DTypeLike) -> dict[str, NDArray[Any]]:
        """Return what never trains as the seed made it, but for what was decomposed."""

    def _regrown(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """Pick those that never train among the arrays that give the matrix."""
        return {f"form.{name}": arrays[name] for name in self.parametrization.regrown}

    @abstractmethod
    def weight(self, arrays: Arrays, rows: slice = ALL) -> NDArray[Any]:
        """Return rows of the weight, in float64, from the layer's arrays of one member."""

    def pick(self, arrays: Arrays, member: int | None = None) -> dict[str, NDArray[Any]]:
        """Return this layer's arrays among those of the network, by name in the layer;
        of one member, if that is given."""
        picked = {name: arrays[self.prefix + name] for name in self.shapes()}
        if member is not None and self.n_members > 1:
            own = self._shapes_of_members()
            picked |= {name: picked[name][member] for name in own}
        return picked

    def _matrix(
        self, arrays: Arrays, rows: slice = ALL, dtype: DTypeLike | None = None
    ) -> NDArray[Any]:
        """Return rows of the parametrized matrix, computed in the type given."""
        chosen = self.parametrization
        found = {name: arrays[f"form.{name}"] for name in chosen.shapes()}
        if dtype is not None and not chosen.is_stored:
            # Of what trains, which is small; numpy promotes the rest, rows at a time.
            found |= {name: found[name].astype(dtype) for name in chosen.trained}
        matrix = chosen.matrix(SimpleNamespace(**found, **chosen.constants()), rows)
        return matrix if dtype is None else matrix.astype(dtype)


class SpectralArrays(LayerArrays):
    """A spectral layer; see `sklearn_spectral.nn.SpectralLinear`."""

    def _eigenvalue_shapes(self) -> Shapes:
        return {"eigenvalues_in": (self.n_in,), "eigenvalues_out": (self.n_out,)}

    @property
    def _trained_set(self) -> str:
        return eigenvalues_trained_in(self.position, self.config["train_eigenvalues"])

    def trained(self) -> tuple[str, ...]:
        """Name the arrays that train."""
        sets = ("in", "out") if self._trained_set == "both" else (self._trained_set,)
        return (*super().trained(), *(f"eigenvalues_{name}" for name in sets))

    def regrow(self, dtype: DTypeLike) -> dict[str, NDArray[Any]]:
        """Draw frozen eigenvalues and eigenvectors again."""
        sets = self._eigenvalue_shapes().keys() - set(self.trained())
        if not sets and not self.parametrization.regrown:
            return {}
        start = draw_start(
            self.n_in,
            self.n_out,
            self._trained_set,
            self.config["init"],
            seed_sequence(self.seed, 0, self.position),
            dtype=dtype,
            n_members=self.n_members,
            differ=members_differ_in(self.position, bool(self.parametrization.trained)),
        )
        regrown = {name: getattr(start, name).astype(dtype) for name in sorted(sets)}
        if self.parametrization.regrown:
            seed = seed_sequence(self.seed, 0, self.position)
            form = self.parametrization
            regrown |= self._regrown(draw_eigenvectors(start, form, seed, dtype))
        return regrown

    def weight(self, arrays: Arrays, rows: slice = ALL) -> NDArray[Any]:
        """Return rows of (lambda_in - lambda_out) phi."""
        lambda_in = arrays["eigenvalues_in"].astype(np.float64)
        lambda_out = arrays["eigenvalues_out"][rows].astype(np.float64)
        phi = self._matrix(arrays, rows, np.float64)
        return spectral_weight(lambda_in, lambda_out, phi)

    def eigenvectors(self, arrays: Arrays) -> NDArray[Any]:
        """Return phi, in the type of the network."""
        return self._matrix(arrays)


class DirectArrays(LayerArrays):
    """A layer in direct space; see `sklearn_spectral.nn.DirectLinear`."""

    def trained(self) -> tuple[str, ...]:
        """Name the arrays that train: random features have a bias that does not."""
        return super().trained() if self.parametrization.trains_bias else ()

    def regrow(self, dtype: DTypeLike) -> dict[str, NDArray[Any]]:
        """Draw the starting weights again, where they stay."""
        if not self.parametrization.regrown:
            return {}
        bits = np.random.PCG64(seed_sequence(self.seed, 0, self.position))

        def draw(bound: float, shape: tuple[int, int]) -> NDArray[Any]:
            return uniform(bits, -bound, bound, shape, dtype)

        bound = WEIGHT_SCHEMES[self.config["init"]](self.n_in, self.n_out)
        regrown = self._regrown(self.parametrization.draw(draw, bound, np.linalg))
        if self.config["bias"] and not self.trained():
            regrown["bias"] = np.zeros(self.n_out, dtype)
        return regrown

    def weight(self, arrays: Arrays, rows: slice = ALL) -> NDArray[Any]:
        """Return rows of the weight."""
        return self._matrix(arrays, rows, np.float64)


LAYERS: dict[str, type[LayerArrays]] = {"spectral": SpectralArrays, "direct": DirectArrays}
"""The layers by the space that they train in."""


def layers_of(space: str, config: Mapping[str, Any], seed: int) -> list[list[LayerArrays]]:
    """Lay out the arrays of a network stack by stack, layer by layer."""
    architecture = architecture_of(config)
    numbered = enumerate(parametrize(config, architecture.layer_shapes, seed))
    stacks = []
    for stack, widths in enumerate(architecture.stacks):
        layers = []
        for layer in range(len(widths) - 1):
            position, chosen = next(numbered)
            prefix = f"stacks.{stack}.layers.{layer}."
            layers.append(LAYERS[space](prefix, position, config, seed, chosen))
        stacks.append(layers)
    return stacks


def regrown(
    layers: Iterable[LayerArrays], names: Collection[str] | None, dtype: DTypeLike
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Draw arrays of a network again, by their names in it; None is all."""
    for layer in layers:
        if names is None or any(layer.prefix + name in names for name in layer.shapes()):
            for name, values in layer.regrow(dtype).items():
                if names is None or layer.prefix + name in names:
                    yield layer.prefix + name, values


def slope_names(space: str, config: Mapping[str, Any]) -> list[str]:
    """Name the trained slopes of a spectral network's activations, if they have any."""
    if space != "spectral" or not ACTIVATIONS[config["activation"]].has_slope:
        return []
    n_activations = len(architecture_of(config).stacks) - 1
    return [f"activations.{position}.slope" for position in range(n_activations)]


def n_members_in(config: Mapping[str, Any]) -> int:
    """Return how many members a network has; those in direct space are single ones."""
    return config.get("n_members", 1)


def member_axis(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the axis that arrays of members have in front: none if there is one alone.
    The shape of a slope is this."""
    n_members = n_members_in(config)
    return (n_members,) if n_members > 1 else ()


def up_to_date(space: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of a network with those that older versions lack."""
    added: dict[str, Any] = {"units": False}
    if space == "spectral":
        added["n_members"] = 1
    return {**added, **config}


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """Return the widths of a network from its keyword arguments."""
    return Architecture.build(
        config["in_features"],
        config["out_features"],
        config["hidden_layer_sizes"],
        config["linear_expansion"],
        config["activation"],
    )
