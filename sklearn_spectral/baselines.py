"""The rivals in direct space: networks trained by their weights, or by a part of them.

They share the training code of the spectral estimators, so that a comparison differs in
what trains and in nothing else.
"""

from .estimators.direct_classifier import DirectClassifier
from .estimators.direct_regressor import DirectRegressor

__all__ = ["DirectClassifier", "DirectRegressor"]

# Pickles, and errors that name a class, hold where users import it from.
DirectClassifier.__module__ = DirectRegressor.__module__ = __name__


def __dir__() -> list[str]:
    return sorted(__all__)
