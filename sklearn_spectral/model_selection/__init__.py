"""Searches for hyperparameters whose fits train together, in few runs."""

from ._grid import SpectralSearchCV
from ._randomized import SpectralRandomizedSearchCV

__all__ = ["SpectralRandomizedSearchCV", "SpectralSearchCV"]
