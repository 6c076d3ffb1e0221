"""Which start and which learning rate to make the default.

Trains by eigenvalues alone, and with eigenvectors, for each starting scheme and each
peak of the one-cycle schedule, and prints the accuracy on held-out data (mean over
seeds). The digits that scikit-learn ships are always run; MNIST if its file is given:

    python benchmarks/starts.py --mnist path/to/mnist.npz --json starts.json
"""

import argparse
import json
import platform
import sys
from pathlib import Path

import numpy as np
import sklearn
import torch
from plain import PLAIN
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_spectral import SpectralClassifier

NETWORKS = {
    "linear, expanded": {"hidden_layer_sizes": (), "linear_expansion": 1000},
    "ReLU 100, expanded": {"hidden_layer_sizes": (100,), "linear_expansion": 1000},
    "ReLU 100": {"hidden_layer_sizes": (100,), "linear_expansion": None},
    "ReLU 100, eigenvectors": {"hidden_layer_sizes": (100,), "train_eigenvectors": True},
}
RATES = (0.01, 0.03, 0.1, 0.3, 1.0)


def load(mnist):
    """Return name, epochs and the four arrays of each data set."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    yield "digits", 100, train_test_split(X, y, random_state=0, stratify=y)
    if mnist:
        with np.load(mnist) as arrays:
            X, X_test = (
                (arrays[name] / 255).astype(np.float32) for name in ("x_train", "x_test")
            )
            yield "mnist", 10, (X, X_test, arrays["y_train"], arrays["y_test"])


def main():
    """Run the grid and print a table per data set and network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, help="npz file with x_train, y_train, ...")
    parser.add_argument("--solvers", nargs="+", default=["adamax"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to save the figures")
    options = parser.parse_args()
    torch.set_num_threads(2)
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }
    print(versions)
    rows = []
    for data, n_epochs, (X, X_test, y, y_test) in load(options.mnist):
        for solver in options.solvers:
            for network, parameters in NETWORKS.items():
                print(f"\n{data}, {n_epochs} epochs, {solver}, {network}")
                print("init    " + "".join(f"{rate:>9}" for rate in RATES))
                for init in ("scaled", "wide", "paper"):
                    print(f"{init:8}", end="")
                    for rate in RATES:
                        scores = [
                            SpectralClassifier(
                                init=init,
                                solver=solver,
                                learning_rate_init=rate,
                                random_state=seed,
                                **{**PLAIN, **parameters, "max_iter": n_epochs},
                            )
                            .fit(X, y)
                            .score(X_test, y_test)
                            for seed in range(options.seeds)
                        ]
                        mean = float(np.mean(scores))
                        rows.append([data, solver, network, init, rate, mean])
                        print(f"{mean:9.4f}", end="")
                        sys.stdout.flush()
                    print()
    if options.json:
        columns = ["data", "solver", "network", "init", "rate", "accuracy"]
        options.json.write_text(
            json.dumps({"versions": versions, "columns": columns, "rows": rows}, indent=1)
        )


if __name__ == "__main__":
    main()
