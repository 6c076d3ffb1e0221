"""What the nodes between input and output are worth: scores from the fitted arrays.

To add a score, write a function of `HiddenNodes` here and register it in ``SCORES``, or in
``DATA_SCORES`` if it needs the activations of the nodes on data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..data.rows import Rows, chunk_rows, densify
from ..estimators.spectral import BaseSpectral
from ..fitted.forward import CACHED_BYTES
from ..fitted.layers import spectral_weight
from ..spec.activations import ACTIVATIONS
from ..spec.architecture import eigenvalues_trained_in

Array = NDArray[Any]
Spectral = TypeVar("Spectral", bound=BaseSpectral)

RIDGE = 1e-3
"""What is added to the variances of nodes before they stand in for each other, as a share
of the mean variance."""


@dataclass(frozen=True)
class Layer:
    """A layer of the extended network: weight and phi of shape (n_out, n_in).
    Its eigenvalues are of the nodes that it reads, and of those that it feeds; the slope is
    that of a tanh, 1 otherwise; the bias is zeros where there is none."""

    weight: Array
    eigenvectors: Array
    eigenvalues_in: Array
    eigenvalues_out: Array
    trained: str
    bias: Array
    activation: str
    slope: float

    def activate(self, values: Array) -> Array:
        """Return the activations of the nodes that it feeds."""
        scaled = values * self.slope
        ACTIVATIONS[self.activation].apply(scaled)
        return scaled


@dataclass(frozen=True)
class Moments:
    """Means of activations, their standard deviations, and the covariance of all pairs."""

    mean: Array
    std: Array
    covariance: Array | None = None

    def scatter(self, has_bias: bool) -> Array:
        """Return the covariance, or without a bias, which takes up means, second moments.
        A little is added to the diagonal: nodes that vary together up to rounding have no
        unique way to replace each other."""
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
    """The nodes between the layer before and the layer after them.
    ``has_bias`` is of the layer after; moments of activations are there if data are.
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
    By least squares, as in the optimal brain surgeon (Hassibi, Stork 1993); a score is the
    root of the error after the removal, which only grows."""
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
    They are of the layer that trains the nodes' eigenvalues alone; if none does, refuse.
    """
    before, after = nodes.before, nodes.after
    for layer, alone, own, other, axis in (
        (before, "out", before.eigenvalues_out, before.eigenvalues_in, 1),
        (after, "in", after.eigenvalues_in, after.eigenvalues_out, 0),
    ):
        if layer.trained == alone and bool((other == other[0]).all()):
            return np.abs(own - other[0]), np.linalg.norm(layer.eigenvectors, axis=axis)
    raise eigenvalue_score_error(score)


def needs_covariance(score: str) -> bool:
    """Tell whether a score is of nodes together."""
    return score in ("auto", "residual")


def eigenvalue_score_error(score: str) -> ValueError:
    """Return the error for a ranking by eigenvalues that means nothing."""
    return ValueError(
        f"node_score={score!r} ranks nodes by their eigenvalues. That is possible "
        "only where the other set of eigenvalues of the layer is fixed to one number: "
        "adding a number to both sets changes no weight. Fit with "
        "train_eigenvalues='out' or 'in', or use another node_score: 'residual' (the "
        "default with data) or 'variance', or without data 'weight_product' or 'weight'."
    )


def check_ranking(node_score: str, train_eigenvalues: str, n_members: int) -> None:
    """Refuse a ranking by eigenvalues where they do not say what nodes are worth."""
    if not node_score.startswith("eigenvalue"):
        return
    if n_members > 1:
        raise ValueError(
            f"node_score={node_score!r} ranks nodes by their eigenvalues, but the "
            f"{n_members} members are merged to one network before nodes are removed, and "
            "its eigenvalues are 1 and 0. Use another node_score: "
            "'residual' (the default with data) or 'variance', or without data "
            "'weight_product' or 'weight'."
        )
    if train_eigenvalues == "both":
        raise eigenvalue_score_error(node_score)


def node_scores(
    nodes: list[HiddenNodes], score: str, is_open: Sequence[bool] | None = None
) -> list[Array]:
    """Return the scores of each layer's nodes, NaN in layers that are not open to removal.
    ``"auto"`` is ``"residual"`` where there are data and ``"weight_product"`` where not.
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


def as_one_network(estimator: Spectral, node_score: str) -> Spectral:
    """Return a population as the network that it merges to; others as they are."""
    n_members = estimator._fitted.n_members
    if n_members == 1:
        return estimator
    check_ranking(node_score, estimator.train_eigenvalues, n_members)
    return estimator.merge_members()


def hidden_nodes(
    estimator: BaseSpectral,
    X: Rows | None = None,
    sample_weight: Array | None = None,
    in_pairs: Sequence[bool] = (),
) -> list[HiddenNodes]:
    """Return the nodes between the layers of a fitted estimator.
    Moments are taken on validated X; ``in_pairs`` says for which of these layers the
    covariance is wanted, which takes time and memory."""
    layers = _layers(estimator)
    moments: list[Moments | None] = [None] * (len(layers) - 1)
    if X is not None:
        units = estimator._fitted.units()
        moments = [*_moments(layers[:-1], units, X, sample_weight, in_pairs)]
    has_bias = estimator._fitted.has_bias
    return [
        HiddenNodes(before, after, has_bias, each)
        for (before, after), each in zip(pairwise(layers), moments, strict=True)
    ]


def _layers(estimator: BaseSpectral) -> list[Layer]:
    """Return the layers of the extended network, in the order the signal passes them."""
    slopes = iter(estimator.activation_slopes_)
    layers = []
    arrays = zip(
        estimator._fitted.layer_arrays(),
        estimator.eigenvectors_,
        (*estimator.architecture_.linear_nodes, True),  # the output
        strict=True,
    )
    for position, (layer, phi, is_linear) in enumerate(arrays):
        lambda_in, lambda_out = layer["eigenvalues_in"], layer["eigenvalues_out"]
        weight = spectral_weight(lambda_in, lambda_out, phi)
        activation = "identity" if is_linear else estimator._fitted.activation
        layers.append(
            Layer(
                weight,
                phi,
                lambda_in,
                lambda_out,
                eigenvalues_trained_in(
                    position, estimator._fitted.config["train_eigenvalues"]
                ),
                layer.get("bias", np.zeros(len(weight), weight.dtype)),
                activation,
                float(next(slopes)) if ACTIVATIONS[activation].has_slope else 1.0,
            )
        )
    return layers


def _moments(
    layers: list[Layer],
    units: Mapping[str, Array],
    X: Rows,
    sample_weight: Array | None,
    in_pairs: Sequence[bool],
) -> list[Moments]:
    """Pass data through the extended network and add up the activations."""
    if not layers:
        return []
    widths = [len(layer.bias) for layer in layers]
    dtype = layers[0].weight.dtype
    sums = [_Sums(*each) for each in zip(widths, in_pairs, strict=True)]
    total = 0.0
    n_rows = chunk_rows(max(X.shape[1], *widths), dtype.itemsize, CACHED_BYTES)
    for part, chunk in X.chunks(n_rows):
        values = densify(chunk, dtype)
        if units:
            values = (values - units["input_shift"]) / units["input_scale"]
        weight = np.ones(len(values)) if sample_weight is None else sample_weight[part]
        total += weight.sum()
        for layer, of_layer in zip(layers, sums, strict=True):
            values = layer.activate(values @ layer.weight.T + layer.bias)
            of_layer.add(values, weight)
    return [of_layer.moments(total, dtype) for of_layer in sums]


class _Sums:
    """Weighted sums of a layer's activations and of their squares, or products in pairs."""

    def __init__(self, width: int, in_pairs: bool) -> None:
        self.first = np.zeros(width)
        self.second = np.zeros((width, width) if in_pairs else width)
        self.origin: Array | None = None

    def add(self, values: Array, weight: Array) -> None:
        if self.origin is None:  # near the mean, so that the squares do not cancel
            some = weight if weight.any() else np.ones(len(values))
            self.origin = some @ values / some.sum()
        deviations = values - self.origin
        weighted = deviations * weight[:, np.newaxis]
        self.first += weighted.sum(axis=0)
        if self.second.ndim == 2:
            self.second += weighted.T @ deviations
        else:
            self.second += np.einsum("ij,ij->j", weighted, deviations)

    def moments(self, total: float, dtype: np.dtype) -> Moments:
        assert self.origin is not None
        offset, covariance = self.first / total, None
        if self.second.ndim == 2:
            covariance = self.second / total - np.outer(offset, offset)
            variance = np.einsum("ii->i", covariance)
            np.maximum(variance, 0.0, out=variance)
        else:
            variance = self.second / total - offset**2
        squares = (np.square(self.origin + offset), self.second)
        if not all(np.isfinite(values).all() for values in squares):
            raise ValueError(
                "The activations that X gives, or their squares, are too large to be "
                f"added up in {dtype}, so that nodes cannot be ranked by them. "
                "Scale the features as in training, or rank without data "
                "(node_score='weight')."
            )
        return Moments(self.origin + offset, np.sqrt(np.maximum(variance, 0.0)), covariance)
