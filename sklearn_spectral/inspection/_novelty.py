"""How far rows are from what was seen: the members' disagreement beside distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import diags_array, issparse
from scipy.special import entr
from sklearn.base import is_classifier
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from ..estimators.members import member_output
from ._axes import network_and_inputs

LEAST = 1e-6
"""Numbers below this share of their median, or of their mean, count as that."""


@dataclass(frozen=True, eq=False)
class NoveltyScores:
    """How unlike the training rows each row is; higher is further away.

    Parameters
    ----------
    score : ndarray of shape (n_rows,)
        The other two numbers in one: the sum of their logarithms, each relative to the
        median of the rows seen and in units of their median absolute deviation. A low
        disagreement does not offset a large distance (its softplus is taken), since
        members may agree far away from all rows seen.
    share : ndarray of shape (n_rows,)
        Share of the rows seen that score at least as high; 0 means that none does.
    disagreement : ndarray of shape (n_rows,)
        How much the members of the population differ: of a classifier the mutual
        information of member and label in nats [1]_, of a regressor the standard
        deviation of the predictions (of counts and amounts of their logarithms), in units
        of its mean over the rows that were seen.
    distance : ndarray of shape (n_rows,)
        Mean distance from the nearest of the rows that were seen; of features in units of
        their standard deviations, unless the estimator has ``standardize=False``.

    References
    ----------
    .. [1] N. Houlsby, F. Huszar, Z. Ghahramani, M. Lengyel, "Bayesian active learning for
       classification and preference learning", arXiv:1112.5745 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_spectral.inspection import NoveltyScores
    >>> one = np.ones(1)
    >>> NoveltyScores(score=3 * one, share=0 * one, disagreement=one, distance=one).share
    array([0.])
    """

    score: NDArray[np.float64]
    share: NDArray[np.float64]
    disagreement: NDArray[np.float64]
    distance: NDArray[np.float64]


def novelty_scores(
    estimator: Any, X: Any, X_seen: Any, *, n_neighbors: int = 5
) -> NoveltyScores:
    """Score how unlike the training rows new rows are.

    Members of a population agree on rows like those that they have seen, and less
    elsewhere. But they share their eigenvectors, and may also agree on rows that none
    has seen, so the distance from the nearest rows seen is used as well. Neither says
    whether a prediction is right: a row among others may be of a class that was never
    seen. See the user guide for what was measured.

    Parameters
    ----------
    estimator : SpectralClassifier or SpectralRegressor
        A fitted population, or a pipeline, search or pruner around one.
    X : {array-like, sparse matrix} of shape (n_rows, n_features)
        The rows to score.
    X_seen : {array-like, sparse matrix} of shape (n_seen, n_features)
        Rows that the estimator was trained on, all or some thousands of them: they are
        not kept in it.
    n_neighbors : int, default=5
        Number of nearest rows whose mean distance is taken.

    Returns
    -------
    NoveltyScores
        The scores of each row.

    Raises
    ------
    ValueError
        If the estimator is a single network, or rows have other numbers of features, or
        fewer rows are given than neighbours are asked for.
    AttributeError
        If it was saved with ``compact=True``, which merges the members.
    TypeError
        If it is not a spectral estimator.
    NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import novelty_scores
    >>> X, y = load_digits(return_X_y=True)
    >>> seen, new = X[:900][y[:900] < 8], X[900:]
    >>> model = SpectralClassifier(random_state=0).fit(seen, y[:900][y[:900] < 8])
    >>> found = novelty_scores(model, new, seen)
    >>> bool(found.score[y[900:] >= 8].mean() > found.score[y[900:] < 8].mean() + 2)
    True
    """
    network, rows, seen = network_and_inputs(estimator, "novelty_scores", X, X_seen)
    check_is_fitted(network)
    if network._fitted.n_members == 1:
        raise ValueError(
            "novelty_scores compares the members of a population, and this "
            f"{type(network).__name__} is a single network. Fit it with n_members of two "
            "or more."
        )
    disagreement = [_disagreement(network, each) for each in (rows, seen)]
    rows, seen = (_scaled(network, each) for each in (rows, seen))
    if n_neighbors >= seen.shape[0]:
        raise ValueError(
            f"n_neighbors={n_neighbors} needs more rows in X_seen than that; got "
            f"{seen.shape[0]}."
        )
    neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(seen)
    # A row that was seen is no neighbour of itself.
    distance = [neighbors.kneighbors(each)[0].mean(axis=1) for each in (rows, None)]
    if not is_classifier(network):
        unit = disagreement[1].mean(axis=0)
        unit = np.where(unit > 0, unit, 1.0)
        disagreement = [(each / unit).mean(axis=1) for each in disagreement]
    score, of_seen = (
        np.logaddexp(0, _standing(disagreement[which], disagreement[1]))
        + _standing(distance[which], distance[1])
        for which in (0, 1)
    )
    below = np.searchsorted(np.sort(of_seen), score, side="left")
    share = 1 - below / len(of_seen)
    return NoveltyScores(score, share, disagreement[0], distance[0])


def _scaled(network: Any, X: Any) -> Any:
    """Return rows, which are checked, with features of the same spread."""
    X = check_array(X, accept_sparse="csr", dtype=(np.float64, np.float32))
    scale = network._fitted.input_scale
    if scale is None:
        return X
    return X @ diags_array(1 / scale) if issparse(X) else X / scale


def _disagreement(network: Any, X: Any) -> NDArray[np.float64]:
    """Return how much the members differ; of a regressor for each output."""
    outputs = member_output(network, X).astype(np.float64)
    if not is_classifier(network):
        # Of counts and amounts logarithms, which no exponential makes infinite.
        return outputs.std(axis=0)
    shares = np.stack([network._predictions(output) for output in outputs])
    if network._has_many_labels:  # each label is right or not
        shares = np.stack([shares, 1 - shares], axis=-1)
    found = entr(shares.mean(axis=0)).sum(axis=-1) - entr(shares).sum(axis=-1).mean(axis=0)
    found = np.maximum(found, 0.0)  # below by rounding
    return found if found.ndim == 1 else found.mean(axis=1)


def _standing(values: NDArray[Any], seen: NDArray[Any]) -> NDArray[np.float64]:
    """Return logarithms of values from the median of those seen, by their spread."""
    # Half of the rows may be equal to others.
    least = LEAST * (np.median(seen) or seen.mean() or 1.0)
    logarithms, of_seen = (np.log(np.maximum(each, least)) for each in (values, seen))
    median = np.median(of_seen)
    spread = np.median(np.abs(of_seen - median))
    return (logarithms - median) / (spread if spread > 0 else 1.0)
