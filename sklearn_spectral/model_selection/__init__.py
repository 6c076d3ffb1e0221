"""Searches for hyperparameters whose fits train together, in few runs."""

from ._grid import SpectralSearchCV
from ._randomized import SpectralRandomizedSearchCV

__all__ = ["SpectralRandomizedSearchCV", "SpectralSearchCV"]

# Pickles hold where users import it from.
SpectralSearchCV.__module__ = SpectralRandomizedSearchCV.__module__ = __name__


def __dir__() -> list[str]:
    return sorted(__all__)
