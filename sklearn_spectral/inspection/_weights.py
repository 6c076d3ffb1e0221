"""WeightDistributionDisplay: the weights of networks beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator

from ..estimators.unwrap import innermost
from ._axes import Display


class WeightDistributionDisplay(Display):
    """The distribution of the weights of one or more networks.

    Parameters
    ----------
    weights : dict of str to ndarray of shape (n_weights,)
        The weights by the name of their network.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    lines_ : list
        What matplotlib drew, one per network.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import WeightDistributionDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = WeightDistributionDisplay.from_estimator(
    ...     SpectralClassifier(20, random_state=0).fit(X, y),
    ...     others={"MLP": MLPClassifier(20, max_iter=500, random_state=0).fit(X, y)},
    ... )
    >>> sorted(display.weights)
    ['MLP', 'SpectralClassifier']
    """

    def __init__(self, *, weights: dict[str, NDArray[Any]]) -> None:
        self.weights = weights

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        others: Mapping[str, Any] | Sequence[Any] = (),
        layer: int | None = None,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> WeightDistributionDisplay:
        """Draw the weights of the retracted network, and of others.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with ``coefs_`` or ``coef_``: of this package, or for example
            an `MLPClassifier`. In a pipeline its last step is taken.
        others : mapping of str to estimator, or sequence of estimators
            More of them, to draw beside it.
        layer : int, optional
            The weights of one layer only; all by default.
        name : str, optional
            What to call the estimator; its class by default.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.hist``, for example ``bins``.

        Returns
        -------
        WeightDistributionDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If an estimator has no weights, or ``others`` is neither a mapping nor a
            sequence.
        NotFittedError
            If it is not fitted.
        """
        named: list[tuple[str | None, Any]] = [(name, estimator)]
        if isinstance(others, Mapping):
            named += others.items()
        elif isinstance(others, BaseEstimator) or not isinstance(others, Iterable):
            raise TypeError(
                f"others={others!r} is neither a mapping nor a sequence of estimators; "
                "write [model], or {name: model}."
            )
        else:
            named += [(None, other) for other in others]
        weights: dict[str, NDArray[Any]] = {}
        for title, fitted in named:
            model = innermost(fitted)
            title = title or type(model).__name__
            if title in weights:
                title = f"{title} {len(weights) + 1}"
            weights[title] = _weights(model, layer)
        return cls(weights=weights).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> WeightDistributionDisplay:
        """Draw the histograms, with the same bins for all.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.hist``, for example ``bins``.

        Returns
        -------
        WeightDistributionDisplay
            The display itself.
        """
        ax = self._begin(ax)
        # A few large weights would leave one bin to all others.
        bound = max(np.quantile(np.abs(w), 0.998) for w in self.weights.values())
        inside = {name: np.clip(w, -bound, bound) for name, w in self.weights.items()}
        settings = {
            "bins": np.linspace(-bound, bound, 101) if bound > 0 else 11,
            "density": True,
            "histtype": "step",
            **kwargs,
        }
        joined = np.concatenate([*inside.values()])
        settings["bins"] = np.histogram_bin_edges(joined, settings["bins"])
        self.lines_ = []
        for name, values in inside.items():
            label = {"label": f"{name}, {len(values):,} weights"}
            *_, drawn = ax.hist(values, **{**label, **settings})
            self.lines_.append(drawn)
        ax.set(xlabel="weight", ylabel="density")
        ax.legend(loc="upper right", fontsize="small")
        return self


def _weights(estimator: Any, layer: int | None) -> NDArray[Any]:
    """Return the weights of one layer, or of all, in a row."""
    if hasattr(estimator, "coefs_"):
        coefs = list(estimator.coefs_)
    elif hasattr(estimator, "coef_"):
        coefs = [estimator.coef_]
    else:
        raise TypeError(
            f"{type(estimator).__name__} has neither coefs_ nor coef_, so that it has no "
            "weights to draw."
        )
    if layer is not None:
        if not -len(coefs) <= layer < len(coefs):
            raise ValueError(
                f"layer={layer}, but {type(estimator).__name__} has {len(coefs)} layer(s) "
                "of weights."
            )
        coefs = [coefs[layer]]
    # Of sparse ones what is stored: members of a population have no weights between them.
    stored = [coef.data if issparse(coef) else coef for coef in coefs]
    return np.concatenate([*map(np.ravel, stored)])
