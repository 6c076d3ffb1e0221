"""Seconds until a test accuracy is reached, beside `MLPClassifier`; and when L-BFGS wins.

    python benchmarks/speed/accuracy.py --mnist mnist.npz

First question: 97.5 % on MNIST with 120 hidden nodes, eigenvectors trained, batches of 200.
`MLPClassifier` has a constant rate: it is scored after each epoch, and the seconds of
scoring do not count. Ours has a schedule that ends: its fits have ever more epochs, and the
first that gets there counts, from its start to its end.

Second question: eigenvalues alone, Adamax in batches of 500 against L-BFGS on all data: the
seconds until the training loss of 20 epochs of Adamax is reached.
"""

import sys
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import harness
import numpy as np
import rivals
from plain import PLAIN
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier

WANTED = 0.975
MOST_EPOCHS = 20
LBFGS_ITERATIONS = 150


def ours_until(data, seed):
    """Return the seconds of the shortest fit that gets there, and its epochs."""
    X, y, X_test, y_test = data
    for n_epochs in range(2, MOST_EPOCHS + 1):
        model = SpectralClassifier(
            120,
            batch_size=200,
            random_state=seed,
            **{**PLAIN, **rivals.NEVER, "train_eigenvectors": True, "max_iter": n_epochs},
        )
        seconds = rivals.seconds_per_epoch(model, X, y, 1)
        if model.score(X_test, y_test) >= WANTED:
            return seconds, n_epochs
    raise RuntimeError(f"{WANTED} was not reached in {MOST_EPOCHS} epochs.")


def perceptron_until(data, seed):
    """Return the seconds of training until it gets there, and its epochs."""
    X, y, X_test, y_test = data
    model = MLPClassifier(
        120, batch_size=200, max_iter=1, warm_start=True, random_state=seed, **rivals.NEVER
    )
    seconds = 0.0
    for n_epochs in range(1, MOST_EPOCHS + 1):
        start = time.perf_counter()
        model.fit(X, y)
        seconds += time.perf_counter() - start
        if model.score(X_test, y_test) >= WANTED:
            return seconds, n_epochs
    raise RuntimeError(f"{WANTED} was not reached in {MOST_EPOCHS} epochs.")


def until_accuracy(data, rounds):
    """Compare over as many seeds as there are rounds."""
    seconds, epochs = {"ours": [], "MLPClassifier": []}, {"ours": [], "MLPClassifier": []}
    for seed in range(rounds):
        runs = [("ours", ours_until), ("MLPClassifier", perceptron_until)]
        for name, until in runs if seed % 2 else runs[::-1]:
            taken, n_epochs = until(data, seed)
            seconds[name].append(taken)
            epochs[name].append(n_epochs)
    question = f"MNIST, 784-120-10, until {WANTED:.1%} of the test images"
    row = harness.row(question, "ours", seconds, epochs=epochs)
    print(f"  epochs: {epochs}")
    return row


def until_loss(name, X, y, parameters, rounds):
    """Compare two solvers until the loss that one reaches in 20 epochs."""
    settings = {**PLAIN, **rivals.NEVER, "random_state": 0, **parameters}
    adamax = SpectralClassifier(batch_size=min(500, len(X)), **{**settings, "max_iter": 20})
    adamax.fit(X, y)
    goal = adamax.loss_
    lbfgs = SpectralClassifier(
        solver="lbfgs", **{**settings, "max_iter": LBFGS_ITERATIONS}
    ).fit(X, y)
    reached = np.flatnonzero(np.array(lbfgs.loss_curve_) <= goal)
    n_iterations = int(reached[0]) + 1 if len(reached) else len(lbfgs.loss_curve_)
    lbfgs.set_params(max_iter=n_iterations)
    seconds = harness.take_turns(
        {
            "lbfgs": lambda: rivals.seconds_per_epoch(lbfgs, X, y, 1),
            "adamax": lambda: rivals.seconds_per_epoch(adamax, X, y, 1),
        },
        rounds,
    )
    facts = {"loss": goal, "lbfgs_loss": lbfgs.loss_, "iterations": n_iterations}
    row = harness.row(f"L-BFGS, {name}", "lbfgs", seconds, **facts)
    print(f"  {facts}")
    return row


def main():
    """Run all comparisons and save them."""
    options = harness.parser(__doc__).parse_args()
    harness.set_threads(options.threads)
    warnings.simplefilter("ignore")
    data = harness.load_mnist(options.mnist)
    rows = [until_accuracy(data, options.rounds)]
    X, y = load_digits(return_X_y=True)
    digits = (X / 16).astype(np.float32), y
    linear = {"hidden_layer_sizes": (), "linear_expansion": None}
    for name, images, parameters in (
        ("digits, linear", digits, linear),
        ("digits, 300(linear)-100", digits, {"linear_expansion": 300}),
        ("MNIST, linear", data[:2], linear),
        ("MNIST, 1000(linear)", data[:2], {**linear, "linear_expansion": 1000}),
        (
            "MNIST, 2000(linear)-120",
            data[:2],
            {"hidden_layer_sizes": 120, "linear_expansion": 2000},
        ),
    ):
        rounds = 1 if "2000" in name else min(options.rounds, 3)
        rows.append(until_loss(name, *images, parameters, rounds))
    harness.save(rows, options, "accuracy")


if __name__ == "__main__":
    main()
