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
from sklearn.base import clone

from ..estimators.spectral import BaseSpectral
from ..spec.architecture import Architecture
from ..training.device import own_modes
from ._scores import HiddenNodes, hidden_nodes, needs_covariance, node_scores

Array = NDArray[Any]
Spectral = TypeVar("Spectral", bound=BaseSpectral)


@dataclass(frozen=True)
class Counts:
    """How many nodes there are to remove.

    Parameters
    ----------
    removable : list of int
        Of each layer between input and output.
    is_open : list of bool
        In which of these layers nodes may be removed.
    n_open : int
        Number of nodes in those, the ones that have to stay included.
    """

    removable: list[int]
    is_open: list[bool]
    n_open: int

    def n_to_remove(self, fraction: float, n_nodes: int | None) -> int:
        """Return how many nodes to remove for a share, or for a number that is to stay.

        Parameters
        ----------
        fraction : float
            Share of the nodes that are open to removal.
        n_nodes : int or None
            How many of them stay; it goes before the share.

        Returns
        -------
        int
            Not more than may be removed.

        Raises
        ------
        ValueError
            If none may be removed, or as many cannot stay.
        """
        most = sum(self.removable)
        least = self.n_open - most
        if n_nodes is not None and not least <= n_nodes <= self.n_open:
            raise ValueError(
                f"n_nodes={n_nodes} cannot be left of {self.n_open} nodes of which "
                f"min_nodes keeps {least}; give a number from {least} to {self.n_open}."
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
    """Count how many nodes of each layer may be removed.

    Parameters
    ----------
    widths : sequence of int
        Of the layers between input and output.
    is_linear : sequence of bool
        Which of them are linear.
    min_nodes : int
        How many nodes every layer keeps.
    linear_nodes : bool
        Whether those of linear layers may be removed.

    Returns
    -------
    Counts
        Of each layer, and of all.

    Raises
    ------
    ValueError
        If there is no layer whose nodes may be removed.
    """
    open_to = [linear_nodes or not linear for linear in is_linear]
    if not any(open_to):
        hint = " Set linear_nodes=True to remove those of the linear ones." * any(is_linear)
        raise ValueError(
            "The network has no non-linear layer between input and output, so that there "
            f"are no nodes to remove.{hint}"
        )
    pairs = list(zip(widths, open_to, strict=True))
    return Counts(
        [max(0, width - min_nodes) if is_open else 0 for width, is_open in pairs],
        open_to,
        sum(width for width, is_open in pairs if is_open),
    )


def removal_order(
    scores: Sequence[Array], n_removable: Sequence[int], scope: str
) -> list[tuple[int, int]]:
    """Return the nodes that may be removed, the one to go first at the front.

    Parameters
    ----------
    scores : sequence of ndarray of shape (n_nodes,)
        What each node is worth, layer by layer.
    n_removable : sequence of int
        How many nodes of each layer may be removed.
    scope : {"layer", "global"}
        Whether all layers lose the same share of their nodes, or nodes are compared
        across layers, by their score beside the root mean square of their layer's.

    Returns
    -------
    list of (int, int)
        Layer and node.
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
    """Return the nodes of each layer that are not removed.

    Parameters
    ----------
    widths : sequence of int
        Of the layers between input and output.
    removed : sequence of (int, int)
        Layer and node.

    Returns
    -------
    list of ndarray of int
        Ascending, one array per layer between input and output.
    """
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

    Parameters
    ----------
    kept, gone : ndarray of int
        The nodes that stay, and those that are removed.
    constant : ndarray of shape (n_removed,)
        What each of them is taken to send on where the nodes that stay are silent.
    slope : ndarray of shape (n_removed, n_kept) or None
        What each adds to that for what the nodes that stay send on; nothing if None.
    """

    kept: Array
    gone: Array
    constant: Array
    slope: Array | None = None


def stand_ins(nodes: HiddenNodes, kept: Array, compensation: str) -> Replacement:
    """Predict what removed nodes send on from those that stay, as far as is asked.

    Parameters
    ----------
    nodes : HiddenNodes
        All nodes of the layer. Without moments, those removed are taken to send on what
        they do when nothing reaches them.
    kept : ndarray of int
        Those that stay.
    compensation : {"linear", "mean"}
        By least squares on the nodes that stay, or by the mean alone.

    Returns
    -------
    Replacement
        For the others.
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
    """Return a fitted estimator of the network that has some hidden nodes only.

    Parameters
    ----------
    estimator : BaseSpectral
        A fitted estimator; it is not changed.
    replacements : sequence of Replacement
        For each layer between input and output, which nodes stay, and what takes the place
        of the others in the weights and biases of the layer that
        reads them. One without biases has no place for constants.

    Returns
    -------
    BaseSpectral
        Of the same class, with ``warm_start=True``, so that its fit goes on.
    """
    import torch

    from ..nn.linear import SpectralLinear
    from ..training.convert import build_network

    network = estimator.to_network()
    kept = [replacement.kept for replacement in replacements]
    architecture = _narrowed(estimator.architecture_, [len(nodes) for nodes in kept])
    config = {
        **estimator._config,
        "hidden_layer_sizes": architecture.hidden_layer_sizes,
        "linear_expansion": architecture.linear_expansion,
    }
    dtype = estimator.coefs_[0].dtype
    kind, seed = estimator._network_type(), estimator._seed
    small = build_network(kind, config, dtype, "cpu", seed)
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
                made_up = lost @ torch.from_numpy(replacement.slope).to(lost)
                assert isinstance(layer, SpectralLinear)
                layer.absorb(layer.weight + made_up)

    result = clone(estimator)
    learnt = vars(estimator).keys() - result.get_params(deep=False).keys() - {"_net"}
    vars(result).update({name: getattr(estimator, name) for name in learnt})
    result.set_params(
        hidden_layer_sizes=architecture.hidden_layer_sizes,
        linear_expansion=architecture.expansion_parameter,
        warm_start=True,
    )
    result._config, result._plans, result._solver_state = config, [], {}
    result._hold(small)
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

    Parameters
    ----------
    estimator : BaseSpectral
        A fitted estimator; it is not changed.
    X : ndarray or CSR matrix of shape (n_samples, n_features) or None
        Validated data to score the nodes on, and to replace those removed by; without,
        they are taken to send on what they do when nothing reaches them.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    node_score : str
        A key of ``SCORES`` or ``DATA_SCORES``, or "auto".
    compensation : {"linear", "mean"}
        As in `stand_ins`; not used without data.
    scope : {"layer", "global"}
        As in `removal_order`.
    min_nodes : int
        As in `count_removable`.
    linear_nodes : bool
        As in `count_removable`.

    Attributes
    ----------
    counts : Counts
        How many nodes there are to remove.
    scores : list of ndarray of shape (n_nodes,)
        What each node is worth, for each layer between input and output.
    order : list of (int, int)
        The nodes that may be removed, the one to go first at the front.

    Raises
    ------
    ValueError
        If the score needs data, or means nothing for this network, or there is no layer
        whose nodes may be removed.
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
        self._estimator, self._compensation = estimator, compensation
        architecture = estimator.architecture_
        self._widths = architecture.widths[1:-1]
        self.counts = count_removable(
            self._widths, architecture.linear_nodes, min_nodes, linear_nodes
        )
        in_pairs = compensation == "linear" or needs_covariance(node_score)
        pairs_of = [in_pairs and each for each in self.counts.is_open]
        self._nodes = hidden_nodes(estimator, X, sample_weight, pairs_of)
        self.scores = node_scores(self._nodes, node_score, self.counts.is_open)
        self.order = removal_order(self.scores, self.counts.removable, scope)

    def kept(self, n_removed: int) -> list[Array]:
        """Return the nodes that stay, layer by layer, when so many are removed."""
        return kept_nodes(self._widths, self.order[:n_removed])

    def without(self, n_removed: int) -> Any:
        """Return a fitted estimator of the network without the first nodes of the order."""
        pairs = zip(self._nodes, self.kept(n_removed), strict=True)
        return without_nodes(
            self._estimator,
            [stand_ins(nodes, stay, self._compensation) for nodes, stay in pairs],
        )
