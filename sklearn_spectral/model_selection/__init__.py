"""Searches for hyperparameters whose fits train together, in few runs."""

from ._search import SpectralRandomizedSearchCV, SpectralSearchCV

__all__ = ["SpectralRandomizedSearchCV", "SpectralSearchCV"]
