"""IntervalDisplay: intervals of new rows, and the targets inside and outside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_regressor
from sklearn.utils import check_consistent_length

from ._axes import Display, any_network_and_inputs, with_defaults


class IntervalDisplay(Display):
    """Targets and their intervals, from the narrowest interval to the widest.

    Parameters
    ----------
    low, high : ndarray of shape (n_rows,)
        The ends, in the units of the target.
    y : ndarray of shape (n_rows,)
        The targets.
    middle : ndarray of shape (n_rows,)
        What is predicted; drawn as zero, and the others as distances from it.
    coverage : float
        The share of targets that was to lie inside.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where they were drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    band_ : matplotlib PolyCollection
        The intervals.
    inside_line_, outside_line_ : matplotlib Line2D
        The targets.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_spectral import SpectralRegressor
    >>> from sklearn_spectral.inspection import IntervalDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = SpectralRegressor(loss="gamma", random_state=0).fit(X[:300], y[:300])
    >>> display = IntervalDisplay.from_estimator(model, X[300:], y[300:])
    >>> display.low.shape, display.coverage
    ((142,), 0.9)
    """

    def __init__(
        self,
        *,
        low: NDArray[Any],
        high: NDArray[Any],
        y: NDArray[Any],
        middle: NDArray[Any],
        coverage: float,
    ) -> None:
        self.low = low
        self.high = high
        self.y = y
        self.middle = middle
        self.coverage = coverage

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        coverage: float = 0.9,
        output: int = 0,
        ax: Any = None,
        **kwargs: Any,
    ) -> IntervalDisplay:
        """Draw the intervals of a fitted regressor on data that are new to it.

        Parameters
        ----------
        estimator : SpectralRegressor or DirectRegressor
            A fitted regressor that knows rows which did not train it (see
            ``predict_interval``), or a pipeline or search around one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        coverage : float, default=0.9
            The share of targets that are to lie inside.
        output : int, default=0
            Which target is drawn, of several.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.fill_between``, for the intervals.

        Returns
        -------
        IntervalDisplay
            What was drawn.

        Raises
        ------
        AttributeError
            If all rows trained the network, or it is a classifier.
        ValueError
            If there is no such output.
        TypeError
            If it is not an estimator of this package.
        NotFittedError
            If it is not fitted.
        """
        model, X = any_network_and_inputs(estimator, cls.__name__, X)
        check_consistent_length(X, y)
        if not is_regressor(model):
            raise AttributeError(
                f"{type(model).__name__} has no intervals; give a regressor."
            )
        middle, ends = model._middle_and_interval(X, coverage)
        if not 0 <= output < model.n_outputs_:
            raise ValueError(
                f"output={output} does not exist: the targets are numbered from 0 to "
                f"{model.n_outputs_ - 1}."
            )
        low, high = ends[:, output].T
        return cls(
            low=low,
            high=high,
            y=np.asarray(y).reshape(len(low), -1)[:, output],
            middle=middle[:, output],
            coverage=coverage,
        ).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> IntervalDisplay:
        """Draw the intervals and the targets.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.fill_between``, for the intervals.

        Returns
        -------
        IntervalDisplay
            The display itself.
        """
        ax = self._begin(ax)
        # Equally wide ones are in the order of what is predicted.
        order = np.lexsort((self.middle, np.round(self.high - self.low, 9)))
        low, high, y = ((v - self.middle)[order] for v in (self.low, self.high, self.y))
        rows, outside = np.arange(len(y)), (y < low) | (y > high)
        settings = with_defaults("PolyCollection", kwargs, color="C0", alpha=0.2, lw=0)
        self.band_ = ax.fill_between(rows, low, high, step="mid", **settings)
        (self.inside_line_,) = ax.plot(rows[~outside], y[~outside], ".", color="0.4", ms=4)
        (self.outside_line_,) = ax.plot(rows[outside], y[outside], "x", color="C3", ms=5)
        ax.axhline(0, color="C0", lw=1)
        ax.set(
            xlabel="rows, the narrowest interval first",
            ylabel="distance from what is predicted",
            title=f"{1 - outside.mean():.0%} inside, {self.coverage:.0%} promised",
        )
        return self
