"""The paper's definition: a network as a product of square matrices on all its nodes.

Nothing here is fast. It is what the fast forward pass is checked against, and what the
retracted network looks like as an adjacency matrix.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .linear import SpectralLinear


def cascade_matrices(layers: Sequence[SpectralLinear]) -> list[Tensor]:
    """Return the matrices A_k = Phi_k Lambda_k (2 - Phi_k) of a linear network.

    Each is square on all N = N_1 + ... + N_l nodes and the identity away from the nodes
    of its own layer.

    Parameters
    ----------
    layers : sequence of SpectralLinear
        Consecutive layers; their biases are no part of the matrices.

    Returns
    -------
    list of Tensor of shape (N, N)
        In the order in which they are applied. With the input in the first N_1 places
        of a vector of zeros, ``A_{l-1} ... A_1 n`` holds the output in its last places.
        Several members have one axis more, in front.

    References
    ----------
    Giambagli et al., Nature Communications 12, 1330 (2021), equation 2 and figure 2a.

    Examples
    --------
    >>> from sklearn_spectral.nn import SpectralLinear, cascade_matrices
    >>> matrices = cascade_matrices([SpectralLinear(4, 5), SpectralLinear(5, 2)])
    >>> [tuple(matrix.shape) for matrix in matrices]
    [(11, 11), (11, 11)]
    """
    widths = [layers[0].in_features, *(layer.out_features for layer in layers)]
    first = layers[0].eigenvectors
    matrices = []
    start = 0
    for layer in layers:
        stop = start + layer.in_features + layer.out_features
        own = slice(start, stop)
        phi = torch.eye(sum(widths), dtype=first.dtype, device=first.device)
        of_layer, identity = layer.eigenvalue_matrix(), phi.clone()
        eigenvalues = identity.repeat(*of_layer.shape[:-2], 1, 1)
        phi[own, own] = layer.eigenvector_matrix()
        eigenvalues[..., own, own] = of_layer
        matrices.append(phi @ eigenvalues @ (2 * identity - phi))
        start += layer.in_features
    return matrices


def compact_adjacency(layers: Sequence[SpectralLinear]) -> Tensor:
    """Return A_c: the product of the cascade without the nodes in between.

    Parameters
    ----------
    layers : sequence of SpectralLinear
        Consecutive layers.

    Returns
    -------
    Tensor of shape (N_1 + N_l, N_1 + N_l)
        The rows and columns of ``A_{l-1} ... A_1`` that belong to the first and to the
        last layer. Its lower-left block is the retracted weight, its diagonal the
        eigenvalues of the first layer's inputs and of the last layer's outputs. Several
        members have one axis more, in front.

    References
    ----------
    Giambagli et al., Nature Communications 12, 1330 (2021), figure 2b.

    Examples
    --------
    >>> from sklearn_spectral.nn import SpectralLinear, compact_adjacency
    >>> compact_adjacency([SpectralLinear(4, 5), SpectralLinear(5, 2)]).shape
    torch.Size([6, 6])
    """
    matrices = cascade_matrices(layers)
    product = matrices[0]
    for matrix in matrices[1:]:
        product = matrix @ product
    n_nodes = product.shape[-1]
    kept = [
        *range(layers[0].in_features),
        *range(n_nodes - layers[-1].out_features, n_nodes),
    ]
    return product[..., kept, :][..., kept]
