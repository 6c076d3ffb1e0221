"""When nodes are removed: after training, between two trainings, or during one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ..data.training_data import check_weights
from ..estimators.fit_callbacks import FitTasks
from ..estimators.spectral import BaseSpectral
from ..spec.architecture import Architecture
from ..spec.parametrizations import for_any_matrix
from ._removal import RankedNodes, count_removable
from ._scores import check_ranking

STRATEGIES = ("post", "pre", "gradual")
"""The values of ``strategy``."""


def check_feasible(pruner: Any) -> None:
    """Refuse, before anything is trained, what the network would refuse afterwards."""
    asked = pruner.estimator
    expansion, is_known = asked.linear_expansion, True
    if isinstance(expansion, str):
        # Its widths follow from the data; needed only if they are counted.
        expansion, is_known = None, not pruner.linear_nodes
    if asked._n_networks > 1:  # what they merge to has no linear layers
        expansion, is_known = None, True
    if is_known:
        architecture = Architecture.build(
            1, 1, asked.hidden_layer_sizes, expansion, asked.activation
        )
        counts = count_removable(
            [asked._n_networks * width for width in architecture.widths[1:-1]],
            architecture.linear_nodes,
            pruner.min_nodes,
            pruner.linear_nodes,
        )
        counts.n_to_remove(pruner.fraction, pruner.n_nodes)
    check_ranking(pruner.node_score, asked.train_eigenvalues, asked._n_networks)


@dataclass(frozen=True)
class Pruned:
    """A fitted small network, and the nodes of the whole one that are left, by layer."""

    estimator: BaseSpectral
    kept: list[NDArray[Any]]


class PruningTask:
    """One fit of a pruner: trainings, each a task of callbacks, rankings and removals."""

    def __init__(
        self, pruner: Any, X: Any, y: Any, fit_params: dict[str, Any], tasks: FitTasks
    ) -> None:
        self._pruner, self._tasks = pruner, tasks
        self._X, self._y, self._fit_params = X, y, fit_params
        self._first: RankedNodes | None = None

    def remove(self) -> dict[str, Any]:
        """Train, and remove the number of nodes asked for; return the fitted attributes."""
        ranked = self._train_and_rank()
        n = ranked.counts.n_to_remove(self._pruner.fraction, self._pruner.n_nodes)
        return self._learnt(self._pruned(ranked, n))

    def remove_while(self, score: Callable[[BaseSpectral], float]) -> dict[str, Any]:
        """Train, and remove as many as a score of estimators allows; return the same."""
        ranked = self._train_and_rank()
        best = self._pruned(ranked, 0)
        reference = best_score = score(best.estimator)
        if not np.isfinite(reference):
            raise ValueError(
                f"The score of the whole network on the validation data is {reference}, "
                "with which no other can be compared. Give more validation data in X_val "
                "and y_val, raise validation_fraction, or choose another scoring."
            )
        allowed, refused = 0, len(ranked.order) + 1
        while refused - allowed > 1:
            middle = (allowed + refused) // 2
            tried = self._pruned(ranked, middle)
            reached = score(tried.estimator)
            if reached >= reference - self._pruner.max_score_loss:  # NaN is not
                allowed, best, best_score = middle, tried, reached
            else:
                refused = middle
        return self._learnt(best, reference, best_score)

    # ---- the steps of these ----

    def _train_and_rank(self) -> RankedNodes:
        """Train before any removal: by eigenvalues or in part, as the strategy says."""
        estimator = clone(self._pruner.estimator)
        if self._pruner.strategy == "pre":
            n_epochs = self._pruner.pretrain_iter
            estimator.set_params(
                train_eigenvectors=False,
                linear_expansion=self._expansion_before(),
                learning_rate_init="auto",
                max_iter=estimator.max_iter if n_epochs is None else n_epochs,
            )
        elif self._pruner.strategy == "gradual":
            estimator.set_params(max_iter=self._epochs_of_a_step()[0])
        return self._rank(self._train(estimator))

    def _pruned(self, ranked: RankedNodes, n_removed: int) -> Pruned:
        """Remove nodes, and train as the strategy says; ``ranked`` is not changed."""
        if self._pruner.strategy == "gradual":
            return self._pruned_gradually(ranked, n_removed)
        estimator = ranked.without(n_removed)
        if self._pruner.strategy == "pre":
            asked = self._pruner.estimator
            form = for_any_matrix(asked.train_eigenvectors)
            estimator.set_params(
                train_eigenvectors=form if isinstance(form, str) else True,
                learning_rate_init=asked.learning_rate_init,
                max_iter=asked.max_iter,
            )
            self._train(estimator)
        return Pruned(estimator, ranked.kept(n_removed))

    def _pruned_gradually(self, ranked: RankedNodes, n_removed: int) -> Pruned:
        """Remove nodes and train in turn, fewer nodes each time."""
        n_steps, (share, last) = self._pruner.n_steps, self._epochs_of_a_step()
        kept, removed = ranked.kept(0), 0
        for step in range(1, n_steps + 1):
            goal = round(n_removed * (1 - (1 - step / n_steps) ** 3))
            left = ranked.kept(goal - removed)
            kept = [nodes[still] for nodes, still in zip(kept, left, strict=True)]
            estimator = ranked.without(goal - removed)
            removed = goal
            self._train(estimator.set_params(max_iter=last if step == n_steps else share))
            if step < n_steps:
                ranked = self._rank(estimator)
        return Pruned(estimator, kept)

    def _expansion_before(self) -> Any:
        """Return the linear layers of a network that is trained whole after pruning."""
        asked = self._pruner.estimator.linear_expansion
        # "auto" is for eigenvalues alone: it is none where eigenvectors train.
        return None if isinstance(asked, str) else asked

    def _epochs_of_a_step(self) -> tuple[int, int]:
        """Share the epochs out: those of each part, and those of the last."""
        n_steps, n_epochs = self._pruner.n_steps, self._pruner.estimator.max_iter
        share = n_epochs // (n_steps + 1)
        if share < 1:
            raise ValueError(
                f"strategy='gradual' shares max_iter={n_epochs} epochs of the estimator "
                f"among n_steps + 1 = {n_steps + 1} parts; raise max_iter or lower n_steps."
            )
        return share, n_epochs - n_steps * share

    def _train(self, estimator: BaseSpectral) -> BaseSpectral:
        def run() -> BaseSpectral:
            return estimator.fit(self._X, self._y, **self._fit_params)

        return self._tasks.task("train", run, estimator)

    def _rank(self, estimator: BaseSpectral) -> RankedNodes:
        """Rank the nodes of a fitted estimator on the training data."""
        X = estimator._validate_X(self._X, reset=False)
        weight = self._fit_params.get("sample_weight")
        pruner = self._pruner
        ranked = RankedNodes(
            estimator,
            X,
            None if weight is None else check_weights(weight, X)[0],
            node_score=pruner.node_score,
            compensation=pruner.compensation,
            scope=pruner.scope,
            min_nodes=pruner.min_nodes,
            linear_nodes=pruner.linear_nodes,
        )
        self._first = self._first or ranked
        return ranked

    def _learnt(self, pruned: Pruned, *scores: float) -> dict[str, Any]:
        """Return the fitted attributes of the pruner."""
        assert self._first is not None
        asked = self._pruner.estimator
        as_asked = ("learning_rate_init", "max_iter", "warm_start")
        names = ("reference_score_", "pruned_score_")
        return {
            "estimator_": pruned.estimator.set_params(
                **{name: getattr(asked, name) for name in as_asked}
            ),
            "kept_nodes_": pruned.kept,
            "n_nodes_": tuple(len(nodes) for nodes in pruned.kept),
            "node_scores_": self._first.scores,
            **dict(zip(names, map(float, scores), strict=False)),
        }
