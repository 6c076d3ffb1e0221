"""The starting schemes: where eigenvalues and eigenvectors stand before training.

A scheme is a function ``(n_in, n_out, train_eigenvalues, gain, bits, dtype) -> Start``; the
last is the type of the eigenvectors. To add one, write it here and register it in
``SCHEMES``; nothing else needs to know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .parametrizations import Parametrization
from .random_bits import seed_sequence, uniform

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Start:
    """The starting values of a spectral layer: (n_in,), (n_out,) and phi, (n_out, n_in).

    Eigenvalues of several members have one axis more, in front.
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
    """Start as in the paper: phi ~ U[-0.5, 0.5], trained lambda ~ U[-0.01, 0.01]."""
    # Source: Giambagli et al., Nature Communications 12, 1330 (2021), caption of figure 2
    # and the remark before "Training non-linear multilayered neural networks".
    eigenvectors = uniform(bits, -0.5, 0.5, (n_out, n_in), dtype)
    small_in = uniform(bits, -0.01, 0.01, (n_in,))
    small_out = uniform(bits, -0.01, 0.01, (n_out,))
    if train_eigenvalues == "out":
        # "The first N_k are set to one"; in the authors' code the trained numbers are added
        # to an identity, too, and only so do the paper's figures come out. One more in both
        # sets changes no weight, so that it is the start of lambda_in = 0.
        small_in, small_out = np.ones(n_in), 1.0 + small_out
    elif train_eigenvalues == "in":
        small_out = np.zeros(n_out)
    return Start(small_in, small_out, eigenvectors)


def wide(
    n_in: int,
    n_out: int,
    train_eigenvalues: str,
    gain: float,
    bits: np.random.BitGenerator,
    dtype: DTypeLike = np.float64,
) -> Start:
    """Start with phi ~ U[-0.2, 0.2], lambda_in = 0 and lambda_out ~ U[-0.5, 0.5]."""
    # Source: the layer in the repository that the paper names, "optimised" in its words.
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
    """Start with W = phi of variance gain^2 / n_in, so that signals keep their size."""
    # Source: LeCun et al., "Efficient BackProp" (1998), section 4.6; He et al. (2015).
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
    n_members: int = 1,
    differ: bool = True,
) -> Start:
    """Draw the start of one layer; ``dtype`` is that of the eigenvectors alone.

    Several members share the eigenvectors. ``differ``: their lambda_in do, else they start
    with the same eigenvalues.
    """
    scheme = SCHEMES[init]
    start = scheme(n_in, n_out, train_eigenvalues, gain, np.random.PCG64(seed), dtype)
    if n_members == 1:
        return start
    spread = _spread(start, n_members, seed) if differ else start.eigenvalues_in
    return replace(
        start,
        eigenvalues_in=np.array(np.broadcast_to(spread, (n_members, n_in))),
        eigenvalues_out=np.tile(start.eigenvalues_out, (n_members, 1)),
    )


def draw_eigenvectors(
    start: Start,
    form: Parametrization,
    seed: int | np.random.SeedSequence,
    dtype: DTypeLike = np.float64,
) -> dict[str, Any]:
    """Return the arrays of the parametrized eigenvectors of a start, as numpy's."""
    if not form.draws_arrays:
        return form.split(start.eigenvectors, np.linalg)
    bits = np.random.PCG64(_below(seed, 1))

    def draw(bound: float, shape: tuple[int, int]) -> Array:
        return uniform(bits, -bound, bound, shape, dtype)

    return form.draw(draw, np.sqrt(3 * np.mean(np.square(start.eigenvectors))), np.linalg)


def members_differ_in(position: int, trains_eigenvectors: bool) -> bool:
    """Tell whether the members of a population start with different lambda_in in a layer.

    In all layers if only eigenvalues train, in the first if eigenvectors do too
    (benchmarks/populations/starts.py).
    """
    return position == 0 or not trains_eigenvectors


def _spread(start: Start, n_members: int, seed: int | np.random.SeedSequence) -> Array:
    """Return lambda_in of each member, which vary as much as the gaps of the start do.

    A member's follow from the seed and its number alone, not from how many there are.
    """
    lambda_in, lambda_out = start.eigenvalues_in, start.eigenvalues_out
    normal = np.stack([_normal(len(lambda_in), seed, k) for k in range(n_members)])
    fixed = lambda_out[0]
    if (lambda_out == fixed).all():  # W_ij = n_j (lambda_in_j - c) phi_ij
        return fixed + (lambda_in - fixed) * normal
    widest = max(lambda_in.max() - lambda_out.min(), lambda_out.max() - lambda_in.min())
    return lambda_in + widest / np.sqrt(3.0) * normal


def _normal(n: int, seed: int | np.random.SeedSequence, member: int) -> Array:
    """Draw numbers of about N(0, 1): sums of twelve uniform ones, as bits are the same on
    every platform only where nothing but sums is taken."""
    bits = np.random.PCG64(_below(seed, 0, member))
    total = np.full(n, -6.0)
    for numbers in uniform(bits, 0.0, 1.0, (12, n)):
        total += numbers
    return total


def _below(seed: int | np.random.SeedSequence, *path: int) -> np.random.SeedSequence:
    """Return the seed of an independent stream below one."""
    parent = seed if isinstance(seed, np.random.SeedSequence) else seed_sequence(seed)
    return seed_sequence(parent.entropy, *parent.spawn_key, *path)  # type: ignore[arg-type]


def _glorot(n_in: int, n_out: int) -> float:
    """Bound of uniform weights of variance 2 / (n_in + n_out)."""
    # Source: Glorot and Bengio (2010), equation 16; the start in Keras and scikit-learn.
    return float(np.sqrt(6.0 / (n_in + n_out)))


def _lecun(n_in: int, n_out: int) -> float:
    """Bound of uniform weights of variance 1 / n_in, as those of `scaled`."""
    return float(np.sqrt(3.0 / n_in))


WEIGHT_SCHEMES: dict[str, Callable[[int, int], float]] = {
    "glorot": _glorot,
    "scaled": _lecun,
}
"""Bounds of the uniform starting weights of networks in direct space, by name."""
