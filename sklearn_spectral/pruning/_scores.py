"""What the nodes between input and output are worth: scores from the fitted arrays.

To add a score, write a function of `HiddenNodes` here and register it in ``SCORES``, or in
``DATA_SCORES`` if it needs the activations of the nodes on data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.arrays import densify, row_chunks
from ..estimators.spectral import BaseSpectral
from ..fitted.forward import CACHED_BYTES
from ..fitted.layers import spectral_weight
from ..spec.activations import ACTIVATIONS
from ..spec.architecture import trained_here

Array = NDArray[Any]

RIDGE = 1e-3
"""What is added to the variances of nodes before they stand in for each other, as a share
of the mean variance."""


@dataclass(frozen=True)
class Layer:
    """A layer of the extended network.

    Parameters
    ----------
    weight : ndarray of shape (n_out, n_in)
        Its W.
    eigenvectors : ndarray of shape (n_out, n_in)
        Its phi.
    eigenvalues_in, eigenvalues_out : ndarray
        Of the nodes that it reads, and of those that it feeds.
    trained : {"both", "out", "in"}
        Which of them train.
    bias : ndarray of shape (n_out,)
        Its bias; zeros where there is none.
    activation : str
        What the nodes do that it feeds.
    slope : float
        Of a tanh; 1 otherwise.
    """

    weight: Array
    eigenvectors: Array
    eigenvalues_in: Array
    eigenvalues_out: Array
    trained: str
    bias: Array
    activation: str
    slope: float

    def activate(self, values: Array) -> Array:
        """Return what the nodes send on for what reaches them."""
        scaled = values * self.slope
        ACTIVATIONS[self.activation].apply(scaled)
        return scaled


@dataclass(frozen=True)
class Moments:
    """How the activations of nodes vary over samples.

    Parameters
    ----------
    mean, std : ndarray of shape (n_nodes,)
        Of each node.
    covariance : ndarray of shape (n_nodes, n_nodes), optional
        Of each pair of them.
    """

    mean: Array
    std: Array
    covariance: Array | None = None

    def scatter(self, has_bias: bool) -> Array:
        """Return what of the nodes has to be made up for if one of them is removed.

        Parameters
        ----------
        has_bias : bool
            Whether a bias takes up their means; otherwise those count too.

        Returns
        -------
        ndarray of shape (n_nodes, n_nodes)
            The covariance, or the second moments, with a little on the diagonal: nodes
            that vary together up to rounding have no unique way to stand in for each other.
        """
        assert self.covariance is not None
        scatter = self.covariance.copy()
        if not has_bias:
            scatter += np.outer(self.mean, self.mean)
        diagonal = np.einsum("ii->i", scatter)
        # Where nothing varies, rounding is all there is.
        least = np.finfo(scatter.dtype).eps * np.square(self.mean).mean()
        diagonal += RIDGE * (max(diagonal.mean(), least) or 1.0)
        return scatter


@dataclass(frozen=True)
class HiddenNodes:
    """The nodes between two layers of the extended network.

    Parameters
    ----------
    before, after : Layer
        The layer that feeds them and the layer that reads them.
    has_bias : bool
        Whether the layer that reads them has biases.
    moments : Moments, optional
        Of their activations, if there are data.
    """

    before: Layer
    after: Layer
    has_bias: bool
    moments: Moments | None = None


# ---- the scores ----


def _eigenvalue(nodes: HiddenNodes) -> Array:
    gaps, _ = _gaps_and_norms(nodes, "eigenvalue")
    return gaps


def _eigenvalue_norm(nodes: HiddenNodes) -> Array:
    gaps, norms = _gaps_and_norms(nodes, "eigenvalue_norm")
    return gaps * norms


def _weight(nodes: HiddenNodes) -> Array:
    return np.linalg.norm(nodes.before.weight, axis=1)


def _weight_product(nodes: HiddenNodes) -> Array:
    return _weight(nodes) * np.linalg.norm(nodes.after.weight, axis=0)


def _variance(nodes: HiddenNodes) -> Array:
    assert nodes.moments is not None
    return nodes.moments.std * np.linalg.norm(nodes.after.weight, axis=0)


def _mean(nodes: HiddenNodes) -> Array:
    assert nodes.moments is not None
    return np.abs(nodes.moments.mean) * np.linalg.norm(nodes.after.weight, axis=0)


def _residual(nodes: HiddenNodes) -> Array:
    """Remove the nodes one by one, each time the one that the others replace best.

    What they send on is made up for by the others (least squares); the error that a
    removal adds is that of the optimal brain surgeon (Hassibi, Stork 1993), for nodes. The
    score is the root of the error after the removal, which only grows.
    """
    assert nodes.moments is not None
    precision = np.linalg.inv(nodes.moments.scatter(nodes.has_bias))
    onward = nodes.after.weight.T.astype(np.float64)
    left = np.arange(len(onward))
    alive = np.ones(len(left), dtype=bool)
    scores, error = np.empty(len(left)), 0.0
    for _ in range(len(onward)):
        if 2 * alive.sum() < len(left):  # the rows of those removed are zero by now
            precision = precision[np.ix_(alive, alive)]
            onward, left = onward[alive], left[alive]
            alive = np.ones(len(left), dtype=bool)
        variance_left = np.divide(
            1, precision.diagonal(), where=alive, out=np.ones(len(left))
        )
        added = np.where(alive, np.square(onward).sum(axis=1) * variance_left, np.inf)
        node = int(added.argmin())
        error += added[node]
        scores[left[node]] = np.sqrt(error)
        column = precision[:, node] / precision[node, node]
        onward -= np.outer(column, onward[node])
        precision -= np.outer(column, precision[node])
        alive[node] = False
    return scores


SCORES: dict[str, Callable[[HiddenNodes], Array]] = {
    "eigenvalue": _eigenvalue,
    "eigenvalue_norm": _eigenvalue_norm,
    "weight": _weight,
    "weight_product": _weight_product,
}
"""Scores of nodes from the fitted arrays alone, by name."""

DATA_SCORES: dict[str, Callable[[HiddenNodes], Array]] = {
    "residual": _residual,
    "variance": _variance,
    "mean": _mean,
}
"""Scores that need data, by name."""


def _gaps_and_norms(nodes: HiddenNodes, score: str) -> tuple[Array, Array]:
    """Return how far eigenvalues are from the fixed ones, and norms of eigenvectors.

    Of the layer in which the nodes' eigenvalues mean something; if there is none, refuse.
    """
    before, after = nodes.before, nodes.after
    for layer, alone, own, other, axis in (
        (before, "out", before.eigenvalues_out, before.eigenvalues_in, 1),
        (after, "in", after.eigenvalues_in, after.eigenvalues_out, 0),
    ):
        if layer.trained == alone and bool((other == other[0]).all()):
            return np.abs(own - other[0]), np.linalg.norm(layer.eigenvectors, axis=axis)
    raise no_meaning(score)


def needs_pairs(score: str) -> bool:
    """Tell whether a score is of nodes together, for which their covariance is needed."""
    return score in ("auto", "residual")


def no_meaning(score: str) -> ValueError:
    """Say why nodes cannot be ranked by their eigenvalues.

    Parameters
    ----------
    score : str
        The score that was asked for.

    Returns
    -------
    ValueError
        To be raised.
    """
    return ValueError(
        f"node_score={score!r} ranks nodes by their eigenvalues, which means something "
        "only where the other set of eigenvalues of the layer is fixed to one number: "
        "adding a number to both sets changes no weight. Fit with "
        "train_eigenvalues='out' or 'in', or use another node_score: 'residual' (the "
        "default with data) or 'variance', or without data 'weight_product' or 'weight'."
    )


def node_scores(
    nodes: list[HiddenNodes], score: str, is_open: Sequence[bool] | None = None
) -> list[Array]:
    """Return what each node is worth.

    Parameters
    ----------
    nodes : list of HiddenNodes
        From `hidden_nodes`.
    score : str
        A key of ``SCORES`` or ``DATA_SCORES``; ``"auto"`` is ``"residual"`` where there are
        data and ``"weight_product"`` where not.
    is_open : sequence of bool, optional
        In which layers nodes may be removed; all by default. Nodes of the others are worth
        NaN, which nothing was computed for.

    Returns
    -------
    list of ndarray of shape (n_nodes,)
        One per layer between input and output.

    Raises
    ------
    ValueError
        If the score needs data and there are none, or means nothing for these nodes.
    """
    has_data = any(entry.moments is not None for entry in nodes)
    if score == "auto":
        score = "residual" if has_data else "weight_product"
    if score in DATA_SCORES and nodes and not has_data:
        raise ValueError(
            f"node_score={score!r} needs data: give X, or use one of {sorted(SCORES)}."
        )
    function = {**SCORES, **DATA_SCORES}[score]
    wanted = [True] * len(nodes) if is_open is None else is_open
    return [
        function(entry) if each else np.full(len(entry.before.bias), np.nan)
        for entry, each in zip(nodes, wanted, strict=True)
    ]


# ---- the nodes of a fitted estimator ----


def hidden_nodes(
    estimator: BaseSpectral,
    X: Any = None,
    sample_weight: Array | None = None,
    pairs_of: Sequence[bool] = (),
) -> list[HiddenNodes]:
    """Return the nodes between the layers of a fitted estimator.

    Parameters
    ----------
    estimator : BaseSpectral
        A fitted estimator.
    X : ndarray or CSR matrix of shape (n_samples, n_features), optional
        Validated data to take the activations on.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the samples.
    pairs_of : sequence of bool, optional
        For which layers between input and output the covariance of all pairs of nodes is
        wanted, which takes time and memory. With data, one for each of them.

    Returns
    -------
    list of HiddenNodes
        One per layer between the input and the output.
    """
    layers = _layers(estimator)
    moments: list[Moments | None] = [None] * (len(layers) - 1)
    if X is not None:
        moments = [*_moments(layers[:-1], X, sample_weight, pairs_of)]
    has_bias = estimator._config["bias"]
    return [
        HiddenNodes(before, after, has_bias, each)
        for (before, after), each in zip(pairwise(layers), moments, strict=True)
    ]


def _layers(estimator: BaseSpectral) -> list[Layer]:
    """Return the layers of the extended network, in the order the signal passes them."""
    slopes = iter(estimator.activation_slopes_)
    layers = []
    arrays = zip(
        estimator._layer_arrays(),
        estimator.eigenvectors_,
        (*estimator.architecture_.linear_nodes, True),  # the output
        strict=True,
    )
    for position, (layer, phi, is_linear) in enumerate(arrays):
        lambda_in, lambda_out = layer["eigenvalues_in"], layer["eigenvalues_out"]
        weight = spectral_weight(lambda_in, lambda_out, phi)
        activation = "identity" if is_linear else estimator._config["activation"]
        layers.append(
            Layer(
                weight,
                phi,
                lambda_in,
                lambda_out,
                trained_here(estimator._config["train_eigenvalues"], position),
                layer.get("bias", np.zeros(len(weight), weight.dtype)),
                activation,
                float(next(slopes)) if ACTIVATIONS[activation].has_slope else 1.0,
            )
        )
    return layers


def _moments(
    layers: list[Layer],
    X: Any,
    sample_weight: Array | None,
    pairs_of: Sequence[bool],
) -> list[Moments]:
    """Pass data through the extended network and add up the activations."""
    if not layers:
        return []
    widths = [len(layer.bias) for layer in layers]
    dtype = layers[0].weight.dtype
    total = 0.0
    # Taken from near the mean, so that the squares do not cancel.
    origins: list[Array] = []
    sums = [np.zeros(width) for width in widths]
    products = [
        np.zeros((width, width) if pairs else width)
        for width, pairs in zip(widths, pairs_of, strict=True)
    ]
    widest = max(X.shape[1], *widths)
    for piece in row_chunks(X.shape[0], widest, dtype.itemsize, CACHED_BYTES):
        values = densify(X[piece], dtype)
        share = np.ones(len(values)) if sample_weight is None else sample_weight[piece]
        total += share.sum()
        for k, layer in enumerate(layers):
            values = layer.activate(values @ layer.weight.T + layer.bias)
            if k == len(origins):
                some = share if share.any() else np.ones(len(values))
                origins.append(some @ values / some.sum())
            deviations = values - origins[k]
            weighted = deviations * share[:, np.newaxis]
            sums[k] += weighted.sum(axis=0)
            products[k] += (
                weighted.T @ deviations
                if pairs_of[k]
                else np.einsum("ij,ij->j", weighted, deviations)
            )
    result = []
    for origin, first, second in zip(origins, sums, products, strict=True):
        offset = first / total
        covariance = None
        if second.ndim == 2:
            covariance = second / total - np.outer(offset, offset)
            diagonal = np.einsum("ii->i", covariance)
            np.maximum(diagonal, 0.0, out=diagonal)
            variance = diagonal
        else:
            variance = second / total - offset**2
        std = np.sqrt(np.maximum(variance, 0.0))
        squares = (np.square(origin + offset), second)
        if not all(np.isfinite(values).all() for values in squares):
            raise ValueError(
                "The activations that X gives, or their squares, are too large to be "
                f"added up in {dtype}, so that nodes cannot be ranked by them. Scale the "
                "features as in training, or rank without data (node_score='weight')."
            )
        result.append(Moments(origin + offset, std, covariance))
    return result
