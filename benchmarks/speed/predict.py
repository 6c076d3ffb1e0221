"""What prediction costs, beside the bare products of the retracted network in numpy.

    python benchmarks/speed/predict.py --mnist mnist.npz

10,000 rows of MNIST, float32, in milliseconds per call, validation included; and the peak
memory of a call beside its input, as the width of the linear expansion grows.
"""

import sys
import tracemalloc
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import harness
import numpy as np
from plain import PLAIN
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier

NETWORKS = {
    "784-1000(linear)-10": {"hidden_layer_sizes": (), "linear_expansion": 1000},
    "784-2000(linear)-120-10": {"hidden_layer_sizes": 120, "linear_expansion": 2000},
    "784-500-500-10": {"hidden_layer_sizes": (500, 500), "linear_expansion": None},
}
CALLS = 10
WIDTHS = (250, 1000, 4000)


def bare(X, coefs, intercepts):
    """Multiply, add, cut off, and take the largest."""
    *hidden, last = zip(coefs, intercepts, strict=True)
    for coef, intercept in hidden:
        X = np.maximum(X @ coef + intercept, 0)
    return (X @ last[0] + last[1]).argmax(axis=1)


def repeated(function):
    """Return a function that calls this one several times."""

    def call():
        for _ in range(CALLS):
            function()

    return call


def compare(model, X, question, rounds, **rivals):
    """Time a fitted model's predict."""
    seconds = harness.take_turns(
        {
            "ours": repeated(lambda: model.predict(X)),
            "bare products in numpy": repeated(
                lambda: bare(X, model.coefs_, model.intercepts_)
            ),
            **{name: repeated(lambda m=m: m.predict(X)) for name, m in rivals.items()},
        },
        rounds,
    )
    seconds = {name: [s / CALLS for s in values] for name, values in seconds.items()}
    return harness.row(f"{question}, {len(X):,} rows", "ours", seconds)


def peak(model, X):
    """Return the most bytes that a call of predict holds beside its input."""
    model.predict(X[:1])
    tracemalloc.start()
    model.predict(X)
    result = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result


def main():
    """Run all comparisons and save them."""
    options = harness.parser(__doc__).parse_args()
    harness.set_threads(options.threads)
    X, y, X_test, _ = harness.load_mnist(options.mnist)
    X, y = X[:5000], y[:5000]
    warnings.simplefilter("ignore")
    rows = []
    for question, parameters in NETWORKS.items():
        model = SpectralClassifier(
            random_state=0, **{**PLAIN, "max_iter": 2, **parameters}
        ).fit(X, y)
        rivals = {}
        if question == "784-500-500-10":
            rivals["MLPClassifier"] = MLPClassifier((500, 500), max_iter=2).fit(X, y)
        rows.append(compare(model, X_test, question, options.rounds, **rivals))
    print("784-N2(linear)-120-10, peak memory of predict on 10,000 rows:")
    memory = {}
    for width in WIDTHS:
        model = SpectralClassifier(
            120, linear_expansion=width, random_state=0, **{**PLAIN, "max_iter": 1}
        ).fit(X, y)
        memory[width] = peak(model, X_test)
        print(f"  N2 = {width:>5}: {memory[width] / 1e6:.2f} MB", flush=True)
    rows.append({"question": "peak bytes by N2", "ratios": {}, "bytes": memory})
    harness.save(rows, options, "predict")


if __name__ == "__main__":
    main()
