"""FittedNetwork: the network that a fit leaves, extended and retracted, in numpy alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..exceptions import ModelFileError
from ..files.integrity import digest
from ..spec.architecture import Architecture
from ..spec.units import UNITS
from .layers import (
    LayerArrays,
    architecture_of,
    layers_of,
    n_members_in,
    regrown,
    slope_names,
    up_to_date,
)
from .members import Plain, stand_side_by_side
from .retraction import retract, retract_members

STATE = {
    "_config": "config",
    "_seed": "seed",
    "_regrown": "regrown",
    "_arrays": "arrays",
    "_plans": "plans",
    "_solver_state": "solver_state",
    "_input_scale": "input_scale",
    "coefs_": "coefs",
    "intercepts_": "intercepts",
}
"""The field of each entry of a saved state. ``regrown`` is read before ``arrays``, which
another thread completes first: so one is never without the other."""

ADDED = {"_input_scale"}
"""Those that states of earlier versions lack."""


@dataclass(eq=False)  # arrays have no truth value
class FittedNetwork:
    """The network of a fitted estimator, which files, pruning, export and displays take.

    Parameters
    ----------
    space : {"spectral", "direct"}
        Whether eigenvalues train or weights.
    config : dict
        The keyword arguments of the torch network.
    seed : int
        All randomness follows from it.
    coefs : list of ndarray of shape (n_in, n_out)
        Weights of the retracted network, which predicts. Between the hidden layers of a
        population they are blocks, (n_members, n_in, n_out).
    intercepts : list of ndarray of shape (n_out,)
        Its biases; zeros where the network has none.
    arrays : dict of str to ndarray or None
        Those of the extended network by their torch names; None if only the retracted
        one was saved.
    regrown : dict of str to str
        Checksums of arrays that are not in ``arrays`` yet, since the seed regrows them.
    plans : list of dict
        How each stack of linear layers was computed while training.
    solver_state : dict
        What ``partial_fit`` goes on from, by solver.
    input_scale : ndarray of shape (n_features,) or None
        What inputs were divided by, if they were; by it features can be compared.
    """

    space: str
    config: dict[str, Any]
    seed: int
    coefs: list[NDArray[Any]]
    intercepts: list[NDArray[Any]]
    arrays: dict[str, NDArray[Any]] | None = None
    regrown: dict[str, str] = field(default_factory=dict)
    plans: list[dict[str, Any]] = field(default_factory=list)
    solver_state: dict[str, Any] = field(default_factory=dict)
    input_scale: NDArray[Any] | None = None

    @classmethod
    def from_arrays(
        cls,
        space: str,
        config: dict[str, Any],
        seed: int,
        arrays: dict[str, NDArray[Any]],
        **more: Any,
    ) -> Self:
        """Retract an extended network."""
        network = cls(space, config, seed, [], [], arrays, **more)
        plain = retract(network.stacks(), network.slope_names(), arrays)
        network.coefs, network.intercepts = plain
        network.input_scale = arrays.get("input_scale")
        return network

    @classmethod
    def from_state(cls, space: str, state: dict[str, Any]) -> Self:
        """Take the entries of a network out of a saved state."""
        if missing := STATE.keys() - state.keys() - ADDED:
            raise ModelFileError(f"The saved model is damaged: it lacks {sorted(missing)}.")
        fields = {name: state.pop(key) for key, name in STATE.items() if key in state}
        fields["config"] = up_to_date(space, fields["config"])
        return cls(space, **fields)

    def to_state(self) -> dict[str, Any]:
        """Return the entries of a saved state: builtin types and arrays."""
        return {key: getattr(self, name) for key, name in STATE.items()}

    @property
    def architecture(self) -> Architecture:
        """The widths of the extended network."""
        return architecture_of(self.config)

    @property
    def n_members(self) -> int:
        """How many networks share the eigenvectors."""
        return n_members_in(self.config)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that it was trained in."""
        return self.coefs[0].dtype

    @property
    def activation(self) -> str:
        """What stands between the layers."""
        return self.config["activation"]

    @property
    def has_bias(self) -> bool:
        """Whether biases train."""
        return bool(self.config["bias"])

    def stacks(self) -> list[list[LayerArrays]]:
        """Say what the arrays of each layer are, stack by stack."""
        return layers_of(self.space, self.config, self.seed)

    def layers(self) -> list[LayerArrays]:
        """Say it in the order in which the signal passes them."""
        return [*chain.from_iterable(self.stacks())]

    def slope_names(self) -> list[str]:
        """Name the trained slopes of the activations."""
        return slope_names(self.space, self.config)

    def without_units(self) -> Plain:
        """Return the retracted network that reads and gives standardised numbers."""
        arrays = {n: v for n, v in self.complete().items() if n not in UNITS}
        return retract(self.stacks(), self.slope_names(), arrays)

    def units(self) -> dict[str, NDArray[Any]]:
        """Return what stands around that one, by its names; nothing if there are none."""
        arrays = self.arrays or {}
        return {name: arrays[name] for name in UNITS if name in arrays}

    def members(self) -> list[Plain]:
        """Return the weights and biases of each member's retracted network."""
        return retract_members(self.stacks(), self.slope_names(), self.complete())

    def with_members_apart(self) -> Self:
        """Return the network of the same nodes that has the outputs of all members."""
        coefs, intercepts = stand_side_by_side(self.members())
        return replace(self, coefs=coefs, intercepts=intercepts)

    def is_finite(self) -> bool:
        """Tell whether the retracted network has finite weights and biases alone."""
        return all(np.isfinite(v).all() for v in self.coefs + self.intercepts)

    def complete(self) -> dict[str, NDArray[Any]]:
        """Return all arrays of the extended network; regrow those that a file left out."""
        if self.arrays is None:
            raise AttributeError(
                "This model was saved with compact=True: it holds the retracted network "
                "only, coefs_ and intercepts_. Load a file saved with compact=False for "
                "what belongs to the extended one."
            )
        digests = self.regrown  # before the arrays; see STATE
        if digests:
            self.arrays = with_regrown(self.arrays, self.layers(), digests, self.dtype)
            self.regrown = {}
        return self.arrays

    def layer_arrays(self) -> list[dict[str, NDArray[Any]]]:
        """Return the arrays of each layer, by the names they have in it."""
        arrays = self.complete()
        return [layer.pick(arrays) for layer in self.layers()]

    def trimmed(self) -> Self:
        """Leave out the arrays that the seed regrows, for a file."""
        left_out, arrays = dict(self.regrown), self.arrays  # in this order; see STATE
        if arrays is None or left_out:
            return replace(self, arrays=arrays, regrown=left_out)
        arrays = dict(arrays)
        for name, values in regrown(self.layers(), None, self.dtype):
            if _same_bits(values, arrays[name]):
                left_out[name] = digest(arrays.pop(name))
        return replace(self, arrays=arrays, regrown=left_out)

    def compacted(self) -> Self:
        """Leave out all but the retracted network."""
        return replace(self, arrays=None, regrown={}, solver_state={})


def _same_bits(one: NDArray[Any], other: NDArray[Any]) -> bool:
    # A zero of the other sign is equal, but would be another checksum.
    bits, other_bits = (np.ascontiguousarray(v).view(np.uint8) for v in (one, other))
    return one.dtype == other.dtype and np.array_equal(bits, other_bits)


def with_regrown(
    arrays: Mapping[str, NDArray[Any]],
    layers: Collection[LayerArrays],
    digests: Mapping[str, str],
    dtype: Any,
) -> dict[str, NDArray[Any]]:
    """Add the arrays that a file left out, read-only; refuse one of another checksum."""
    complete = dict(arrays)
    for name, values in regrown(layers, digests, dtype):
        if digest(values) != digests[name]:
            raise ModelFileError(
                f"The array {name} that the seed of this model gives is not the one it was "
                "trained with: the checksums differ. Either the file is damaged, or this "
                "version or platform draws other random numbers; please report the latter."
            )
        values.flags.writeable = False
        complete[name] = values
    if missing := digests.keys() - complete.keys():
        raise ModelFileError(f"The file is damaged: no seed regrows {sorted(missing)}.")
    return complete
