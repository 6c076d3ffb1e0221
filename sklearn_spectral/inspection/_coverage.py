"""CoverageDisplay: what intervals or sets promise, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_regressor
from sklearn.utils import check_consistent_length

from ._axes import Display, any_network_and_inputs, right_labels, with_defaults

PROMISES = tuple(i / 20 for i in range(1, 20))


class CoverageDisplay(Display):
    """The share of targets inside intervals or sets against that promised, and their size.

    Parameters
    ----------
    promised : ndarray of shape (n_levels,)
        Shares of targets that were to lie inside.
    inside : ndarray of shape (n_levels,)
        Shares that do.
    sizes : ndarray of shape (n_levels,)
        Mean widths of the intervals, of all outputs, in the units of the target; of sets
        the mean number of classes.
    size_name : str, default="mean size"
        What they are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the shares were drawn.
    size_ax_ : matplotlib Axes
        Where the sizes were drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    line_, size_line_ : matplotlib Line2D
        The curves.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_spectral import SpectralRegressor
    >>> from sklearn_spectral.inspection import CoverageDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = SpectralRegressor(random_state=0).fit(X[:300], y[:300])
    >>> display = CoverageDisplay.from_estimator(model, X[300:], y[300:])
    >>> bool(abs(display.inside - display.promised).max() < 0.15)
    True
    """

    def __init__(
        self,
        *,
        promised: NDArray[Any],
        inside: NDArray[Any],
        sizes: NDArray[Any],
        size_name: str = "mean size",
    ) -> None:
        self.promised = promised
        self.inside = inside
        self.sizes = sizes
        self.size_name = size_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        promised: Sequence[float] = PROMISES,
        ax: Any = None,
        **kwargs: Any,
    ) -> CoverageDisplay:
        """Draw the promised and the actual coverage of a fitted estimator on new data.

        Parameters
        ----------
        estimator : SpectralClassifier, SpectralRegressor or one in direct space
            A fitted estimator that knows rows which did not train it (see
            ``predict_interval`` and ``predict_set``), or a pipeline or search
            around one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels or targets.
        promised : sequence of float, default=0.05, 0.1, ..., 0.95
            Shares of targets that are to lie inside. Sets may be empty.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``, for the shares inside.

        Returns
        -------
        CoverageDisplay
            What was drawn.

        Raises
        ------
        AttributeError
            If all rows trained the network.
        TypeError
            If it is not an estimator of this package.
        NotFittedError
            If it is not fitted.
        """
        model, X = any_network_and_inputs(estimator, cls.__name__, X)
        of_numbers = is_regressor(model)
        check_consistent_length(X, y)
        if of_numbers:
            y = np.asarray(y).reshape(-1, model.n_outputs_)
        else:  # all that are right have to lie inside
            is_right = right_labels(model, y)
        shares, sizes = [], []
        # Each row is predicted once, not for each share.
        what = "predict_interval" if of_numbers else "predict_set"
        largest = [model._largest_believed(what, share) for share in promised]
        predicted = model._response_to(X) if of_numbers else model.predict_proba(X)
        for share, score in zip(promised, largest, strict=True):
            if of_numbers:
                found = model._interval(predicted, score, share)
                low, high = np.moveaxis(found, -1, 0)
                shares.append(((low <= y) & (y <= high)).mean())
                sizes.append((high - low).mean())
            else:
                found = model._set(predicted, score, allow_empty=True)
                shares.append((found | ~is_right).all(axis=1).mean())
                sizes.append(found.sum(axis=1).mean())
        return cls(
            promised=np.array(promised, np.float64),
            inside=np.array(shares),
            sizes=np.array(sizes),
            size_name="mean width" if of_numbers else "mean number of classes",
        ).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> CoverageDisplay:
        """Draw the shares, beside the diagonal that they should lie on, and the sizes.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``, for the shares inside.

        Returns
        -------
        CoverageDisplay
            The display itself.
        """
        ax = self._begin(ax)
        ax.plot([0, 1], [0, 1], color="grey", ls=":", lw=1)
        settings = with_defaults("Line2D", kwargs, color="C0", marker=".")
        (self.line_,) = ax.plot(self.promised, self.inside, **settings)
        ax.set(xlabel="promised", ylabel="inside", xlim=(0, 1), ylim=(0, 1.02))
        self.size_ax_ = ax.twinx()
        (self.size_line_,) = self.size_ax_.plot(self.promised, self.sizes, color="C1")
        self.size_ax_.set_ylabel(self.size_name, color="C1")
        self.size_ax_.set_ylim(bottom=0)
        ax.yaxis.label.set_color("C0")
        return self
