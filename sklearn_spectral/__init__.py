"""Machine learning in the spectral domain, as scikit-learn estimators.

Importing this package does not import torch: it is loaded by the first fit, or with
``sklearn_spectral.nn``.
"""

from importlib import import_module
from typing import Any

from ._version import __version__
from .estimators.classifier import SpectralClassifier
from .estimators.regressor import SpectralRegressor
from .persistence import load, save
from .tables import make_table_pipeline

__all__ = [
    "SpectralClassifier",
    "SpectralRegressor",
    "__version__",
    "baselines",
    "datasets",
    "exceptions",
    "export",
    "inspection",
    "load",
    "make_table_pipeline",
    "nn",
    "pruning",
    "save",
]

# Pickles, and errors that name a class, hold where users import it from.
SpectralClassifier.__module__ = SpectralRegressor.__module__ = __name__

_LAZY = {"baselines", "datasets", "exceptions", "export", "inspection", "nn", "pruning"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
