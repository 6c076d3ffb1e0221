"""What an epoch of a population of 16 costs, beside one network and beside other ways.

    python benchmarks/populations/speed.py [--mnist mnist.npz] [--oob]

Float32, in one thread and in two. 20-100-2 and 60-100-10 on 2,000 rows in batches of 200;
784-120-10 on 60,000 rows in batches of 500: MNIST's, or made ones where no file is named.
Times are of whole fits, per epoch. Beside 16 members: one network; 16 fits, one after the
other; and `torch.func.vmap` over the same module with stacked eigenvalues and biases and
one set of eigenvectors, by autograd and torch's own Adamax, in a bare loop. Ratios are of
the population to each, within a round. ``--oob`` asks instead what bags, and what the
out-of-bag pass after each epoch, add to an epoch.
"""

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "speed"))

import harness
import numpy as np
import rivals
import torch
from plain import PLAIN
from torch.func import functional_call, vmap

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.nn import LogLoss, SpectralNetwork

N_MEMBERS = 16
OURS = f"{N_MEMBERS} members"
RATE = 0.03


@dataclass(frozen=True)
class Case:
    """A network, what of it trains, and its data."""

    widths: tuple[int, int, int]
    n_rows: int
    batch_size: int
    epochs: int
    trains: dict = field(default_factory=dict)

    def name(self) -> str:
        """Return what a row calls it."""
        n_in, hidden, n_out = self.widths
        what = ", ".join(f"{key}={value!r}" for key, value in self.trains.items())
        return f"{n_in}-{hidden}-{n_out}{', ' if what else ''}{what}"


SMALL = {"n_rows": 2_000, "batch_size": 200, "epochs": 20}
LARGE = {"n_rows": 60_000, "batch_size": 500, "epochs": 2}
CASES = (
    Case((20, 100, 2), **SMALL),
    Case((60, 100, 10), **SMALL),
    Case((60, 100, 10), **SMALL, trains={"train_eigenvectors": True}),
    Case((20, 100, 2), **SMALL, trains={"train_eigenvalues": "out"}),
    Case((60, 100, 10), **SMALL, trains={"train_eigenvalues": "out"}),
    Case((784, 120, 10), **LARGE),
    Case((784, 120, 10), **LARGE, trains={"train_eigenvalues": "out"}),
)


def data_of(case: Case, mnist: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of float32 and their classes."""
    n_features, _, n_classes = case.widths
    if n_features == 784 and mnist is not None:
        X, y, *_ = harness.load_mnist(mnist)
        return X, y
    rng = np.random.default_rng(0)
    X = rng.standard_normal((case.n_rows, n_features), dtype=np.float32)
    if n_features == 784:  # most pixels of MNIST are empty
        X = np.maximum(X - 0.9, 0)
    return X, (X @ rng.standard_normal((n_features, n_classes))).argmax(axis=1)


def fitted(case: Case, X: np.ndarray, y: np.ndarray, **parameters) -> float:
    """Fit one estimator; return its seconds per epoch."""
    settings = {
        **PLAIN,
        "hidden_layer_sizes": case.widths[1],
        "linear_expansion": None,
        "learning_rate": "constant",
        "learning_rate_init": RATE,
        "batch_size": case.batch_size,
        "max_iter": case.epochs,
        "tol": 0.0,
        "n_iter_no_change": np.inf,
        "device": "cpu",
        "random_state": 0,
    }
    model = SpectralClassifier(**{**settings, **case.trains, **parameters})
    return rivals.seconds_per_epoch(model, X, y, case.epochs)


def one_by_one(case: Case, X: np.ndarray, y: np.ndarray) -> float:
    """Fit as many single networks, one after the other."""
    return sum(fitted(case, X, y, random_state=seed) for seed in range(N_MEMBERS))


def vmapped(case: Case, X: np.ndarray, y: np.ndarray) -> float:
    """Train as many copies of one module by vmap, in a bare loop."""
    n_in, hidden, n_out = case.widths
    n_out = 1 if n_out == 2 else n_out
    module = SpectralNetwork(n_in, n_out, hidden, seed=0, **case.trains)
    own, shared = {}, {}
    for name, value in module.named_parameters():
        start = value.detach().clone()
        if name.endswith("eigenvalues_in"):  # or it would be taken for a constant
            start = torch.randn_like(start)
        if not value.requires_grad or ".form." in name:
            shared[name] = start.requires_grad_(value.requires_grad)
        else:
            own[name] = start.repeat(N_MEMBERS, *[1] * start.ndim).requires_grad_()
    loss = LogLoss()

    def of_member(mine, common, rows, target):
        return loss(functional_call(module, {**mine, **common}, (rows,)), target)

    losses = vmap(of_member, in_dims=(0, None, None, None))
    trained = [value for value in (own | shared).values() if value.requires_grad]
    solver = torch.optim.Adamax(trained, lr=RATE)
    X, y = torch.from_numpy(X), torch.from_numpy(y.astype(np.int64))
    start = time.perf_counter()
    for _ in range(case.epochs):
        for rows in torch.randperm(len(X)).split(case.batch_size):
            solver.zero_grad()
            losses(own, shared, X[rows], y[rows]).sum().backward()
            solver.step()
    return (time.perf_counter() - start) / case.epochs


def contestants(case: Case, X: np.ndarray, y: np.ndarray) -> dict:
    """Return what is timed, by name."""
    return {
        OURS: lambda: fitted(case, X, y, n_members=N_MEMBERS),
        "one network": lambda: fitted(case, X, y),
        f"{N_MEMBERS} fits": lambda: one_by_one(case, X, y),
        "torch.func.vmap": lambda: vmapped(case, X, y),
    }


def out_of_bag(case: Case, X: np.ndarray, y: np.ndarray) -> dict:
    """Return the same with bags, and with the pass after each epoch."""
    common = {"n_members": N_MEMBERS, "averaging": 0.98}
    bags = {**common, "bag_fraction": 7 / 8}
    return {
        "out-of-bag pass": lambda: fitted(case, X, y, **bags, early_stopping="oob"),
        "bags alone": lambda: fitted(case, X, y, **bags),
        "no bags": lambda: fitted(case, X, y, **common),
    }


def main() -> None:
    """Time all cases in one thread and in more, and save the figures."""
    parser = harness.parser(__doc__, mnist=False)
    parser.add_argument("--mnist", type=Path, help="mnist.npz; rows are made without")
    parser.add_argument("--oob", action="store_true", help="what bags and their pass add")
    parser.add_argument("--small", action="store_true", help="2,000 rows alone")
    parser.set_defaults(out=Path("benchmarks/results/populations"))
    options: argparse.Namespace = parser.parse_args()
    rows = []
    for case in CASES:
        if options.small and case.n_rows > SMALL["n_rows"]:
            continue
        X, y = data_of(case, options.mnist)
        made = case.widths[0] == 784 and options.mnist is None
        compared = (out_of_bag if options.oob else contestants)(case, X, y)
        ours = next(iter(compared))
        for n_threads in sorted({1, options.threads}):
            harness.set_threads(n_threads)
            seconds = harness.take_turns(compared, options.rounds)
            question = f"{case.name()}, threads: {n_threads}{', made rows' if made else ''}"
            rows.append(harness.row(question, ours, seconds, n_threads=n_threads))
    harness.save(rows, options, "out_of_bag" if options.oob else "speed")


if __name__ == "__main__":
    main()
