"""AdjacencyDisplay: the retracted network as one square matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ._axes import Display, network_in, with_defaults

MIN_SHARE = 0.1
"""The least share of the sides of the picture that a layer has."""

MAX_NODES = 5000
"""Nodes above which the matrix is not made: 100 MB in float32."""


class AdjacencyDisplay(Display):
    """The adjacency matrix of the retracted network as an image.

    For a linear network it is the paper's A_c (figure 2b of [1]_). For others it has one
    block of weights for each pair of neighbouring layers, below the diagonal; rows of the
    inputs and columns of the outputs, which are empty, are not drawn. A layer of few nodes
    is drawn larger, to a tenth of the picture. A population is drawn as the network that
    it merges to, whose hidden layers have the nodes of the first member, the second, ...

    Parameters
    ----------
    adjacency : ndarray of shape (n_nodes, n_nodes)
        The matrix: rows are the nodes that links lead to, columns those that they leave.
    widths : tuple of int
        How many nodes each layer of the retracted network has.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    image_ : matplotlib AxesImage
        The image.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, T. Carletti, W. Nocentini, D. Fanelli, "Machine
       learning in spectral domain", Nature Communications 12, 1330 (2021).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import AdjacencyDisplay
    >>> model = SpectralClassifier(20, n_members=1, random_state=0)
    >>> model = model.fit(*load_iris(return_X_y=True))
    >>> AdjacencyDisplay.from_estimator(model).adjacency.shape
    (27, 27)
    """

    def __init__(self, *, adjacency: NDArray[Any], widths: tuple[int, ...]) -> None:
        self.adjacency = adjacency
        self.widths = widths

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, **kwargs: Any
    ) -> AdjacencyDisplay:
        """Draw the adjacency matrix of a fitted estimator.

        Parameters
        ----------
        estimator : SpectralClassifier, SpectralRegressor or one in direct space
            A fitted estimator, or a pipeline, search or pruner around one.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.imshow``.

        Returns
        -------
        AdjacencyDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If it is not an estimator of this package.
        NotFittedError
            If it is not fitted.
        ValueError
            If the network has more than 5,000 nodes.
        """
        model = network_in(estimator, cls.__name__)
        coefs = model.coefs_
        widths = (coefs[0].shape[0], *(coef.shape[1] for coef in coefs))
        n_nodes = sum(widths)
        if n_nodes > MAX_NODES:
            raise ValueError(
                f"The retracted network has {n_nodes} nodes, and its adjacency matrix "
                f"{n_nodes**2:.0e} entries; this display draws up to {MAX_NODES} nodes."
            )
        if len(coefs) == 1 and hasattr(model, "compact_adjacency_"):
            adjacency = model.compact_adjacency_
        else:
            adjacency = np.zeros((n_nodes, n_nodes), coefs[0].dtype)
            ends = np.cumsum((0, *widths))
            for k, coef in enumerate(coefs):
                start, middle, end = ends[k : k + 3]
                weight = coef.toarray() if issparse(coef) else coef
                adjacency[middle:end, start:middle] = weight.T
        return cls(adjacency=adjacency, widths=widths).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> AdjacencyDisplay:
        """Draw it: red is positive, blue negative, white zero.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.imshow``.

        Returns
        -------
        AdjacencyDisplay
            The display itself.
        """
        ax = self._begin(ax)
        entries = np.abs(self.adjacency[self.adjacency != 0])
        bound = float(np.quantile(entries, 0.99)) if len(entries) else 1.0
        # The links of a non-linear network end at no input and leave no output.
        layers = [range(len(self.widths))] * 2
        if len(self.widths) > 2:
            layers = [range(1, len(self.widths)), range(len(self.widths) - 1)]
        (rows, row_ends), (columns, column_ends) = map(self._stretched, layers)
        # Wide matrices have thin blocks, which averaging would make invisible.
        settings = with_defaults(
            "AxesImage",
            kwargs,
            cmap="RdBu_r",
            vmin=-bound,
            vmax=bound,
            interpolation="nearest",
        )
        self.image_ = ax.imshow(self.adjacency[np.ix_(rows, columns)], **settings)
        for end in row_ends[1:-1]:
            ax.axhline(end - 0.5, color="grey", linewidth=0.5)
        for end in column_ends[1:-1]:
            ax.axvline(end - 0.5, color="grey", linewidth=0.5)
        roles = ["input", *["hidden"] * (len(self.widths) - 2), "output"]
        names = [
            f"{n} {role}{'s' if n > 1 and role != 'hidden' else ''}"
            for n, role in zip(self.widths, roles, strict=True)
        ]
        middles = [(ends[:-1] + ends[1:] - 1) / 2 for ends in (row_ends, column_ends)]
        ax.set_yticks(middles[0], [names[k] for k in layers[0]])
        ax.set_xticks(middles[1], [names[k] for k in layers[1]])
        self.figure_.colorbar(self.image_, ax=ax, extend="both")
        ax.set(xlabel="from", ylabel="to")
        return self

    def _stretched(self, layers: range) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the nodes of layers, those of small ones repeated, and where each ends."""
        starts = np.cumsum((0, *self.widths))
        side = sum(self.widths[k] for k in layers)
        nodes = []
        for k in layers:
            times = max(1, round(MIN_SHARE * side / self.widths[k]))
            nodes.append(np.repeat(np.arange(starts[k], starts[k + 1]), times))
        return np.concatenate(nodes), np.cumsum([0, *map(len, nodes)])
