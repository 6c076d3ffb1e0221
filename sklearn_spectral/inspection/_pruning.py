"""PruningDisplay: the score of a network against the share of its nodes removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import check_scoring

from ..estimators.unwrap import nested
from ..pruning import SpectralPruner, prune_nodes
from ._axes import Display, network_and_inputs, with_defaults


class PruningDisplay(Display):
    """The score of a fitted network against the fraction of its hidden nodes removed.

    Parameters
    ----------
    fractions : ndarray of shape (n_fractions,)
        Shares of the nodes.
    scores : dict of str to ndarray of shape (n_fractions,)
        The score at each, by what the nodes are ranked by.
    node_scores : dict of str to (ndarray of shape (n_nodes,), int), optional
        Instead of these, the scores of the nodes of each layer, the highest first, and
        how many of them are left.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    lines_ : list of matplotlib Line2D
        One per ranking, or per layer.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import PruningDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SpectralClassifier(50, n_members=1, random_state=0).fit(X, y)
    >>> display = PruningDisplay.from_estimator(model, X, y, fractions=[0, 0.5, 0.9])
    >>> display.scores["residual"].shape
    (3,)
    """

    def __init__(
        self,
        *,
        fractions: NDArray[Any] | None = None,
        scores: dict[str, NDArray[Any]] | None = None,
        node_scores: dict[str, tuple[NDArray[Any], int]] | None = None,
    ) -> None:
        self.fractions = fractions
        self.scores = scores
        self.node_scores = node_scores

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        X_rank: Any = None,
        node_scores: str | Sequence[str] = ("residual", "weight"),
        compensation: str = "linear",
        fractions: Sequence[float] | None = None,
        scoring: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> PruningDisplay:
        """Remove more and more nodes of a fitted network, without any training.

        For a fitted `SpectralPruner` and without data, the scores of all nodes by which
        it chose are drawn, and which nodes are left.

        Parameters
        ----------
        estimator : SpectralClassifier or SpectralRegressor
            A fitted estimator, or a pipeline, search or pruner around one. It is not
            changed.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), optional
            Data to score the pruned networks on. Needed unless there is a fitted pruner.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            Their labels or targets; needed with X.
        X_rank : {array-like, sparse matrix} of shape (n_samples, n_features), optional
            Data to rank nodes on; X by default. Scores are fairer with other data, such
            as the training data.
        node_scores : str or sequence of str, default=("residual", "weight")
            How to score nodes; see `sklearn_spectral.pruning.SpectralPruner`.
        compensation : {"linear", "mean"}, default="linear"
            What replaces the output of removed nodes; see there too.
        fractions : sequence of float, optional
            Shares of the nodes to remove, from 0 to below 1; 20 of them by default.
        scoring : str, callable or None, default=None
            The score; None is the estimator's own.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``.

        Returns
        -------
        PruningDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If the estimator is not spectral.
        NotFittedError
            If it is not fitted.
        ValueError
            If nodes cannot be ranked or removed as asked, a fraction is not in [0, 1),
            or there are no data and no pruner.
        """
        if X is None and y is None:
            return cls(node_scores=_found_by_pruner(estimator)).plot(ax=ax, **kwargs)
        if X is None or y is None:
            raise ValueError(f"{'X' if X is None else 'y'} is missing: give both, X and y.")
        if isinstance(node_scores, str):
            node_scores = [node_scores]
        ranked_on = X if X_rank is None else X_rank
        estimator, X, ranked_on = network_and_inputs(estimator, cls.__name__, X, ranked_on)
        scorer = check_scoring(estimator, scoring)
        shares = np.linspace(0, 0.95, 20) if fractions is None else np.asarray(fractions)
        if shares.ndim != 1 or not ((shares >= 0) & (shares < 1)).all():
            raise ValueError(
                "fractions must be a sequence of numbers of [0, 1), the shares of the "
                f"nodes that are removed; got {fractions!r}."
            )

        def score(by: str, share: float) -> float:
            settings = {"node_score": by, "compensation": compensation, "fraction": share}
            return scorer(prune_nodes(estimator, ranked_on, **settings), X, y)

        scores = {
            by: np.array([score(by, share) for share in shares.tolist()])
            for by in node_scores
        }
        return cls(fractions=shares, scores=scores).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> PruningDisplay:
        """Draw a curve per ranking, or per layer.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``.

        Returns
        -------
        PruningDisplay
            The display itself.
        """
        ax = self._begin(ax)
        self.lines_ = []
        if self.node_scores is not None:
            for position, (layer, (worth, n_left)) in enumerate(self.node_scores.items()):
                ranks = np.arange(1, len(worth) + 1)
                settings = with_defaults(
                    "Line2D", kwargs, color=f"C{position}", marker=".", label=layer
                )
                self.lines_ += ax.plot(ranks, worth, **settings)
                ax.axvline(n_left + 0.5, color=settings["color"], linestyle="--")
            if all((worth > 0).all() for worth, _ in self.node_scores.values()):
                ax.set_yscale("log")
            ax.set(xlabel="node, the best first (left of the dashed line: kept)")
            ax.set(ylabel="what it was worth")
            ax.legend(title="layer: kept")
            return self
        assert self.scores is not None
        for by, values in self.scores.items():
            settings = with_defaults("Line2D", kwargs, marker=".", label=by)
            self.lines_ += ax.plot(self.fractions, values, **settings)
        ax.set(xlabel="fraction of hidden nodes removed", ylabel="score")
        ax.legend(title="ranked by")
        return self


def _found_by_pruner(estimator: Any) -> dict[str, tuple[NDArray[Any], int]]:
    """Return the worth of the nodes of each pruned layer, and how many are left."""
    pruner = next((e for e in nested(estimator) if isinstance(e, SpectralPruner)), None)
    if pruner is None:
        raise ValueError(
            f"There is no fitted SpectralPruner in this {type(estimator).__name__}: "
            "give X and y, on which pruned networks are scored."
        )
    return {
        f"{number}: {n_left} of {len(worth)} nodes": (-np.sort(-worth), n_left)
        for number, (worth, n_left) in enumerate(
            zip(pruner.node_scores_, pruner.n_nodes_, strict=True), start=1
        )
        if not np.isnan(worth).any()
    }
