"""What a user feels: small fits, the first of a process, busy machines, text, one row.

    python benchmarks/speed/felt.py [--only tiny wide ...] [--label before]

Each against MLPClassifier, or bare products in numpy, in one run. ``--label`` names the
file of figures, so that two versions can be laid beside each other:
``PYTHONPATH=other/checkout`` has it measure another one.
"""

import multiprocessing
import statistics
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import harness
import numpy as np
import rivals
import torch
from plain import PLAIN
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, make_classification
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from sklearn_spectral import SpectralClassifier

OURS, MLP = "ours", "MLPClassifier"


def seconds(function):
    """Return what a call takes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        function()
        return time.perf_counter() - start


def fits(X, y, mlp=None, **ours):
    """Return the two fits, ours with the defaults but for what is given."""
    return {
        OURS: lambda: SpectralClassifier(random_state=0, **ours).fit(X, y),
        MLP: lambda: MLPClassifier(random_state=0, **(mlp or {})).fit(X, y),
    }


def timed(contestants, rounds):
    """Time contestants in turn."""
    return harness.take_turns(
        {name: lambda f=f: seconds(f) for name, f in contestants.items()}, rounds
    )


def tiny(rounds):
    """A fit of 150 rows, and of 569."""
    for name, load in (("iris", load_iris), ("breast cancer", load_breast_cancer)):
        X, y = load(return_X_y=True)
        X = (X - X.mean(0)) / X.std(0)
        yield harness.row(f"{name}, both defaults", OURS, timed(fits(X, y), 2 * rounds))


def epochs(rounds):
    """100 epochs of the digits."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    equal = {**PLAIN, "max_iter": 100, **rivals.NEVER}
    mlp = {"max_iter": 100, **rivals.NEVER}
    for name, parameters in {
        "eigenvalues": {"linear_expansion": None},
        "eigenvectors too": {"train_eigenvectors": True},
        "300 linear nodes": {"linear_expansion": 300},
        "linear": {"hidden_layer_sizes": (), "linear_expansion": None},
    }.items():
        contestants = fits(X, y, mlp, **{**equal, **parameters})
        yield harness.row(f"digits, 100 epochs, {name}", OURS, timed(contestants, rounds))


def members(rounds):
    """16 members of 20-100-2 on 1,000 rows, stopped by rows out of bag."""
    X, y = make_classification(1000, 20, n_informative=8, random_state=0)
    contestants = fits(X, y, n_members=16, early_stopping="oob")
    yield harness.row(
        "16 members of 20-100-2, 1,000 rows", OURS, timed(contestants, rounds)
    )


FIRST = """
from sklearn.datasets import load_iris
import warnings
warnings.simplefilter("ignore")
{what}
model.fit(*load_iris(return_X_y=True))
"""


def first(rounds):
    """From a new process to a fitted iris, less what an import of scikit-learn takes."""
    statements = {
        OURS: "from sklearn_spectral import SpectralClassifier\n"
        "model = SpectralClassifier(random_state=0)",
        MLP: "from sklearn.neural_network import MLPClassifier\n"
        "model = MLPClassifier(random_state=0)",
    }
    contestants = {
        name: lambda s=s: subprocess.run(
            [sys.executable, "-c", FIRST.format(what=s)],
            check=True,
            cwd=Path(__file__).parent,  # where there is no package to find first
        )
        for name, s in statements.items()
    }
    yield harness.row(
        "from a new process to a fitted iris", OURS, timed(contestants, rounds)
    )


def text(n_rows, n_features, per_row, seed=0):
    """Return made text: words by Zipf's law, some of which tell the class, of 20."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 20, n_rows)
    chance = 1 / np.arange(1, n_features + 1) ** 0.9
    chance /= chance.sum()
    counts = generator.poisson(per_row, n_rows)
    rows = np.repeat(np.arange(n_rows), counts)
    columns = generator.choice(n_features, counts.sum(), p=chance)
    of_class = generator.random(len(columns)) < 0.2
    topical = 20 * generator.integers(0, n_features // 20, len(columns)) + y[rows]
    columns = np.where(of_class, topical, columns)
    X = sparse.csr_array(
        (np.ones(len(rows), np.float32), (rows, columns)), (n_rows, n_features)
    )
    X.sum_duplicates()
    norms = np.sqrt(X.multiply(X).sum(1))
    return sparse.csr_array(X.multiply(1 / norms[:, None]).astype(np.float32)), y


def wide(rounds):
    """Sparse rows, of which most columns are zero."""
    for name, shape, how in (
        ("text of 1,500 x 1,823", (1500, 1823, 60), {}),
        (
            "text of 3,000 x 60,000, 10 epochs",
            (3000, 60000, 100),
            {"max_iter": 10, "tol": 0.0, "n_iter_no_change": 10**6},
        ),
    ):
        X, y = text(*shape)
        ours = {**how, "early_stopping": False} if how else {}
        contestants = fits(X, y, how, **ours)
        if how:
            plain = {**PLAIN, **how}
            contestants["ours, eigenvalues, one member"] = lambda X=X, y=y, p=plain: (
                SpectralClassifier(random_state=0, **p).fit(X, y)
            )
        yield harness.row(name, OURS, timed(contestants, rounds))


LARGE = """
import resource, time, warnings
import felt
warnings.simplefilter("ignore")
X, y = felt.text(11000, 130000, 130)
size = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
import torch, skorch
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
model = {model}
model.fit(X, y)
taken = time.perf_counter() - start
grew = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(taken, 1024 * grew, size, 1024 * (before + grew))
"""


def large(rounds):
    """11,000 x 130,000, as of 20 newsgroups: seconds and memory of 3 epochs."""
    models = {
        OURS: "felt.SpectralClassifier(random_state=0, max_iter=3)",
        MLP: "felt.MLPClassifier(random_state=0, max_iter=3)",
    }
    taken, facts = {}, {}
    for name, model in models.items():
        done = subprocess.run(
            [sys.executable, "-c", LARGE.format(model=model)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent,
        )
        if done.returncode:
            print(name, "failed:", done.stderr[-300:])
            continue
        each, grew, size, peak = map(float, done.stdout.split())
        taken[name] = [each]
        facts[name] = {"grew": grew, "of CSR": grew / size, "peak": peak}
        print(f"  {name}: grew by {grew / 1e6:.0f} MB, the data are {size / 1e6:.0f} MB")
    if OURS in taken:
        yield harness.row("11,000 x 130,000 sparse, 3 epochs", OURS, taken, memory=facts)


def bare(X, model):
    """The products of what predicts, in numpy."""
    *hidden, last = zip(model.coefs_, model.intercepts_, strict=True)
    for coef, intercept in hidden:
        X = np.maximum(X @ coef + intercept, 0)
    return model.classes_[(X @ last[0] + last[1]).argmax(axis=1)]


def one_row(rounds):
    """One row, as a server predicts it: microseconds above the products."""
    digits = load_digits(return_X_y=True)
    for name, parameters in {
        "64-100-10": PLAIN,
        "64-100-10, 8 members": {"max_iter": 5},
    }.items():
        X, y = digits
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = SpectralClassifier(random_state=0, **{**parameters, "max_iter": 5})
            model.fit(X, y)
            mlp = MLPClassifier(max_iter=5, random_state=0).fit(X, y)
        row = X[:1]
        calls = {
            "predict": partial(model.predict, row),
            "predict_proba": partial(model.predict_proba, row),
            "MLPClassifier, predict": partial(mlp.predict, row),
        }
        arrays = [*model.coefs_, *model.intercepts_]
        if all(array.ndim < 3 for array in arrays) and parameters is PLAIN:
            calls["products in numpy"] = partial(bare, row, model)
        calls |= onnx_calls(model, row)
        found = {n: harness.latencies(f, 400 * rounds, 50) for n, f in calls.items()}
        median = {n: statistics.median(seconds) for n, seconds in found.items()}
        for each, value in median.items():
            print(f"  {name}, one row, {each}: {1e6 * value:.0f} us")
        yield {"question": f"one row, {name}", "ratios": {}, "seconds": median}


def onnx_calls(model, row):
    """Return what predicts by ONNX Runtime, where it is installed."""
    try:
        import onnxruntime

        from sklearn_spectral.export import to_onnx
    except ImportError:
        return {}
    session = onnxruntime.InferenceSession(
        to_onnx(model, row.astype(np.float32)).SerializeToString()
    )
    name, given = session.get_inputs()[0].name, row.astype(np.float32)
    return {"ONNX Runtime": lambda: session.run(None, {name: given})}


def spin():
    """Keep a processor busy."""
    while True:
        pass


@contextmanager
def load(number):
    """Have other processes compute in a ``with`` block."""
    others = [multiprocessing.Process(target=spin, daemon=True) for _ in range(number)]
    for other in others:
        other.start()
    time.sleep(0.5)
    yield
    for other in others:
        other.terminate()


def busy(rounds):
    """Threads: as many as there are, and one, with and without two busy processes."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    plain = {**PLAIN, "max_iter": 20, **rivals.NEVER}
    models = {
        "one member": SpectralClassifier(
            random_state=0, **{**plain, "linear_expansion": None}
        ),
        "eigenvectors too": SpectralClassifier(
            random_state=0, **{**plain, "train_eigenvectors": True}
        ),
        MLP: MLPClassifier(max_iter=20, random_state=0, **rivals.NEVER),
    }
    trained = {name: model.fit(X, y) for name, model in models.items()}
    calls = {f"fit, {name}": lambda m=m: m.fit(X, y) for name, m in models.items()}
    for name, model in trained.items():
        calls[f"predict 64 rows, {name}"] = lambda m=model: [
            m.predict(X[:64]) for _ in range(200)
        ]
    for number in (0, 2):
        with load(number):
            for name, call in calls.items():
                found = {
                    "as it comes": lambda f=call: f(),
                    "one thread": lambda f=call: in_one_thread(f),
                }
                question = f"{name}, {number} busy processes beside"
                yield harness.row(question, "as it comes", timed(found, rounds))


def in_one_thread(function):
    """Call with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        function()
    torch.set_num_threads(before)


QUESTIONS = {
    f.__name__: f for f in (tiny, epochs, members, first, wide, large, one_row, busy)
}


def main():
    """Ask all questions, or some, and save the answers."""
    parser = harness.parser(__doc__, mnist=False)
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--label", default="felt")
    options = parser.parse_args()
    if len(options.only) > 1:  # each in a process of its own: memory is as one leaves it
        arguments = [a for a in sys.argv[1:] if a not in {"--only", *options.only}]
        for name in options.only:
            command = [sys.executable, __file__, *arguments, "--only", name]
            subprocess.run(command, check=True)
        return
    harness.set_threads(options.threads)
    rows = []
    for row in QUESTIONS[options.only[0]](options.rounds):
        rows.append(row)
        harness.save(rows, options, options.label)


if __name__ == "__main__":
    main()
