"""Estimators as simple as can be: one network of frozen eigenvectors, nothing around it."""

from sklearn_spectral import SpectralClassifier, SpectralRegressor

PLAIN = {"n_members": 1, "train_eigenvectors": False, "max_iter": 100, "standardize": False}


def plain_classifier(*args, **settings):
    """Return a SpectralClassifier that is as simple as that."""
    return SpectralClassifier(*args, **{**PLAIN, **settings})


def plain_regressor(*args, **settings):
    """Return a SpectralRegressor that is as simple as that."""
    return SpectralRegressor(*args, **{**PLAIN, **settings})
