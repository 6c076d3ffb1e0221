"""Which nodes to remove, and the smaller network without them.

`RankedNodes` puts the pieces together: scores, the order of removal, and what removed nodes
leave behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from ..estimators.spectral import BaseSpectral
from ..spec.architecture import Architecture
from ..spec.parametrizations import for_any_matrix
from ..training.device import own_modes
from ._scores import (
    HiddenNodes,
    as_one_network,
    hidden_nodes,
    needs_covariance,
    node_scores,
)

Array = NDArray[Any]
Spectral = TypeVar("Spectral", bound=BaseSpectral)


@dataclass(frozen=True)
class Counts:
    """How many nodes may be removed: of each layer between input and output,
    in which layers (``open_layers``), and of all nodes in those (``n_open``).
    """

    removable: list[int]
    open_layers: list[bool]
    n_open: int

    def n_to_remove(self, fraction: float, n_nodes: int | None) -> int:
        """Return how many nodes to remove; ``n_nodes`` that stay go before a fraction."""
        most = sum(self.removable)
        least = self.n_open - most
        if n_nodes is not None and not least <= n_nodes <= self.n_open:
            raise ValueError(
                f"n_nodes={n_nodes} nodes cannot be kept: the network has {self.n_open}, "
                f"and min_nodes keeps {least}. Give a number from {least} to {self.n_open}."
            )
        n = round(fraction * self.n_open) if n_nodes is None else self.n_open - n_nodes
        if n and not most:
            raise ValueError(
                "There are no nodes to remove: min_nodes keeps all "
                f"{self.n_open}. Lower it."
            )
        return min(n, most)


def count_removable(
    widths: Sequence[int], is_linear: Sequence[bool], min_nodes: int, linear_nodes: bool
) -> Counts:
    """Count the nodes of each hidden layer beyond ``min_nodes``; linear ones if asked."""
    open_layers = [linear_nodes or not linear for linear in is_linear]
    if not any(open_layers):
        hint = " Set linear_nodes=True to remove those of the linear ones." * any(is_linear)
        raise ValueError(
            "The network has no non-linear layer between input and output, so that there "
            f"are no nodes to remove.{hint}"
        )
    pairs = list(zip(widths, open_layers, strict=True))
    return Counts(
        [max(0, width - min_nodes) if is_open else 0 for width, is_open in pairs],
        open_layers,
        sum(width for width, is_open in pairs if is_open),
    )


def removal_order(
    scores: Sequence[Array], n_removable: Sequence[int], scope: str
) -> list[tuple[int, int]]:
    """Return (layer, node) of all that may be removed, the first to go at the front.

    By ``scope`` "layer" all layers lose the same share; by "global" scores are compared
    across layers, each divided by the root mean square of its layer's.
    """
    places: list[tuple[float, int, int]] = []
    for layer, (values, n) in enumerate(zip(scores, n_removable, strict=True)):
        order = np.argsort(values, kind="stable")[:n]
        if scope == "layer":
            keys = (np.arange(n) + 0.5) / len(values)
        else:
            scale = np.sqrt(np.mean(np.square(values)))
            keys = values[order] / (scale if scale > 0 else 1.0)
        places += [(float(key), layer, int(i)) for key, i in zip(keys, order, strict=True)]
    return [(layer, node) for _, layer, node in sorted(places)]


def kept_nodes(widths: Sequence[int], removed: Sequence[tuple[int, int]]) -> list[Array]:
    """Return the nodes of each hidden layer that are not removed, ascending."""
    gone: list[set[int]] = [set() for _ in widths]
    for layer, node in removed:
        gone[layer].add(node)
    return [
        np.array([node for node in range(width) if node not in lost], dtype=np.intp)
        for width, lost in zip(widths, gone, strict=True)
    ]


@dataclass(frozen=True)
class Replacement:
    """What takes the place of the nodes that are removed from a layer.

    Each of ``gone`` is taken to send ``constant``, plus ``slope`` (n_removed, n_kept) times
    what those of ``kept`` send; plus nothing if it is None.
    """

    kept: Array
    gone: Array
    constant: Array
    slope: Array | None = None


def predict_removed(nodes: HiddenNodes, kept: Array, compensation: str) -> Replacement:
    """Predict the output of removed nodes from those that stay, or by their mean.

    Without moments they are taken to send what they do when nothing reaches them.
    """
    layer, moments = nodes.before, nodes.moments
    gone = np.setdiff1d(np.arange(len(layer.bias)), kept)
    if moments is None:
        return Replacement(kept, gone, layer.activate(layer.bias)[gone])
    if compensation == "mean" or not len(gone):
        return Replacement(kept, gone, moments.mean[gone])
    scatter = moments.scatter(nodes.has_bias)
    slope = solve(
        scatter[np.ix_(kept, kept)], scatter[np.ix_(kept, gone)], assume_a="pos"
    ).T
    constant = moments.mean[gone] - slope @ moments.mean[kept]
    return Replacement(kept, gone, constant, slope)


@own_modes()
def without_nodes(estimator: Spectral, replacements: Sequence[Replacement]) -> Spectral:
    """Return a copy with some hidden nodes only, whose fit goes on (``warm_start=True``).

    The layer that reads a removed node takes over its replacement; one without biases has
    no place for constants.
    """
    import torch

    from ..nn.linear import SpectralLinear
    from ..training.convert import build_network

    network = estimator.to_network()
    kept = [replacement.kept for replacement in replacements]
    architecture = _narrowed(estimator.architecture_, [len(nodes) for nodes in kept])
    fitted = estimator._fitted
    config = {
        **fitted.config,
        "hidden_layer_sizes": architecture.hidden_layer_sizes,
        "linear_expansion": architecture.linear_expansion,
        "train_eigenvectors": for_any_matrix(fitted.config["train_eigenvectors"]),
    }
    small: Any = build_network(fitted.space, config, fitted.dtype, "cpu", fitted.seed)
    fed: list[Any] = [*map(torch.from_numpy, kept), slice(None)]
    small.load_nodes(network, [slice(None), *fed])

    layers = zip(small.layers(), network.layers(), strict=True)
    next(layers)  # all inputs stay
    for (layer, whole), replacement, nodes in zip(
        layers, replacements, fed[1:], strict=True
    ):
        if not len(replacement.gone):
            continue
        with torch.no_grad():
            lost = whole.weight[nodes][:, torch.from_numpy(replacement.gone)]
            if layer.bias is not None:
                layer.bias.add_(lost @ torch.from_numpy(replacement.constant).to(lost))
            if replacement.slope is not None:
                predicted = lost @ torch.from_numpy(replacement.slope).to(lost)
                assert isinstance(layer, SpectralLinear)
                layer.absorb(layer.weight + predicted)

    result = estimator._with_another_network(
        hidden_layer_sizes=architecture.hidden_layer_sizes,
        linear_expansion=architecture.expansion_parameter,
        train_eigenvectors=for_any_matrix(estimator.train_eigenvectors),
    )
    result._store(small, config, fitted.seed)
    return result


def _narrowed(architecture: Architecture, widths: Sequence[int]) -> Architecture:
    """Return an architecture with other widths between input and output."""
    remaining = iter(widths)
    stacks: list[tuple[int, ...]] = []
    for position, stack in enumerate(architecture.stacks):
        first = stack[0] if position == 0 else stacks[-1][-1]
        is_last = position == len(architecture.stacks) - 1
        inner = [next(remaining) for _ in stack[1:-1]]
        stacks.append((first, *inner, stack[-1] if is_last else next(remaining)))
    return Architecture(tuple(stacks))


class RankedNodes:
    """A fitted network whose hidden nodes are in the order in which they may go.

    ``scores`` has what each node of each hidden layer is worth, ``order`` pairs of layer
    and node, ``counts`` how many may go. X and its weights are validated, or None. Of a
    population these are the nodes of all members, in the network that they merge to.
    """

    def __init__(
        self,
        estimator: BaseSpectral,
        X: Any,
        sample_weight: Array | None,
        *,
        node_score: str,
        compensation: str,
        scope: str,
        min_nodes: int,
        linear_nodes: bool,
    ) -> None:
        estimator = as_one_network(estimator, node_score)
        self._estimator, self._compensation = estimator, compensation
        architecture = estimator.architecture_
        self._widths = architecture.widths[1:-1]
        self.counts = count_removable(
            self._widths, architecture.linear_nodes, min_nodes, linear_nodes
        )
        in_pairs = compensation == "linear" or needs_covariance(node_score)
        with_covariance = [in_pairs and each for each in self.counts.open_layers]
        self._nodes = hidden_nodes(estimator, X, sample_weight, with_covariance)
        self.scores = node_scores(self._nodes, node_score, self.counts.open_layers)
        self.order = removal_order(self.scores, self.counts.removable, scope)

    def kept(self, n_removed: int) -> list[Array]:
        """Return the nodes that stay, layer by layer, when so many are removed."""
        return kept_nodes(self._widths, self.order[:n_removed])

    def without(self, n_removed: int) -> Any:
        """Return a fitted estimator of the network without the first nodes of the order."""
        pairs = zip(self._nodes, self.kept(n_removed), strict=True)
        return without_nodes(
            self._estimator,
            [predict_removed(nodes, stay, self._compensation) for nodes, stay in pairs],
        )
