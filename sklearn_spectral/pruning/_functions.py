"""Scoring and removing the hidden nodes of a network that is fitted already."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, TypeVar

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import check_is_fitted

from ..data.torch_data import check_no_targets, is_torch_data
from ..data.training_data import check_weights
from ..estimators.base import BaseNetwork
from ..estimators.constraints import RegisteredNames
from ..estimators.spectral import BaseSpectral
from ._removal import RankedNodes
from ._scores import (
    DATA_SCORES,
    SCORES,
    as_one_network,
    hidden_nodes,
    needs_covariance,
    node_scores,
)

Spectral = TypeVar("Spectral", bound=BaseSpectral)

RANKING_CONSTRAINTS: dict[str, list[Any]] = {
    "node_score": [RegisteredNames(lambda: ["auto", *SCORES, *DATA_SCORES])],
    "compensation": [StrOptions({"linear", "mean"})],
    "scope": [StrOptions({"layer", "global"})],
    "min_nodes": [Interval(Integral, 1, None, closed="left")],
    "linear_nodes": ["boolean"],
}
AMOUNT_CONSTRAINTS: dict[str, list[Any]] = {
    "fraction": [Interval(Real, 0, 1, closed="left")],
    "n_nodes": [Interval(Integral, 1, None, closed="left"), None],
}


@validate_params(
    {"estimator": [HasMethods("fit")], "node_score": RANKING_CONSTRAINTS["node_score"]},
    prefer_skip_nested_validation=True,
)
def score_nodes(
    estimator: BaseSpectral,
    X: Any = None,
    *,
    sample_weight: Any = None,
    node_score: str = "auto",
) -> list[NDArray[Any]]:
    """Score the hidden nodes of a fitted network.

    Parameters
    ----------
    estimator : SpectralClassifier or SpectralRegressor
        A fitted estimator.
    X : {array-like, sparse matrix, torch Dataset}, optional
        Data of shape (n_samples, n_features) for the activations; needed by
        ``"residual"``, ``"variance"`` and ``"mean"``.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the samples.
    node_score : str, default="auto"
        As in `SpectralPruner`.

    Returns
    -------
    list of ndarray of shape (n_nodes,)
        One per layer between input and output of the extended network, linear ones
        included; see ``architecture_``. Of a population those of the network that it
        merges to: the nodes of the first member, of the second and so on, without linear
        layers.

    Raises
    ------
    TypeError
        If the estimator is not spectral.
    NotFittedError
        If it is not fitted.
    ValueError
        If the score needs data that are not given, or is not defined for this network.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.pruning import score_nodes
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SpectralClassifier(20, random_state=0).fit(X, y)  # 8 members
    >>> [scores.shape for scores in score_nodes(model, X)]
    [(160,)]
    """
    X, weight = _checked_data(estimator, X, sample_weight)
    estimator = as_one_network(estimator, node_score)
    in_pairs = [needs_covariance(node_score)] * len(estimator.architecture_.linear_nodes)
    return node_scores(hidden_nodes(estimator, X, weight, in_pairs), node_score)


@validate_params(
    {"estimator": [HasMethods("fit")], **RANKING_CONSTRAINTS, **AMOUNT_CONSTRAINTS},
    prefer_skip_nested_validation=True,
)
def prune_nodes(
    estimator: Spectral,
    X: Any = None,
    *,
    sample_weight: Any = None,
    node_score: str = "auto",
    fraction: float = 0.5,
    n_nodes: int | None = None,
    compensation: str = "linear",
    scope: str = "layer",
    min_nodes: int = 1,
    linear_nodes: bool = False,
) -> Spectral:
    """Return a fitted network as a smaller one, without some of its hidden nodes.

    The next layer is corrected for what removed nodes sent to it. With data, their
    output is predicted from the nodes that are kept, and weights and biases are changed
    accordingly. Without data, their output is taken to be that for an input of zero,
    and is added to the biases.

    A population is first merged to one ordinary network, see ``merge_members``. The
    nodes of all members are ranked together, and the result is one network too.

    Parameters
    ----------
    estimator : SpectralClassifier or SpectralRegressor
        A fitted estimator. It is not changed.
    X : {array-like, sparse matrix, torch Dataset}, optional
        Data of shape (n_samples, n_features), on which nodes are ranked and the outputs
        of removed ones are predicted.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the samples.
    node_score : str, default="auto"
        As in `SpectralPruner`.
    fraction : float, default=0.5
        Share of the nodes to remove, from 0 to below 1.
    n_nodes : int, optional
        How many nodes to leave, instead of ``fraction``.
    compensation : {"linear", "mean"}, default="linear"
        As in `SpectralPruner`; not used without X.
    scope : {"layer", "global"}, default="layer"
        As in `SpectralPruner`.
    min_nodes : int, default=1
        How many nodes every layer keeps.
    linear_nodes : bool, default=False
        Whether nodes of linear expansions are removed too.

    Returns
    -------
    SpectralClassifier or SpectralRegressor
        A fitted estimator of the smaller network, with ``warm_start=True``: its ``fit``
        goes on from there. If you set ``train_eigenvectors=True``, all of the small
        network trains.

    Raises
    ------
    TypeError
        If the estimator is not spectral.
    NotFittedError
        If it is not fitted.
    ValueError
        If there are no nodes to remove, or not as many can be kept, or the score needs
        data that are not given or is not defined for this network.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.pruning import prune_nodes
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SpectralClassifier(50, n_members=2, random_state=0).fit(X, y)
    >>> small = prune_nodes(model, X, fraction=0.9)
    >>> [weights.shape for weights in small.coefs_]
    [(4, 10), (10, 3)]
    """
    X, weight = _checked_data(estimator, X, sample_weight)
    ranked = RankedNodes(
        estimator,
        X,
        weight,
        node_score=node_score,
        compensation=compensation,
        scope=scope,
        min_nodes=min_nodes,
        linear_nodes=linear_nodes,
    )
    return ranked.without(ranked.counts.n_to_remove(fraction, n_nodes))


def _checked_data(estimator: Any, X: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Check that nodes can be scored, and what they are to be scored on."""
    check_spectral(estimator)
    check_is_fitted(estimator)
    if X is None:
        if sample_weight is not None:
            raise ValueError("sample_weight is given without X, the data that it weighs.")
        return None, None
    if is_torch_data(X):
        check_no_targets("X", X, sample_weight=sample_weight)
    X = estimator._validate_X(X, reset=False)
    if sample_weight is None:
        return X, None
    return X, check_weights(sample_weight, X)[0]


def check_spectral(estimator: Any) -> None:
    """Refuse what has no spectral network."""
    if isinstance(estimator, BaseSpectral):
        return
    if isinstance(estimator, type):
        got = (
            f"the class {estimator.__name__}. Give an instance: {estimator.__name__}(...)."
        )
    else:
        got = f"{type(estimator).__name__}."
    if isinstance(estimator, Pipeline):
        got += " Prune its last step: put a SpectralPruner there."
    elif isinstance(estimator, BaseNetwork):
        got += " It is trained in direct space."
    raise TypeError(f"Pruning takes a SpectralClassifier or a SpectralRegressor; got {got}")
