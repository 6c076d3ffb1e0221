"""SPARCS: a network whose blocks reach past the next layer, to find its own depth.

One square matrix A = Phi Lambda Phi^-1 holds all nodes of the network. Phi is the identity
with a block phi_k between neighbouring layers; its inverse, and with it A, has blocks
between any two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Integral

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spec.activations import ACTIVATIONS
from ..spec.architecture import HiddenLayerSizes
from ..spec.random_bits import seed_sequence, uniform
from .layer import seed_from_torch
from .network import checked_architecture

START_BOUND = 0.01
"""Bound of the eigenvalues of input and hidden nodes at the start, as in the paper's."""


class SparcsNetwork(nn.Module):
    r"""A feed-forward network that starts linear and grows as non-linear as it has to be.

    Between layer l and any later layer k there are the links

    .. math:: W_{kl} = (-1)^{k-1-l} (\phi_{k-1} L_{k-1} - L_k \phi_{k-1})
              \phi_{k-2} \dots \phi_l,

    so that of three layers :math:`W_{31} = (L_3 \phi_2 - \phi_2 L_2) \phi_1` reaches past
    the hidden one [1]_. Each node has one eigenvalue. Those of input and hidden nodes start
    near zero, where what reaches hidden nodes vanishes and the output is a linear map of
    the input; training opens as many hidden nodes as the task needs, and `trim` leaves
    those.

    Parameters
    ----------
    in_features, out_features : int
        Width of the first and of the last layer.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Widths of the layers between.
    activation : {"relu", "tanh", "logistic", "elu"}, default="tanh"
        The non-linearity; a tanh has no trained slope. A ReLU passes no gradient where
        nothing reaches it, so that its nodes open less readily.
    bias : bool, default=True
        Whether hidden and output nodes have biases.
    train_eigenvectors : bool, default=True
        Whether phi trains beside the eigenvalues.
    seed : int, optional
        Fixes the start on every platform and device. By default it is drawn from torch's
        global generator.
    device : torch.device or str, optional
        Where the parameters live.
    dtype : torch.dtype, optional
        Their type; torch's default dtype if not given.

    Attributes
    ----------
    eigenvalues : ParameterList of Parameter of shape (n_nodes,)
        L_k of each layer of nodes, the input first.
    eigenvectors : ParameterList of Parameter of shape (n_out, n_in)
        phi_k between neighbouring layers.
    biases : ParameterList of Parameter of shape (n_nodes,)
        Of all layers but the input; empty without biases.

    Raises
    ------
    ValueError
        If a width or an option is not valid.

    Notes
    -----
    The forward pass forms no block: with u_1 = x and u_k = h_k - phi_{k-1} u_{k-1}, what
    reaches layer k is (phi_{k-1} L_{k-1} - L_k phi_{k-1}) u_{k-1}.

    References
    ----------
    .. [1] G. Peri, L. Chicchi, D. Fanelli, L. Giambagli, "Spectral architecture search for
       neural network models", arXiv 2504.00885 (2025).

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SparcsNetwork
    >>> network = SparcsNetwork(4, 3, hidden_layer_sizes=(20, 10), seed=0)
    >>> network(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    >>> sorted(network.blocks())
    [(2, 1), (3, 1), (3, 2), (4, 1), (4, 2), (4, 3)]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        activation: str = "tanh",
        *,
        bias: bool = True,
        train_eigenvectors: bool = True,
        seed: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        non_linear = [name for name in ACTIVATIONS if name != "identity"]
        if activation not in non_linear:
            raise ValueError(f"activation must be one of {non_linear}; got {activation!r}.")
        for name, width in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(width, Integral) or width < 1:
                raise ValueError(f"{name} must be an integer of at least 1; got {width!r}.")
        architecture = checked_architecture(
            in_features, out_features, hidden_layer_sizes, None, activation
        )
        self.widths = (
            in_features,
            *architecture.hidden_layer_sizes,
            out_features,
        )
        self.activation = ACTIVATIONS[activation].module()
        seed = seed_from_torch() if seed is None else seed
        dtype = dtype or torch.get_default_dtype()

        def parameter(values: np.ndarray, trained: bool = True) -> nn.Parameter:
            tensor = torch.from_numpy(values).to(device=device, dtype=dtype)
            return nn.Parameter(tensor, requires_grad=trained)

        eigenvalues, eigenvectors = [], []
        for position, (n_in, n_out) in enumerate(pairwise(self.widths)):
            bits = np.random.PCG64(seed_sequence(seed, 0, position))
            bound = np.sqrt(3.0 / n_in)
            phi = uniform(bits, -bound, bound, (n_out, n_in))
            eigenvectors.append(parameter(phi, bool(train_eigenvectors)))
            eigenvalues.append(parameter(uniform(bits, -START_BOUND, START_BOUND, (n_in,))))
        eigenvalues.append(parameter(np.ones(out_features)))
        self.eigenvalues = nn.ParameterList(eigenvalues)
        self.eigenvectors = nn.ParameterList(eigenvectors)
        self.biases = nn.ParameterList(
            parameter(np.zeros(width)) for width in self.widths[1:] if bias
        )

    @property
    def n_trained(self) -> int:
        """Number of parameters that train."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (n_samples, in_features) to (n_samples, out_features)."""
        return self._pass(x)[-1]

    def _pass(self, x: Tensor) -> list[Tensor]:
        """Return what each layer but the input sends on, the output last."""
        sent: list[Tensor] = []
        for position, phi in enumerate(self.eigenvectors):
            before, here = self.eigenvalues[position], self.eigenvalues[position + 1]
            passed = x @ phi.T
            reaching = (x * before) @ phi.T - passed * here
            if len(self.biases):
                reaching = reaching + self.biases[position]
            is_output = position == len(self.eigenvectors) - 1
            sent.append(reaching if is_output else self.activation(reaching))
            x = sent[-1] - passed
        return sent

    def blocks(self) -> dict[tuple[int, int], Tensor]:
        """Return the weights W_kl of all links, by the layers that they lead to and from.

        Returns
        -------
        dict of (int, int) to Tensor of shape (n_nodes_k, n_nodes_l)
            Layers are counted from 1, the input.
        """
        found: dict[tuple[int, int], Tensor] = {}
        for k in range(2, len(self.widths) + 1):
            phi = self.eigenvectors[k - 2]
            before, here = self.eigenvalues[k - 2], self.eigenvalues[k - 1]
            weight = phi * before - here.unsqueeze(1) * phi
            found[k, k - 1] = weight
            for lower in range(k - 2, 0, -1):
                weight = -weight @ self.eigenvectors[lower - 1]
                found[k, lower] = weight
        return found

    def eigenvector_matrix(self) -> Tensor:
        """Return Phi, square on all nodes."""
        ends = np.cumsum([0, *self.widths])
        like = self.eigenvectors[0]
        matrix = torch.eye(int(ends[-1]), dtype=like.dtype, device=like.device)
        for k, phi in enumerate(self.eigenvectors):
            matrix[ends[k + 1] : ends[k + 2], ends[k] : ends[k + 1]] = phi
        return matrix

    def adjacency_matrix(self) -> Tensor:
        """Return A = Phi Lambda Phi^-1, by its blocks; biases are no part of it."""
        ends = np.cumsum([0, *self.widths])
        matrix = torch.diag(torch.cat(list(self.eigenvalues)))
        for (k, lower), weight in self.blocks().items():
            matrix[ends[k - 1] : ends[k], ends[lower - 1] : ends[lower]] = weight
        return matrix

    @torch.no_grad()
    def node_scores(self, x: Tensor) -> list[Tensor]:
        """Score how far from linear in the input the output of each hidden node is.

        Parameters
        ----------
        x : Tensor of shape (n_samples, in_features)
            Data.

        Returns
        -------
        list of Tensor of shape (n_nodes,)
            For each hidden layer, the standard deviation of what least squares on the
            input leave of each node's activation, times the norm of all weights that lead
            on from it. Near zero where the node has not opened, or does what links from the
            input could do.
        """
        sent = self._pass(x)[:-1]
        return self._scores(x, sent, _linear_parts(x, sent), self.blocks())

    def _scores(
        self,
        x: Tensor,
        sent: Sequence[Tensor],
        linear_parts: Sequence[Tensor],
        blocks: Mapping[tuple[int, int], Tensor],
    ) -> list[Tensor]:
        """Score the hidden nodes by what their linear parts leave of their activations."""
        scores = []
        for layer, (values, part) in enumerate(zip(sent, linear_parts, strict=True), 2):
            onward = [w for (_, lower), w in blocks.items() if lower == layer]
            norms = torch.cat(onward).norm(dim=0)
            left = values - _with_ones(x) @ part
            scores.append(left.std(dim=0, correction=0) * norms)
        return scores

    @torch.no_grad()
    def trim(self, x: Tensor, threshold: float = 0.05) -> SkipNetwork:
        """Leave the hidden nodes that the task has opened, and the layers that have any.

        Parameters
        ----------
        x : Tensor of shape (n_samples, in_features)
            Data to score the nodes on. What removed nodes send on becomes links from the
            input and biases, by least squares.
        threshold : float, default=0.05
            Nodes stay whose score is above this share of the standard deviation of the
            output: the root of the summed variances of its numbers.

        Returns
        -------
        SkipNetwork
            An ordinary network of the nodes that stay, with links past layers.

        Raises
        ------
        TypeError
            If x is no tensor.
        ValueError
            If x has the wrong shape or fewer than two rows, or the output on it is not
            finite.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"x must be a Tensor; got {type(x).__name__}.")
        if x.ndim != 2 or x.shape[1] != self.widths[0] or len(x) < 2:
            raise ValueError(
                f"x must have at least two rows of {self.widths[0]} numbers; got the shape "
                f"{tuple(x.shape)}."
            )
        *sent, output = self._pass(x)
        if not (output.isfinite().all() and threshold >= 0):
            raise ValueError(
                "The output on x must be finite and the threshold not negative; got "
                f"threshold={threshold}. Look for NaN or infinity in x or in the weights."
            )
        bound = threshold * output.var(dim=0, correction=0).sum().sqrt()
        blocks, replaced = self.blocks(), _linear_parts(x, sent)
        scores = self._scores(x, sent, replaced, blocks)
        open_nodes = [(values > bound).nonzero()[:, 0] for values in scores]
        ends = [torch.arange(width, device=x.device) for width in self.widths]
        nodes = [ends[0], *open_nodes, ends[-1]]
        for part, stay in zip(replaced, open_nodes, strict=True):
            part[:, stay] = 0.0
        weights, biases = {}, []
        for k in range(2, len(nodes) + 1):
            bias = x.new_zeros(self.widths[k - 1])
            if len(self.biases):
                bias += self.biases[k - 2]
            from_input = blocks[k, 1].clone()
            for lower in range(2, k):
                made_up = blocks[k, lower] @ replaced[lower - 2].T
                from_input += made_up[:, :-1]
                bias += made_up[:, -1]
                weights[k, lower] = blocks[k, lower][nodes[k - 1]][:, nodes[lower - 1]]
            weights[k, 1] = from_input[nodes[k - 1]]
            biases.append(bias[nodes[k - 1]])
        return SkipNetwork(weights, biases, self.activation)


def _with_ones(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_ones(len(x), 1)], dim=1)


def _linear_parts(x: Tensor, sent: Sequence[Tensor]) -> list[Tensor]:
    """Return slopes and, last, constants of the best linear maps from x to activations."""
    # Inputs may be constant or depend on each other.
    inverse = torch.linalg.pinv(_with_ones(x).double())
    return [(inverse @ values.double()).to(values) for values in sent]


class SkipNetwork(nn.Module):
    """A feed-forward network in direct space whose links reach past layers.

    Parameters
    ----------
    weights : dict of (int, int) to Tensor of shape (n_nodes_k, n_nodes_l)
        W_kl for all layers k > l, counted from 1; layers without nodes are left out.
    biases : sequence of Tensor of shape (n_nodes_k,)
        Of all layers but the input.
    activation : torch.nn.Module
        The activation of hidden nodes.

    Attributes
    ----------
    widths : tuple of int
        Node counts, the two ends included.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SparcsNetwork
    >>> network = SparcsNetwork(4, 3, hidden_layer_sizes=(20, 10), seed=0)
    >>> network.trim(torch.randn(50, 4)).widths  # at its start it is linear
    (4, 3)
    """

    def __init__(
        self,
        weights: dict[tuple[int, int], Tensor],
        biases: Sequence[Tensor],
        activation: nn.Module,
    ) -> None:
        super().__init__()
        n_layers = len(biases) + 1
        filled = [k for k in range(2, n_layers + 1) if len(biases[k - 2])]
        layers = [1, *filled]
        self.activation = activation
        self.biases = nn.ParameterList(nn.Parameter(biases[k - 2].clone()) for k in filled)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.cat([weights[k, lower] for lower in layers[:i]], dim=1))
            for i, k in enumerate(layers)
            if i
        )
        self.widths = (weights[2, 1].shape[1], *(len(bias) for bias in self.biases))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (n_samples, n_inputs) to (n_samples, n_outputs)."""
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for weight, bias in hidden:
            x = torch.cat([x, self.activation(F.linear(x, weight, bias))], dim=1)
        return F.linear(x, *last)
