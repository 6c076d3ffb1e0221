"""This tree beside another one: the rows of training, small and predict, in turns.

    git worktree add /tmp/before COMMIT
    python benchmarks/speed/versions.py --mnist mnist.npz --other /tmp/before

Each tree has a process of its own, so that both are there in one run and a slow minute
counts for both. Ratios are of this tree's time to the other's.
"""

import os
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
EIGENVECTORS = {"train_eigenvectors": True}
LINEAR = {"hidden_layer_sizes": (), "linear_expansion": 1000}
DEEP = {"hidden_layer_sizes": 120, "linear_expansion": 2000}
MNIST_FITS = {
    "784-1000(linear)-10": LINEAR,
    "784-4000(linear)-10": {**LINEAR, "linear_expansion": 4000},
    "784-2000(linear)-120-10": DEEP,
    "784-120-10, eigenvectors too": {"hidden_layer_sizes": 120, **EIGENVECTORS},
}
DIGITS_FITS = {
    "eigenvalues": {"linear_expansion": None},
    "eigenvectors too": EIGENVECTORS,
    "300 linear nodes": {"linear_expansion": 300},
    "linear": {"hidden_layer_sizes": (), "linear_expansion": None},
    "10 epochs, early stopping": {"max_iter": 10, "early_stopping": True},
    "1 epoch": {"linear_expansion": None, "max_iter": 1},
}
PREDICTIONS = {
    "784-1000(linear)-10": LINEAR,
    "784-2000(linear)-120-10": DEEP,
    "784-500-500-10": {"hidden_layer_sizes": (500, 500), "linear_expansion": None},
}


def questions(mnist):
    """Return what is timed, by name: functions without arguments."""
    import harness
    from sklearn.datasets import load_digits

    from sklearn_spectral import SpectralClassifier

    warnings.simplefilter("ignore")
    X, y, X_test, _ = harness.load_mnist(mnist)
    digits = load_digits(return_X_y=True)
    digits = ((digits[0] / 16).astype("float32"), digits[1])

    def fit(data, repeats=1, **parameters):
        settings = {"random_state": 0, "tol": 0.0, "n_iter_no_change": 10**6, **parameters}
        for _ in range(repeats):
            model = SpectralClassifier(**settings).fit(*data)
        return model

    def predict(model, rows, repeats):
        for _ in range(repeats):
            model.predict(rows)

    asked = {}
    for name, parameters in MNIST_FITS.items():
        settings = {"batch_size": 500, "max_iter": 2, **parameters}
        asked[f"fit, {name}"] = partial(fit, (X, y), **settings)
    for name, parameters in DIGITS_FITS.items():
        settings = {"max_iter": 100, **parameters}
        repeats = 100 // settings["max_iter"]
        asked[f"digits, {name}"] = partial(fit, digits, repeats, **settings)
    for name, parameters in PREDICTIONS.items():
        model = fit((X[:5000], y[:5000]), max_iter=2, **parameters)
        asked[f"predict, {name}"] = partial(predict, model, X_test, 20)
        asked[f"predict one row, {name}"] = partial(predict, model, X_test[:1], 2000)
    return asked


def work(mnist, threads):
    """Time what is asked for on standard input."""
    import harness

    harness.set_threads(threads)
    asked = questions(mnist)
    print(*asked, sep="|", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        asked[line.strip()]()
        print(time.perf_counter() - start, flush=True)


class Tree:
    """A process with the package of one tree."""

    def __init__(self, path, options):
        command = [sys.executable, __file__, "--worker", "--mnist", str(options.mnist)]
        self.process = subprocess.Popen(
            [*command, "--threads", str(options.threads)],
            env={**os.environ, "PYTHONPATH": str(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.questions = self.process.stdout.readline().strip().split("|")

    def seconds(self, question):
        """Return what a question takes there."""
        print(question, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def import_seconds(path):
    """Time the import of a tree in a new process."""
    start = time.perf_counter()
    code = "import sklearn_spectral"
    environment = {**os.environ, "PYTHONPATH": str(path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return time.perf_counter() - start


def main():
    """Ask both trees everything, in turns."""
    import harness

    parser = harness.parser(__doc__)
    parser.add_argument("--other", type=Path, help="a tree to compare with")
    parser.add_argument("--only", default="", help="questions that hold this text")
    parser.add_argument("--worker", action="store_true", help="used by itself")
    options = parser.parse_args()
    if options.worker:
        work(options.mnist, options.threads)
        return
    paths = {"this tree": HERE, "the other": options.other.resolve()}
    trees = {name: Tree(path, options) for name, path in paths.items()}
    rows = []
    for question in trees["this tree"].questions:
        if options.only in question:
            turns = {n: partial(tree.seconds, question) for n, tree in trees.items()}
            seconds = harness.take_turns(turns, options.rounds, pause=0.05)
            rows.append(harness.row(question, "this tree", seconds))
    turns = {name: partial(import_seconds, path) for name, path in paths.items()}
    seconds = harness.take_turns(turns, options.rounds, pause=0.05)
    rows.append(harness.row("import", "this tree", seconds))
    harness.save(rows, options, "versions")


if __name__ == "__main__":
    main()
