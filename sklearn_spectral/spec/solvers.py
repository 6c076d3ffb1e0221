"""The solvers: a row each, which is all that the rest of the package knows of them.

With a row in ``SOLVERS`` a solver is a value of ``solver``, has automatic rates and
checkpoints, and goes on from a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True)
class Solver:
    """What a fit, a model file and a checkpoint need to know of one solver."""

    optimizer: str
    """Its class in ``torch.optim``; empty for scipy's L-BFGS-B."""

    rate: float
    """Automatic peak of the one-cycle schedule where single weights train."""

    far_rate: float
    """The same where what trains are few numbers, each of which scales many weights."""

    arrays: tuple[str, ...] = ()
    """Torch's names of its state arrays, each as long as what trains."""

    scalars: tuple[str, ...] = ("step",)
    """Torch's names of its state scalars."""

    far_rate_brier: float | None = None
    """Instead of ``far_rate`` for the Brier loss of a spectral network, if not None."""

    by_batches: bool = True
    """Whether it takes a step per batch, and not all data at once."""

    cycles_beta: bool = True
    """Whether the one-cycle schedule moves beta_1."""

    takes_momentum: bool = False
    """Whether the parameter ``momentum`` is its (Nesterov's) momentum."""

    clips: bool = False
    """Whether too long gradients are cut at the automatic rate."""

    is_fused: bool = False
    """Whether torch has a kernel that passes over memory once."""


# The rates are by benchmarks/starts.py, those of SGD by benchmarks/defaults/solvers.py. For
# eigenvectors the lower ones: their entries are smaller by the root of the layer's width.
SOLVERS: dict[str, Solver] = {
    "adamax": Solver("Adamax", 0.03, 0.3, ("exp_avg", "exp_inf")),
    "adam": Solver("Adam", 0.01, 0.1, ("exp_avg", "exp_avg_sq"), is_fused=True),
    "sgd": Solver(
        "SGD",
        0.1,
        0.5,
        ("momentum_buffer",),
        scalars=(),
        # A higher rate saturates the probabilities; this loss then has no gradient.
        far_rate_brier=0.2,
        cycles_beta=False,
        takes_momentum=True,
        clips=True,
        is_fused=True,
    ),
    "lbfgs": Solver("", 1.0, 1.0, scalars=(), by_batches=False),
}


def check_solver_state(
    solver: str, state: Mapping[str, Any], n_trained: int, dtype: DTypeLike
) -> None:
    """Raise ValueError if a solver cannot go on from a state, which torch does not check.

    ``state`` may be empty; else it is whole, for ``n_trained`` numbers of type ``dtype``.
    """
    row = SOLVERS[solver]
    found = {name: values for name, values in state.items() if values is not None}
    right = not found or found.keys() == {*row.scalars, *row.arrays}
    for name, values in found.items():
        if not isinstance(values, np.ndarray):
            right = False
        elif name in row.scalars:
            right &= values.shape == () and values.dtype.kind == "f"
            right = right and bool(0 <= values < 2**53)
        else:
            right &= values.shape == (n_trained,) and values.dtype == dtype
    if not right:
        raise ValueError(f"the state of the solver {solver} is not that of this network")
