"""SpectrumDisplay: the eigenvalues of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._axes import Display, spectral_network_in, with_defaults


class SpectrumDisplay(Display):
    """The eigenvalues of each layer, in ascending order.

    Parameters
    ----------
    eigenvalues_in, eigenvalues_out : list of ndarray of shape (n_nodes,)
        Of the nodes that each layer reads, and of those that it feeds. Of a population
        (n_members, n_nodes): those of all members are drawn as one curve.
    layers : list of str
        What each layer is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    lines_ : list of matplotlib Line2D
        One per set of eigenvalues.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import SpectrumDisplay
    >>> model = SpectralClassifier(20, random_state=0).fit(*load_iris(return_X_y=True))
    >>> display = SpectrumDisplay.from_estimator(model)
    >>> len(display.lines_)
    4
    """

    def __init__(
        self,
        *,
        eigenvalues_in: list[NDArray[Any]],
        eigenvalues_out: list[NDArray[Any]],
        layers: list[str],
    ) -> None:
        self.eigenvalues_in = eigenvalues_in
        self.eigenvalues_out = eigenvalues_out
        self.layers = layers

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        layers: int | Sequence[int] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> SpectrumDisplay:
        """Draw the eigenvalues of a fitted estimator.

        Parameters
        ----------
        estimator : SpectralClassifier or SpectralRegressor
            A fitted estimator, or a pipeline, search or pruner around one.
        layers : int or sequence of int, optional
            Which layers of the extended network; all by default.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``.

        Returns
        -------
        SpectrumDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If the estimator has no eigenvalues.
        NotFittedError
            If it is not fitted.
        ValueError
            If there is no such layer.
        """
        model = spectral_network_in(estimator, cls.__name__)
        shapes = model.architecture_.layer_shapes
        chosen = range(len(shapes)) if layers is None else np.atleast_1d(layers).tolist()
        for k in chosen:
            if not isinstance(k, int) or not -len(shapes) <= k < len(shapes):
                raise ValueError(
                    f"layers={layers!r}, but the extended network has {len(shapes)} "
                    f"layers, 0 to {len(shapes) - 1}."
                )
        ends = [shapes[k][1] for k in chosen]
        values = [model.eigenvalues_[k] for k in chosen]
        display = cls(
            eigenvalues_in=[v[..., :n] for v, n in zip(values, ends, strict=True)],
            eigenvalues_out=[v[..., n:] for v, n in zip(values, ends, strict=True)],
            layers=[f"{shapes[k][1]} to {shapes[k][0]}" for k in chosen],
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> SpectrumDisplay:
        """Draw them: a colour per layer, dashed for the nodes that it feeds.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``.

        Returns
        -------
        SpectrumDisplay
            The display itself.
        """
        ax = self._begin(ax)
        self.lines_ = []
        for position, name in enumerate(self.layers):
            sets = (self.eigenvalues_in, "-", "in"), (self.eigenvalues_out, "--", "out")
            for values, style, side in sets:
                ordered = np.sort(values[position], axis=None)
                shares = (np.arange(len(ordered)) + 0.5) / len(ordered)
                settings = with_defaults(
                    "Line2D",
                    kwargs,
                    color=f"C{position}",
                    linestyle=style,
                    # One node is a point, not a line.
                    marker="." if len(ordered) < 20 else "",
                    label=f"{name}, {side}",
                )
                self.lines_ += ax.plot(shares, ordered, **settings)
        ax.set(xlabel="share of the layer's nodes", ylabel="eigenvalue")
        # Beside the curves, which fill the axes; a layer's two have one colour.
        ax.legend(
            self.lines_[::2],
            [kwargs.get("label", name) for name in self.layers],
            title="layer\n(dashed: nodes\nthat it feeds)",
            fontsize="small",
            loc="upper left",
            bbox_to_anchor=(1, 1),
        )
        return self
