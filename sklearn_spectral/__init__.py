"""Machine learning in the spectral domain, as scikit-learn estimators.

Importing this package does not import torch: it is loaded by the first fit, or with
``sklearn_spectral.nn``.
"""

from importlib import import_module
from typing import Any

from ._classifier import SpectralClassifier
from ._regressor import SpectralRegressor
from ._version import __version__
from .exceptions import ModelFileError
from .persistence import load, save

__all__ = [
    "ModelFileError",
    "SpectralClassifier",
    "SpectralRegressor",
    "__version__",
    "baselines",
    "datasets",
    "exceptions",
    "export",
    "inspection",
    "load",
    "nn",
    "pruning",
    "save",
]

_LAZY = {"baselines", "datasets", "export", "inspection", "nn", "pruning"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
