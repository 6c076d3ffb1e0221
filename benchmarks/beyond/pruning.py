"""How much of a network can go: 784-500-10 with ReLU on MNIST, with tanh on Fashion-MNIST.

    python benchmarks/beyond/pruning.py --mnist M.npz --fashion-mnist F.npz

For each data set and seed:

- the whole network, all eigenvalues and eigenvectors trained, without a penalty and with
  that of the small networks (chosen on the last 10,000 training images);
- ``post``: nodes removed from both without training, by our default and by ||W||;
- ``pre`` and ``gradual``: 95 % removed, 25 nodes left;
- rivals of 25 nodes, trained from nothing.

What is lost is the test accuracy of the whole network less that of the small one.
"""

import io
import json
import sys
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import joblib
import numpy as np
from plain import PLAIN
from results import parser, save, set_threads, spread
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.datasets import load_fashion_mnist, load_mnist
from sklearn_spectral.pruning import SpectralPruner, prune_nodes

NODES, LEFT, EPOCHS, FIRST_EPOCHS = 500, 25, 60, 10
SETS = {
    "mnist": (load_mnist, "relu", 30.0),
    "fashion_mnist": (load_fashion_mnist, "tanh", 30.0),
}
FRACTIONS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)
RANKINGS = {
    "default": {},
    "||W||, means": {"node_score": "weight", "compensation": "mean"},
    "||W||, compensated": {"node_score": "weight"},
    "variance, means": {"node_score": "variance", "compensation": "mean"},
}


def networks(activation, alpha, seed):
    """Return the estimators by name: whole ones, pruners and rivals."""
    whole = SpectralClassifier(
        NODES,
        activation=activation,
        train_eigenvalues="out",
        random_state=seed,
        **{**PLAIN, "train_eigenvectors": True, "max_iter": EPOCHS},
    )
    bound = clone(whole).set_params(alpha=alpha, alpha_eigenvectors=alpha)
    settings = {"n_nodes": LEFT, "pretrain_iter": FIRST_EPOCHS}
    perceptron = {"max_iter": EPOCHS, "random_state": seed}
    return {
        "whole": whole,
        "whole, penalty": bound,
        "pre": SpectralPruner(whole, strategy="pre", **settings),
        "pre, penalty": SpectralPruner(bound, strategy="pre", **settings),
        "pre by eigenvalues, penalty": SpectralPruner(
            bound, strategy="pre", node_score="eigenvalue", **settings
        ),
        "gradual, penalty": SpectralPruner(bound, strategy="gradual", **settings),
        "25 from nothing": clone(whole).set_params(hidden_layer_sizes=LEFT),
        "25 from nothing, penalty": clone(bound).set_params(hidden_layer_sizes=LEFT),
        "25 from nothing, direct space": DirectClassifier(
            LEFT, activation=activation, standardize=False, **perceptron
        ),
        "25 from nothing, MLPClassifier": MLPClassifier(
            LEFT, activation=activation, **perceptron
        ),
    }


def run(name, path, seed, estimator_name):
    """Fit one of them and return its row; for whole networks prune after training too."""
    warnings.simplefilter("ignore")
    set_threads(1)
    load, activation, alpha = SETS[name]
    data = load(path)
    estimator = networks(activation, alpha, seed)[estimator_name]
    start = time.perf_counter()
    estimator.fit(data.X_train, data.y_train)
    row = {
        "data": name,
        "seed": seed,
        "network": estimator_name,
        "accuracy": estimator.score(data.X_test, data.y_test),
        "seconds": time.perf_counter() - start,
    }
    if estimator_name.startswith("whole"):
        row["post"] = {
            ranking: [
                prune_nodes(
                    estimator, data.X_train[:20_000], fraction=fraction, **how
                ).score(data.X_test, data.y_test)
                for fraction in FRACTIONS
            ]
            for ranking, how in RANKINGS.items()
        }
    return row, estimator if seed == 0 else None


def size_and_time(estimator, X):
    """Return bytes of a file without the training state, and milliseconds to predict."""
    model = getattr(estimator, "estimator_", estimator)
    file = io.BytesIO()
    joblib.dump(model, file)
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        model.predict(X)
        seconds.append(time.perf_counter() - start)
    return file.getbuffer().nbytes, 1e3 * float(np.median(seconds))


def report(rows):
    """Print what the question asks."""
    for data in dict.fromkeys(row["data"] for row in rows):
        mine = [row for row in rows if row["data"] == data]
        print(f"\n{data}, 784-{NODES}-10 {SETS[data][1]}: test accuracy over seeds")
        whole = {}
        for name in dict.fromkeys(row["network"] for row in mine):
            scores = [row["accuracy"] for row in mine if row["network"] == name]
            lost = ""
            if name.startswith("whole"):
                whole[name] = scores
            else:
                lost = "   lost: " + ", ".join(
                    f"{100 * np.mean(np.subtract(reference, scores)):.2f} points of {title}"
                    for title, reference in whole.items()
                )
            print(f"  {name:<34} {spread(scores)}{lost}")
        for name in whole:
            print(f"  after training, {name}, at {FRACTIONS}:")
            for ranking in RANKINGS:
                curves = [r["post"][ranking] for r in mine if r["network"] == name]
                means = ", ".join(f"{v:.4f}" for v in np.mean(curves, axis=0))
                print(f"    {ranking:<22} {means}")


def draw(rows, path):
    """Draw accuracy against the fraction removed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    sets = list(dict.fromkeys(row["data"] for row in rows))
    figure, axes = plt.subplots(
        1, len(sets), figsize=(6 * len(sets), 4.5), layout="constrained", squeeze=False
    )
    for ax, data in zip(axes[0], sets, strict=True):
        mine = [row for row in rows if row["data"] == data]
        for ranking in RANKINGS:
            curves = [r["post"][ranking] for r in mine if r["network"] == "whole"]
            ax.plot(
                FRACTIONS, np.mean(curves, axis=0), marker=".", label=f"post: {ranking}"
            )
        for name, marker in (
            ("pre, penalty", "*"),
            ("25 from nothing, MLPClassifier", "x"),
        ):
            scores = [r["accuracy"] for r in mine if r["network"] == name]
            ax.plot(0.95, np.mean(scores), marker, color="black", label=name, markersize=9)
        ax.set(xlabel="fraction of 500 hidden nodes removed", title=data)
        top = max(row["accuracy"] for row in mine)
        ax.set_ylim(top - 0.25, top + 0.01)
        ax.grid(alpha=0.3)
    axes[0, 0].set_ylabel("test accuracy")
    axes[0, 0].legend(fontsize=8, loc="lower left")
    figure.savefig(path, dpi=110)


def main():
    """Run everything, print it, save it."""
    arguments = parser(__doc__, mnist=True)
    arguments.add_argument(
        "--networks", nargs="+", help="only these; rows of others stay as they were saved"
    )
    options = arguments.parse_args()
    paths = {name: getattr(options, name) for name in SETS if getattr(options, name)}
    tasks = [
        (name, path, seed, network)
        for name, path in paths.items()
        for seed in range(options.seeds)
        for network in options.networks or networks("relu", 0.0, 0)
    ]
    done = joblib.Parallel(n_jobs=options.jobs, verbose=5, return_as="generator")(
        joblib.delayed(run)(*task) for task in tasks
    )
    rows, fitted = [], {}
    for row, estimator in done:
        rows.append(row)
        if estimator is not None:
            fitted[row["data"], row["network"]] = estimator
    measured = list(rows)
    if options.networks:
        before = json.loads((options.out / "pruning.json").read_text())["rows"]
        rows += [row for row in before if row["network"] not in options.networks]
    names = list(networks("relu", 0.0, 0))
    rows.sort(
        key=lambda r: (list(SETS).index(r["data"]), r["seed"], names.index(r["network"]))
    )
    set_threads(1)
    for row in measured:
        if row["seed"] == 0:
            X = SETS[row["data"]][0](paths[row["data"]]).X_test
            estimator = fitted[row["data"], row["network"]]
            row["bytes"], row["predict_ms"] = size_and_time(estimator, X)
    report(rows)
    print("\nfile and time to predict 10,000 rows, one thread, seed 0")
    for row in rows:
        if "bytes" in row:
            print(
                f"  {row['data']:<14} {row['network']:<34} {row['bytes']:>10,} bytes "
                f"{row['predict_ms']:>8.2f} ms"
            )
    save(rows, options, "pruning")
    draw(rows, options.out / "pruning.png")


if __name__ == "__main__":
    main()
