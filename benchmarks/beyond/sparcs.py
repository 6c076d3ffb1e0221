"""Does SPARCS find the depth and width that a task needs, and what does a step cost?

    python benchmarks/beyond/sparcs.py

Three tasks on 8 Gaussian inputs: a linear map; a product of two inputs; a teacher of two
hidden tanh layers of four nodes. `SparcsNetwork` of 8-20-20-1 with an L2 penalty on all
that trains, trimmed at 1 % of the output's spread, beside a spectral network of the same
widths that is pruned to what it needs by `SpectralPruner` (R^2 may fall by 0.005).
The error is 1 - R^2 on held-out samples. The step is timed at 784-500-500-10, batch 200.
"""

import sys
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import joblib
import numpy as np
import torch
from plain import PLAIN
from results import parser, save, set_threads
from sklearn.metrics import r2_score
from torch import nn

from sklearn_spectral import SpectralRegressor
from sklearn_spectral.nn import SparcsNetwork, SpectralNetwork
from sklearn_spectral.pruning import SpectralPruner

HIDDEN, SAMPLES, STEPS, RATE, PENALTY = (20, 20), 2000, 6000, 0.01, 1e-4


def linear(X, rng):
    """Return a linear map."""
    return X @ rng.normal(size=X.shape[1])


def product(X, rng):
    """Return a product of two inputs."""
    return X[:, 0] * X[:, 1]


def two_layers(X, rng):
    """Return the output of a teacher with two hidden layers."""
    first, second = rng.normal(size=(8, 4)), 2 * rng.normal(size=(4, 4))
    return np.tanh(np.tanh(X @ first) @ second) @ rng.choice([-1.0, 1.0], 4)


TASKS = {"linear": linear, "product": product, "two layers of four": two_layers}


def train_sparcs(X, y, seed):
    """Return a trained network: Adam on batches, the rate falling to zero."""
    network = SparcsNetwork(X.shape[1], 1, HIDDEN, seed=seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    X, y = torch.from_numpy(X).float(), torch.from_numpy(y).float().unsqueeze(1)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        rows = torch.randint(len(X), (200,), generator=generator)
        optimizer.zero_grad()
        penalty = sum(p.square().sum() for p in network.parameters())
        loss = nn.functional.mse_loss(network(X[rows]), y[rows]) + PENALTY * penalty
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


def run(task, seed):
    """Return widths and errors of both."""
    warnings.simplefilter("ignore")
    set_threads(1)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * SAMPLES, 8))
    y = TASKS[task](X, rng)
    y = (y - y.mean()) / y.std()
    X_train, y_train, X_test, y_test = X[:SAMPLES], y[:SAMPLES], X[SAMPLES:], y[SAMPLES:]
    network = train_sparcs(X_train, y_train, seed)
    inputs = torch.from_numpy(X).float()
    trimmed = network.trim(inputs[:SAMPLES], threshold=0.01)

    def error(module):
        with torch.no_grad():
            return 1 - r2_score(y_test, module(inputs[SAMPLES:])[:, 0].numpy())

    rival = SpectralPruner(
        SpectralRegressor(
            HIDDEN,
            activation="tanh",
            random_state=seed,
            **{**PLAIN, "train_eigenvectors": True, "max_iter": 300},
        ),
        max_score_loss=0.005,
        scope="global",
        random_state=seed,
    ).fit(X_train, y_train)
    return {
        "task": task,
        "seed": seed,
        "widths": trimmed.widths,
        "error": float(error(trimmed)),
        "error before trimming": float(error(network)),
        "pruned widths": (8, *rival.n_nodes_, 1),
        "pruned error": 1 - rival.score(X_test, y_test),
    }


def milliseconds_per_step(network, n_steps=50):
    """Return the median time of a step of a module, forwards and backwards."""
    x, y = torch.randn(200, 784), torch.randint(10, (200,))
    seconds = []
    for _ in range(n_steps):
        start = time.perf_counter()
        network.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        seconds.append(time.perf_counter() - start)
    return 1e3 * float(np.median(seconds))


def main():
    """Run all tasks, time a step, print and save."""
    options = parser(__doc__).parse_args()
    rows = joblib.Parallel(n_jobs=options.jobs)(
        joblib.delayed(run)(task, seed) for task in TASKS for seed in range(options.seeds)
    )
    for row in rows:
        print(
            f"{row['task']:<20} SPARCS {'-'.join(map(str, row['widths'])):<12} error "
            f"{row['error']:.4f} (before trimming {row['error before trimming']:.4f})   "
            f"pruned {'-'.join(map(str, row['pruned widths'])):<12} error "
            f"{row['pruned error']:.4f}",
            flush=True,
        )
    set_threads(1)
    settings = {"activation": "tanh", "train_eigenvectors": True, "seed": 0}
    plain = SpectralNetwork(784, 10, (500, 500), **settings)
    steps = {
        "SpectralNetwork": milliseconds_per_step(plain),
        "SparcsNetwork": milliseconds_per_step(SparcsNetwork(784, 10, (500, 500), seed=0)),
    }
    ratio = steps["SparcsNetwork"] / steps["SpectralNetwork"]
    print(f"a step of 784-500-500-10: {steps} ms, ratio {ratio:.2f}")
    save([*rows, {"milliseconds per step": steps, "ratio": ratio}], options, "sparcs")


if __name__ == "__main__":
    main()
