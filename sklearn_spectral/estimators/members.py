"""What the members of a population predict, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .base import BaseNetwork
from .calls import explained


class ClassifierMembersMixin:
    """The members of a spectral classifier; to stand before it."""

    @explained
    def member_decision_function(self, X: Any) -> NDArray[Any]:
        """Return the output of each member before the softmax.

        ``decision_function`` is their mean.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_members, n_samples) or (n_members, n_samples, n_classes)
            One number per sample for two classes, the logit of ``classes_[1]``; where
            several labels may be right, the logit of each.

        Raises
        ------
        AttributeError
            If the model was saved with ``compact=True``, which merges the members.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_spectral import SpectralClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = SpectralClassifier(20, n_members=4, max_iter=5, random_state=0)
        >>> model.fit(X, y).member_decision_function(X).shape
        (4, 150, 3)
        """
        output = member_output(self, X)
        return output[..., 0] if output.shape[-1] == 1 else output


class RegressorMembersMixin:
    """The members of a spectral regressor; to stand before it."""

    _predictions: Callable[[NDArray[Any]], NDArray[Any]]

    @explained
    def member_predict(self, X: Any) -> NDArray[Any]:
        """Predict the targets of each sample by each member.

        ``predict`` is their mean; with ``loss="poisson"`` and ``"gamma"``, whose network
        gives logarithms, it is their geometric mean. Of several quantiles it is the mean
        before these are put in order.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_members, n_samples) or (n_members, n_samples, n_outputs)
            Predictions; of two axes if the targets of fit had one. Several quantiles are
            one axis more, behind the others.

        Raises
        ------
        AttributeError
            If the model was saved with ``compact=True``, which merges the members.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn_spectral import SpectralRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = SpectralRegressor(20, n_members=4, max_iter=5, random_state=0)
        >>> model.fit(X, y / 100).member_predict(X).shape
        (4, 442)
        """
        return np.stack([self._predictions(each) for each in member_output(self, X)])


def member_output(estimator: Any, X: Any) -> NDArray[Any]:
    """Return the output of each member's network, (n_members, n_samples, n_outputs)."""
    check_is_fitted(estimator)
    fitted = estimator._fitted.with_members_apart()
    # The same checks and one pass over X: as an estimator of all outputs side by side.
    apart: BaseNetwork = object.__new__(type(estimator))
    apart.__dict__.update(vars(estimator), _fitted=fitted)
    output = apart._network_output(X)
    split = output.reshape(len(output), fitted.n_members, -1)
    return np.ascontiguousarray(split.swapaxes(0, 1))
