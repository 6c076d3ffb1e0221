"""The starting schemes: where eigenvalues and eigenvectors stand before training.

A scheme is a function ``(n_in, n_out, train_eigenvalues, gain, bits, dtype) -> Start``; the
last is the type of the eigenvectors. To add one, write it here and register it in
``SCHEMES``; nothing else needs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .random_bits import seed_sequence, subset, uniform

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Start:
    """The starting values of one spectral layer.

    Parameters
    ----------
    eigenvalues_in : ndarray of shape (n_in,)
        Eigenvalues of the nodes that the layer reads.
    eigenvalues_out : ndarray of shape (n_out,)
        Eigenvalues of the nodes that the layer feeds.
    eigenvectors : ndarray of shape (n_out, n_in)
        The sub-diagonal block phi of the eigenvector matrix.
    """

    eigenvalues_in: Array
    eigenvalues_out: Array
    eigenvectors: Array


Scheme: TypeAlias = Callable[
    [int, int, str, float, np.random.BitGenerator, DTypeLike], Start
]


def paper(
    n_in: int,
    n_out: int,
    train_eigenvalues: str,
    gain: float,
    bits: np.random.BitGenerator,
    dtype: DTypeLike = np.float64,
) -> Start:
    """Start as in the paper: phi ~ U[-0.5, 0.5], trained lambda ~ U[-0.01, 0.01].

    Where only ``out`` trains, the eigenvalues of the input are one ("the first N_k are
    set to one") and those of the output start at one plus U[-0.01, 0.01]: in the authors'
    code the trained numbers are added to an identity, and only with that start do the
    paper's figures come out. Adding one to all eigenvalues of a layer leaves its weights
    as they are, so that the start is that of lambda_in = 0. Where only ``in`` trains, the
    output's eigenvalues are zero. ``gain`` is not used.

    Source: Giambagli et al., Nature Communications 12, 1330 (2021), caption of figure 2
    and the algorithmic remark before "Training non-linear multilayered neural networks";
    the repository that it names, for the identity.
    """
    eigenvectors = uniform(bits, -0.5, 0.5, (n_out, n_in), dtype)
    small_in = uniform(bits, -0.01, 0.01, (n_in,))
    small_out = uniform(bits, -0.01, 0.01, (n_out,))
    if train_eigenvalues == "out":
        small_in, small_out = np.ones(n_in), 1.0 + small_out
    elif train_eigenvalues == "in":
        small_out = np.zeros(n_out)
    return Start(
        eigenvalues_in=small_in, eigenvalues_out=small_out, eigenvectors=eigenvectors
    )


def wide(
    n_in: int,
    n_out: int,
    train_eigenvalues: str,
    gain: float,
    bits: np.random.BitGenerator,
    dtype: DTypeLike = np.float64,
) -> Start:
    """Start with phi ~ U[-0.2, 0.2], lambda_in = 0 and lambda_out ~ U[-0.5, 0.5].

    Eigenvalues as wide as the eigenvectors instead of fifty times smaller. Where only
    ``in`` trains, the output's eigenvalues stay at their draw. ``gain`` is not used.

    Source: the start of the layer in the repository that the paper names, "optimised" in
    its words; the paper itself calls the choice of ranges "an open problem" (caption of
    figure 2).
    """
    eigenvectors = uniform(bits, -0.2, 0.2, (n_out, n_in), dtype)
    return Start(
        eigenvalues_in=np.zeros(n_in),
        eigenvalues_out=uniform(bits, -0.5, 0.5, (n_out,)),
        eigenvectors=eigenvectors,
    )


def scaled(
    n_in: int,
    n_out: int,
    train_eigenvalues: str,
    gain: float,
    bits: np.random.BitGenerator,
    dtype: DTypeLike = np.float64,
) -> Start:
    """Start with W = phi of variance gain^2 / n_in: lambda_in = 1 and lambda_out = 0.

    Signals keep their size through any number of layers, which is what lets a deep
    linear expansion train.

    Source: the variance rule of LeCun et al., "Efficient BackProp" (1998), section 4.6,
    and He et al. (2015), equation 10, carried over to the spectral layer, where
    W = (lambda_in - lambda_out) * phi.
    """
    bound = gain * np.sqrt(3.0 / n_in)
    return Start(
        eigenvalues_in=np.ones(n_in),
        eigenvalues_out=np.zeros(n_out),
        eigenvectors=uniform(bits, -bound, bound, (n_out, n_in), dtype),
    )


SCHEMES: dict[str, Scheme] = {"paper": paper, "wide": wide, "scaled": scaled}
"""The registered starting schemes by name."""


def draw_start(
    n_in: int,
    n_out: int,
    train_eigenvalues: str,
    init: str,
    seed: int | np.random.SeedSequence,
    gain: float = 1.0,
    dtype: DTypeLike = np.float64,
) -> Start:
    """Draw the start of one layer from its seed.

    Parameters
    ----------
    n_in, n_out : int
        Widths of the layer.
    train_eigenvalues : {"both", "out", "in"}
        Which sets of it train.
    init : str
        The scheme, a key of ``SCHEMES``.
    seed : int or numpy.random.SeedSequence
        The same start comes of it on every platform.
    gain : float, default=1.0
        Scale of the weights, for the schemes that use one.
    dtype : numpy dtype, default=float64
        Type of the eigenvectors.

    Returns
    -------
    Start
        The values; the eigenvalues are float64.
    """
    scheme = SCHEMES[init]
    return scheme(n_in, n_out, train_eigenvalues, gain, np.random.PCG64(seed), dtype)


def _glorot(n_in: int, n_out: int) -> float:
    """Bound of uniform weights of variance 2 / (n_in + n_out).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward
    neural networks" (2010), equation 16; the usual start in Keras and in scikit-learn.
    """
    return float(np.sqrt(6.0 / (n_in + n_out)))


def _lecun(n_in: int, n_out: int) -> float:
    """Bound of uniform weights of variance 1 / n_in, as those of `scaled`."""
    return float(np.sqrt(3.0 / n_in))


WEIGHT_SCHEMES: dict[str, Callable[[int, int], float]] = {
    "glorot": _glorot,
    "scaled": _lecun,
}
"""Bounds of the uniform starting weights of networks in direct space, by name."""

TRAINED_WEIGHTS = ("weights", "subset", "gains", "readout", "low_rank", "singular_values")
"""What of a network in direct space can train."""


def choose_weights(
    shapes: Sequence[tuple[int, int]], n_weights: int | None, seed: int
) -> list[NDArray[np.int64]]:
    """Draw which weights train, of those of all layers, for ``train="subset"``.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Shape of the weight of each layer.
    n_weights : int or None
        How many train.
    seed : int
        That of the network.

    Returns
    -------
    list of ndarray of int64
        For each layer, which entries of its flattened weight.

    Raises
    ------
    ValueError
        If ``n_weights`` is missing or there are not as many.
    """
    sizes = [n_out * n_in for n_out, n_in in shapes]
    if n_weights is None or not 1 <= n_weights <= sum(sizes):
        raise ValueError(
            "train='subset' needs n_weights, the number of trained weights, between 1 and "
            f"{sum(sizes)}, which is how many this network has; got {n_weights}."
        )
    chosen = subset(np.random.PCG64(seed_sequence(seed, 2)), sum(sizes), n_weights)
    ends = np.cumsum(sizes)
    parts = np.split(chosen, np.searchsorted(chosen, ends)[:-1])
    return [part - first for part, first in zip(parts, ends - sizes, strict=True)]
