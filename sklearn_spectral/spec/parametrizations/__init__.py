"""Parametrizations: which numbers of a matrix train, and how the matrix follows from them.

To add one, write a class in one of these files, or in one of its own, and register it in
``PARAMETRIZATIONS``: its key is then a value of ``train_eigenvectors`` of spectral networks
and of ``parametrization`` of networks in direct space. The same lines compute with arrays
of numpy, for what a fit leaves, and with tensors, for training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .base import ALL, Parametrization
from .entries import Biases, Entries, Frozen, Gains, Half, Readout, Subset
from .factors import QR, SVD, Covariance, LoRA, LowRank
from .kronecker import Kronecker
from .shared import Hashed, RandomSubspace

__all__ = [
    "ALL",
    "PARAMETRIZATIONS",
    "RANK",
    "Parametrization",
    "checked_choice",
    "eigenvector_choices",
    "for_any_matrix",
    "name_of",
    "options_in",
    "parametrization_in",
    "parametrization_of",
    "parametrize",
    "weight_choices",
]

PARAMETRIZATIONS: dict[str, type[Parametrization]] = {
    "none": Frozen,
    "all": Entries,
    "svd": SVD,
    "qr": QR,
    "gains": Gains,
    "subset": Subset,
    "readout": Readout,
    "low_rank": LowRank,
    "biases": Biases,
    "half": Half,
    "hashed": Hashed,
    "lora": LoRA,
    "covariance": Covariance,
    "kronecker": Kronecker,
    "random_subspace": RandomSubspace,
}
"""The parametrizations by name."""

RANK = 4
"""How many Kronecker products eigenvectors are a sum of, by default."""

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


def checked_choice(train_eigenvectors: Any) -> bool | str:
    """Return a choice of what trains of eigenvectors: a bool, or a string that is one."""
    if not isinstance(train_eigenvectors, str):
        return bool(train_eigenvectors)
    if train_eigenvectors not in eigenvector_choices():
        raise ValueError(
            f"train_eigenvectors must be a bool or one of {eigenvector_choices()}; got "
            f"{train_eigenvectors!r}."
        )
    return train_eigenvectors


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


def name_of(parametrization: Parametrization) -> bool | str:
    """Return the value of ``train_eigenvectors`` that gives such a parametrization."""
    name = next(n for n, c in PARAMETRIZATIONS.items() if c is type(parametrization))
    return {"none": False, "all": True}.get(name, name)


def for_any_matrix(choice: Any) -> Any:
    """Return a value of ``train_eigenvectors`` with which they can be any matrix: this one,
    or True."""
    return choice if parametrization_of(choice).is_exact else True


def parametrization_in(config: Mapping[str, Any]) -> type[Parametrization]:
    """Return that of a network, given its keyword arguments."""
    return parametrization_of(
        config.get("parametrization", config.get("train_eigenvectors"))
    )


def options_in(choice: Any, source: Any) -> dict[str, Any]:
    """Return the options of a choice, which are attributes of the source: sequences as
    tuples, so that they can be compared and written to a file."""
    options: dict[str, Any] = {}
    for name in parametrization_of(choice).options:
        value = getattr(source, name)
        if not (value is None or isinstance(value, str)):
            value = np.asarray(value).tolist()
        options[name] = tuple(value) if isinstance(value, list) else value
    return options


def parametrize(
    config: Mapping[str, Any], shapes: Sequence[tuple[int, int]], seed: int
) -> Sequence[Parametrization]:
    """Return those of all layers of a network."""
    chosen = parametrization_in(config)
    options = {name: config[name] for name in chosen.options}
    return chosen.for_layers(shapes, seed, **options)
