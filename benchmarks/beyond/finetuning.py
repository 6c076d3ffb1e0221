"""What does fine-tuning by eigenvalues alone recover after a shift of the data?

    python benchmarks/beyond/finetuning.py --mnist M.npz --fashion-mnist F.npz

A network of 784-300-10 (ReLU) is trained by its weights on MNIST. The data then change: the
images are turned by 30 degrees, or are those of Fashion-MNIST. From the trained network

- the eigenvalues alone go on (``SpectralClassifier.from_direct``), with biases,
- the last layer alone, as in linear probing,
- all weights;

and beside these a network in which the eigenvalues train in the same way, but whose
eigenvectors are random (what the trained network is worth), and all weights from nothing.
Each with all 60,000 images of the new set and with 1,000 of them.
"""

import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import joblib
import numpy as np
from plain import PLAIN
from results import parser, save, set_threads, spread
from scipy.ndimage import rotate
from sklearn.linear_model import LogisticRegression

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.datasets import load_fashion_mnist, load_mnist

HIDDEN, DEGREES, FEW = 300, 30, 1000


def turned(X):
    """Return images turned by some degrees."""
    images = rotate(X.reshape(-1, 28, 28), DEGREES, axes=(2, 1), reshape=False, order=1)
    return images.reshape(-1, 784)


def run(shift, mnist, fashion, few, seed):
    """Return the test accuracy of each way of going on."""
    warnings.simplefilter("ignore")
    set_threads(1)
    before = load_mnist(mnist)
    after = load_fashion_mnist(fashion) if shift == "Fashion-MNIST" else before
    X, X_test = after.X_train, after.X_test
    if shift != "Fashion-MNIST":
        X, X_test = turned(X), turned(X_test)
    y, y_test = after.y_train, after.y_test
    if few:
        rows = np.random.default_rng(seed).choice(len(X), FEW, replace=False)
        X, y = X[rows], y[rows]
    n_epochs = 100 if few else 20
    settings = {"max_iter": n_epochs, "random_state": seed}
    trained = DirectClassifier(HIDDEN, max_iter=10, standardize=False, random_state=seed)
    trained.fit(before.X_train, before.y_train)

    def hidden(images):
        return np.maximum(images @ trained.coefs_[0] + trained.intercepts_[0], 0)

    ways = {
        "eigenvalues alone": SpectralClassifier.from_direct(
            trained, **{**PLAIN, **settings}
        ),
        "eigenvalues of random features": SpectralClassifier(
            HIDDEN, linear_expansion=None, **{**PLAIN, **settings}
        ),
        "all weights": SpectralClassifier.from_direct(trained).to_direct(**settings),
        "all weights, from nothing": DirectClassifier(
            HIDDEN, standardize=False, **settings
        ),
    }
    row = {
        "shift": shift,
        "images": FEW if few else len(X),
        "seed": seed,
        "accuracy": {"as it is": trained.score(X_test, y_test)},
        "trained": {"as it is": 0},
    }
    for name, model in ways.items():
        row["accuracy"][name] = model.fit(X, y).score(X_test, y_test)
        row["trained"][name] = model.n_parameters_
    readout = LogisticRegression(max_iter=200).fit(hidden(X), y)
    row["accuracy"]["last layer alone"] = readout.score(hidden(X_test), y_test)
    row["trained"]["last layer alone"] = readout.coef_.size + readout.intercept_.size
    return row


def main():
    """Run everything, print a table, save it."""
    options = parser(__doc__, mnist=True).parse_args()
    rows = joblib.Parallel(n_jobs=options.jobs)(
        joblib.delayed(run)(shift, options.mnist, options.fashion_mnist, few, seed)
        for shift in ("turned", "Fashion-MNIST")
        for few in (False, True)
        for seed in range(options.seeds)
    )
    for shift in ("turned", "Fashion-MNIST"):
        for n_images in (60_000, FEW):
            mine = [r for r in rows if r["shift"] == shift and r["images"] == n_images]
            print(f"MNIST to {shift}, {n_images:,} images")
            for name, n_trained in mine[0]["trained"].items():
                scores = spread([row["accuracy"][name] for row in mine])
                print(f"  {name:<32} {n_trained:>8,} trained   {scores}")
    save(rows, options, "finetuning")


if __name__ == "__main__":
    main()
