"""ConfidenceDisplay: how large losses are where the model is sure, and where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_regressor
from sklearn.utils import check_consistent_length

from ._axes import Display, any_network_and_inputs, right_labels, with_defaults

LEAST_ROWS = 20
"""Fewer rows are no mean worth drawing."""

COVERAGE = 0.9
"""Of the intervals that rows are put in order by."""


class ConfidenceDisplay(Display):
    """The mean loss of the rows of which the model is surest, against their share.

    If a model knows where it is unsure, the curve rises: the loss of the surest half of
    the rows is far below that of all. The second curve has the rows in the order of
    their losses, which is the lowest curve possible.

    Parameters
    ----------
    losses : ndarray of shape (n_rows,)
        The loss of each row, the surest first.
    loss_name : str, default="mean loss"
        What they are.

    Attributes
    ----------
    mean_losses_ : ndarray of shape (n_rows,)
        Mean loss of the surest row, of the two surest, and so on.
    least_losses_ : ndarray of shape (n_rows,)
        The same in the order of the losses, the lowest possible.
    ax_ : matplotlib Axes
        Where they were drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    line_, least_line_ : matplotlib Line2D
        The curves.

    References
    ----------
    R. El-Yaniv, Y. Wiener, "On the foundations of noise-free selective classification",
    Journal of Machine Learning Research 11 (2010), where it is the risk-coverage curve.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import ConfidenceDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SpectralClassifier(20, random_state=0).fit(X[:900], y[:900])
    >>> display = ConfidenceDisplay.from_estimator(model, X[900:], y[900:])
    >>> bool(display.losses[:450].mean() < display.losses[450:].mean() / 5)
    True
    """

    def __init__(self, *, losses: NDArray[Any], loss_name: str = "mean loss") -> None:
        self.losses = losses
        self.loss_name = loss_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, ax: Any = None, **kwargs: Any
    ) -> ConfidenceDisplay:
        """Draw the losses of a fitted estimator on new data.

        Rows are in the order of the largest probability of a classifier, and of the width
        of a regressor's intervals; the loss is minus the logarithm of the probability of
        what is right (the mean over several labels), or the absolute error.

        Parameters
        ----------
        estimator : SpectralClassifier, SpectralRegressor or one in direct space
            A fitted estimator, or a pipeline, search or pruner around one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            Their labels, or targets.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``, for the mean losses.

        Returns
        -------
        ConfidenceDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If it is not an estimator of this package.
        ValueError
            If it is a regressor all of whose intervals are equally wide.
        NotFittedError
            If it is not fitted.
        """
        model, X = any_network_and_inputs(estimator, cls.__name__, X)
        check_consistent_length(X, y)
        if is_regressor(model):
            doubt, losses = _of_numbers(model, X, np.asarray(y))
        else:
            right = right_labels(model, y)
            doubt, losses = _of_labels(model, model.predict_proba(X), right)
        order = np.argsort(doubt, kind="stable")
        display = cls(losses=losses[order], loss_name=_name_of(model))
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> ConfidenceDisplay:
        """Draw the mean losses.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``, for the mean losses.

        Returns
        -------
        ConfidenceDisplay
            The display itself.
        """
        ax = self._begin(ax)
        counts = np.arange(1, len(self.losses) + 1)
        self.mean_losses_ = np.cumsum(self.losses) / counts
        self.least_losses_ = np.cumsum(np.sort(self.losses)) / counts
        drawn = slice(min(LEAST_ROWS, len(counts)) - 1, None)
        shares = (counts / len(counts))[drawn]
        settings = with_defaults("Line2D", kwargs, color="C0", label="surest first")
        (self.line_,) = ax.plot(shares, self.mean_losses_[drawn], **settings)
        (self.least_line_,) = ax.plot(
            shares, self.least_losses_[drawn], color="grey", ls=":", label="best order"
        )
        ax.set(xlabel="share of the rows", ylabel=self.loss_name, xlim=(0, 1))
        ax.set_ylim(bottom=0)
        ax.legend()
        return self


def _name_of(model: Any) -> str:
    if not is_regressor(model):
        return "mean log loss"
    several = ", each output by its mean" if model.n_outputs_ > 1 else ""
    return f"mean absolute error{several}"


def _of_numbers(model: Any, X: Any, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return widths of intervals, and absolute errors; means over the outputs."""
    predicted, ends = model._middle_and_interval(X, COVERAGE)
    widths = np.ptp(ends, axis=-1)
    if np.ptp(widths, axis=0).max() <= 1e-6 * widths.max():
        raise ValueError(
            "All intervals of this regressor are equally wide: it is as sure of one row as "
            "of another. Fit it with loss='quantile' and several quantiles, or for counts "
            "and amounts with loss='poisson' or 'gamma'."
        )
    errors = np.abs(predicted - y.reshape(len(y), -1))
    if errors.shape[1] == 1:
        return widths[:, 0], errors[:, 0]
    unit = errors.mean(axis=0)  # outputs may be of any units
    unit = np.where(unit > 0, unit, 1)
    return (widths / unit).mean(axis=1), (errors / unit).mean(axis=1)


def _of_labels(
    model: Any, shares: NDArray[Any], right: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how far the surest label is from certain, and log losses."""
    least = np.finfo(shares.dtype).tiny
    if model._has_many_labels:  # each label by itself
        of_right = np.where(right, shares, 1 - shares)
        doubt = 1 - np.maximum(shares, 1 - shares).min(axis=1)
        return doubt, -np.log(np.maximum(of_right, least)).mean(axis=1)
    return 1 - shares.max(axis=1), -np.log(np.maximum(shares[right], least))
