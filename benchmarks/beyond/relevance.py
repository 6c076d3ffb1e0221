"""Are the inputs that matter ranked first? Beside other rankings, with the time of each.

    python benchmarks/beyond/relevance.py [--mnist mnist.npz]

Three sets with known answers, and ten seeds of each:

- linear clusters: ``make_classification(shuffle=False)``, 5 of 30 features informative;
- XOR: the sign of x0 x1 among 20 Gaussian features, where no feature alone says anything;
- two products: the sign of x0 x1 + x2 x3 among 20.

Precision at k is the share of the k planted features among the k ranked first. Ours is
``feature_importances_`` of a network of 50 nodes with ``train_eigenvalues="in"``,
eigenvectors trained and L2 penalties on both (arXiv 2406.01183): |lambda_in_j| ||phi_.j||.
"""

import sys
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import joblib
import numpy as np
from plain import PLAIN
from results import parser, save, set_threads
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.inspection import permutation_importance
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale

from sklearn_spectral import SpectralClassifier


def clusters(seed):
    """Return 1,000 samples of 30 features, the first five informative."""
    X, y = make_classification(
        1000,
        30,
        n_informative=5,
        n_redundant=0,
        n_repeated=0,
        shuffle=False,
        random_state=seed,
    )
    return scale(X), y, 5


def xor(seed):
    """Return 2,000 samples of 20 features, of which the first two matter together."""
    X = np.random.default_rng(seed).normal(size=(2000, 20))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int), 2


def products(seed):
    """Return 2,000 samples of 20 features, of which the first four matter in pairs."""
    X = np.random.default_rng(seed).normal(size=(2000, 20))
    return X, (X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] > 0).astype(int), 4


SETS = {"clusters": clusters, "XOR": xor, "two products": products}


def spectral(X, y, seed):
    """Rank by the spectral network."""
    model = SpectralClassifier(
        50,
        train_eigenvalues="in",
        alpha=5.0,
        alpha_eigenvectors=5.0,
        random_state=seed,
        **{**PLAIN, "train_eigenvectors": True},
    )
    return model.fit(X, y).feature_importances_


def spectral_defaults(X, y, seed):
    """Rank by a spectral network of which nothing is set for it."""
    return SpectralClassifier(random_state=seed, **PLAIN).fit(X, y).feature_importances_


def first_weights(X, y, seed):
    """Rank by the norm of the first weights of an ordinary network."""
    model = MLPClassifier(50, max_iter=200, random_state=seed).fit(X, y)
    return np.linalg.norm(model.coefs_[0], axis=1)


def permutation_of_forest(X, y, seed):
    """Rank by permutation importance of a random forest."""
    model = RandomForestClassifier(random_state=seed).fit(X, y)
    return permutation_importance(model, X, y, random_state=seed).importances_mean


def permutation_of_network(X, y, seed):
    """Rank by permutation importance of an ordinary network."""
    model = MLPClassifier(50, max_iter=200, random_state=seed).fit(X, y)
    return permutation_importance(model, X, y, random_state=seed).importances_mean


RANKINGS = {
    "spectral, 'in', penalties": spectral,
    "spectral, defaults": spectral_defaults,
    "MLPClassifier, norm of weights": first_weights,
    "permutation, MLPClassifier": permutation_of_network,
    "permutation, random forest": permutation_of_forest,
    "random forest": lambda X, y, seed: (
        RandomForestClassifier(random_state=seed).fit(X, y).feature_importances_
    ),
    "mutual information": lambda X, y, seed: mutual_info_classif(X, y, random_state=seed),
}


def run(data, ranking, seed):
    """Return precision at k and seconds."""
    warnings.simplefilter("ignore")
    set_threads(1)
    X, y, k = SETS[data](seed)
    start = time.perf_counter()
    importances = RANKINGS[ranking](X, y, seed)
    seconds = time.perf_counter() - start
    first = np.argsort(-importances, kind="stable")[:k]
    precision = float(np.mean(first < k))
    return {
        "data": data,
        "ranking": ranking,
        "seed": seed,
        "precision": precision,
        "seconds": seconds,
    }


def draw_map(mnist, path):
    """Draw which pixels tell the zeros of MNIST from the ones, beside their means."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    from sklearn_spectral.datasets import load_mnist
    from sklearn_spectral.inspection import RelevanceDisplay

    data = load_mnist(mnist)
    rows, test = np.isin(data.y_train, (0, 1)), np.isin(data.y_test, (0, 1))
    model = SpectralClassifier(
        20,
        train_eigenvalues="in",
        alpha=50.0,
        alpha_eigenvectors=50.0,
        random_state=0,
        **{**PLAIN, "train_eigenvectors": True, "max_iter": 20},
    ).fit(data.X_train[rows], data.y_train[rows])
    print(
        f"zeros and ones of MNIST: {model.score(data.X_test[test], data.y_test[test]):.4f}"
    )
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for digit, ax in zip((0, 1), axes, strict=False):
        ax.imshow(
            data.X_train[data.y_train == digit].mean(axis=0).reshape(28, 28), cmap="gray"
        )
        ax.set(title=f"mean {digit}", xticks=[], yticks=[])
    RelevanceDisplay.from_estimator(model, image_shape=(28, 28), ax=axes[2])
    axes[2].set_title("relevance")
    figure.savefig(path, dpi=110)


def main():
    """Run all, print a table, save it."""
    options = parser(__doc__, mnist=True, seeds=10).parse_args()
    rows = joblib.Parallel(n_jobs=options.jobs)(
        joblib.delayed(run)(data, ranking, seed)
        for data in SETS
        for ranking in RANKINGS
        for seed in range(options.seeds)
    )
    print(f"precision at k: mean (worst) over {options.seeds} seeds; median seconds")
    for ranking in RANKINGS:
        parts = []
        for data in SETS:
            mine = [r for r in rows if r["ranking"] == ranking and r["data"] == data]
            precision = [r["precision"] for r in mine]
            seconds = np.median([r["seconds"] for r in mine])
            parts.append(
                f"{data} {np.mean(precision):.2f} ({min(precision):.2f}) {seconds:5.2f} s"
            )
        print(f"  {ranking:<32} {'   '.join(parts)}")
    save(rows, options, "relevance")
    if options.mnist:
        draw_map(options.mnist, options.out / "relevance_map.png")


if __name__ == "__main__":
    main()
