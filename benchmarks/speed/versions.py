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
BESIDES = {
    "10 epochs, early stopping": {"max_iter": 10, "early_stopping": True},
    "1 epoch": {"linear_expansion": None, "max_iter": 1},
}
"""Fits of the digits that small.py does not time."""


def questions(mnist):
    """Return what is timed, by name: functions without arguments."""
    import harness
    import predict
    import rivals
    import small
    import training
    from plain import PLAIN
    from sklearn.datasets import load_digits

    from sklearn_spectral import SpectralClassifier

    warnings.simplefilter("ignore")
    X, y, X_test, _ = harness.load_mnist(mnist)
    digits = load_digits(return_X_y=True)
    digits = ((digits[0] / 16).astype("float32"), digits[1])

    # Of an earlier version, those that it has.
    known = SpectralClassifier().get_params().keys() & PLAIN.keys()
    plain = {name: PLAIN[name] for name in known} | rivals.NEVER

    def fit(data, repeats=1, **parameters):
        for _ in range(repeats):
            model = SpectralClassifier(random_state=0, **{**plain, **parameters})
            model.fit(*data)
        return model

    def call(model, rows, repeats):
        for _ in range(repeats):
            model.predict(rows)

    asked = {}
    by_name = {
        name: {"hidden_layer_sizes": hidden, "linear_expansion": width}
        for name, (hidden, width) in training.EXPANDED.items()
    }
    by_name["784-120-10, eigenvectors too"] = {
        "hidden_layer_sizes": 120,
        "train_eigenvectors": True,
    }
    for name, parameters in by_name.items():
        settings = {"batch_size": 500, "max_iter": 2, **parameters}
        asked[f"fit, {name}"] = partial(fit, (X, y), **settings)
    for name, parameters in {**small.OURS, **BESIDES}.items():
        settings = {"max_iter": 100, **parameters}
        repeats = 100 // settings["max_iter"]
        asked[f"digits, {name}"] = partial(fit, digits, repeats, **settings)
    for name, parameters in predict.NETWORKS.items():
        model = fit((X[:5000], y[:5000]), max_iter=2, **parameters)
        asked[f"predict, {name}"] = partial(call, model, X_test, 20)
        asked[f"predict one row, {name}"] = partial(call, model, X_test[:1], 2000)
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
