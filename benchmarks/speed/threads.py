"""From which size of its largest product on a step is faster in two threads than in one.

    python benchmarks/speed/threads.py

Made data in float32; microseconds of a step, medians of three rounds in turn.
`sklearn_spectral.training.threads.FEW_MULTIPLICATIONS` is chosen by it.
"""

import statistics
import sys
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
import torch
from plain import PLAIN

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.training import threads

BATCHES, ROUNDS = 8, 3
POINTS = [  # features, width, members, rows of a batch, whether eigenvectors train, linear
    (64, 100, 1, 200, False, None),
    (64, 100, 1, 200, True, None),
    (20, 100, 8, 64, True, None),
    (64, 100, 1, 200, False, 300),
    (20, 100, 16, 64, True, None),
    (20, 100, 8, 200, True, None),
    (100, 200, 1, 200, True, None),
    (50, 100, 8, 100, True, None),
    (64, 100, 8, 100, True, None),
    (200, 200, 1, 200, True, None),
    (64, 100, 8, 200, True, None),
    (784, 120, 1, 200, True, None),
]


def measure(n_in, width, n_members, batch, eigenvectors, linear):
    """Return the largest product, and the microseconds of a step by number of threads."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((BATCHES * batch, n_in), np.float32)
    y = rng.integers(0, 10, len(X))
    model = SpectralClassifier(
        width,
        batch_size=batch,
        random_state=0,
        **{
            **PLAIN,
            "tol": 0.0,
            "n_iter_no_change": 10**6,
            "n_members": n_members,
            "train_eigenvectors": eigenvectors,
            "linear_expansion": linear,
        },
    )

    def seconds(n_epochs):
        start = time.perf_counter()
        model.set_params(max_iter=n_epochs).fit(X, y)
        return time.perf_counter() - start

    n_epochs, taken = 10, {1: [], 2: []}
    for _ in range(ROUNDS):
        for number, found in taken.items():
            torch.set_num_threads(number)
            found.append((seconds(2 + n_epochs) - seconds(2)) / n_epochs / BATCHES)
    largest = max(plan.largest_product(n_members) for plan in model.telescope_plan_)
    return largest, {n: 1e6 * statistics.median(found) for n, found in taken.items()}


def main():
    """Measure all points with the choice by size turned off."""
    warnings.simplefilter("ignore")
    threads.FEW_MULTIPLICATIONS = -1
    for point in POINTS:
        largest, taken = measure(*point)
        print(
            f"{point!s:<40} largest product {largest / 1e6:6.2f} million   "
            f"one thread {taken[1]:6.0f} us   two {taken[2]:6.0f} us   "
            f"one / two {taken[1] / taken[2]:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
