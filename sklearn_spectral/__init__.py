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
    "load",
    "nn",
    "save",
]


def __getattr__(name: str) -> Any:
    if name == "nn":
        return import_module(".nn", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
