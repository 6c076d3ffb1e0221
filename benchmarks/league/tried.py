"""What was tried to get ahead, on held-out training images: one change at a time.

    python -m benchmarks.league.tried --mnist mnist.npz --fashion-mnist fashion_mnist.npz
    python -m benchmarks.league.tried report

The network of spectral Kronecker layers with ranks 2 and 8 that fills 4,200 trained
numbers, and changes of it, three seeds each, trained on 50,000 images and scored on the
other 10,000 of the training set. Each fit is a line of results/league/tried.csv.
"""

import os
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core per fit

import numpy as np
import torch
from sklearn.decomposition import PCA

from benchmarks.paper.store import Store
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.spec import parametrizations
from sklearn_spectral.spec.parametrizations import Parametrization
from sklearn_spectral.spec.parametrizations.base import ALL, filled_like
from sklearn_spectral.spec.parametrizations.factors import Covariance

from . import data
from .fits import SCORES, Cell, parser, paths_in, run, scores
from .methods import by_eigenvalues, filled, kronecker, make, spectral_kronecker

COUNT, RANK = 4200, (2, 8)
KEY = ["data", "variant", "seed"]
COLUMNS = [*KEY, *SCORES, "seconds"]
N_SEEDS = 3
TEACHER_EPOCHS = 10


class Bases(Parametrization):
    """A sum of four frozen matrices, each of which has eigenvalues of its own."""

    trained = ("read", "fed")
    regrown = ("bases",)
    draws_arrays = True
    is_exact = False
    for_eigenvectors = False
    n_bases = 4

    def shapes(self):
        """Return those of the eigenvalues and of the matrices."""
        n = self.n_bases
        return {
            "read": (n, self.n_in),
            "fed": (n, self.n_out),
            "bases": (n, self.n_out, self.n_in),
        }

    def split(self, matrix, linalg):
        """Refuse: no matrix is such a sum."""
        raise ValueError("A sum of few bases cannot be a given matrix.")

    def draw(self, uniform, bound, linalg):
        """Draw the matrices; the eigenvalues where layers read are of either sign."""
        size = (self.n_bases * self.n_out, self.n_in)
        bases = uniform(bound, size).reshape(self.n_bases, self.n_out, self.n_in)
        read = uniform(float(np.sqrt(3.0 / self.n_bases)), (self.n_bases, self.n_in))
        fed = filled_like(read, self.n_bases * self.n_out, 0.0)
        return {"read": read, "fed": fed.reshape(self.n_bases, -1), "bases": bases}

    def matrix(self, arrays, rows=ALL):
        """Return the sum of (read - fed) times each."""
        gaps = arrays.read[:, None, :] - arrays.fed[:, rows, None]
        return (gaps * arrays.bases[:, rows]).sum(0)


class LearnedCovariance(Covariance):
    """Random rows of a learned covariance, as eigenvectors."""

    for_eigenvectors = True


def register() -> None:
    """Make both known; each process needs that."""
    # By the module: another process gets a copy of what this file names.
    known = parametrizations.PARAMETRIZATIONS
    known.setdefault("bases", Bases)
    known.setdefault("learned_covariance", LearnedCovariance)


def base(**more: Any):
    """Return a template: the network, with what is given instead."""

    def template(k, count, n_in, n_classes):
        params = spectral_kronecker(*RANK)(k, count, n_in, n_classes)
        return params and {**params, **more}

    return template


def deeper(k, count, n_in, n_classes):
    """Two hidden layers."""
    params = spectral_kronecker(1, 2, 8)(k, count, n_in, n_classes)
    return params and {**params, "hidden_layer_sizes": (k * k, k * k)}


def expanded(k, count, n_in, n_classes):
    """A linear layer of as many nodes before the hidden one."""
    params = spectral_kronecker(1, 1, 8)(k, count, n_in, n_classes)
    return params and {**params, "linear_expansion": ((k * k,), ())}


def of_bases(k, count, n_in, n_classes):
    """Four frozen matrices with eigenvalues of their own in each layer."""
    return {"hidden_layer_sizes": (k,), "parametrization": "bases"}


def of_learned_covariance(k, count, n_in, n_classes):
    """Eigenvectors of a learned covariance of rank 3 under eigenvalues."""
    return {
        "hidden_layer_sizes": (k,),
        "linear_expansion": None,
        "train_eigenvalues": "out",
        "train_eigenvectors": "learned_covariance",
        "rank": 3,
    }


def along_the_data(k, count, n_in, n_classes):
    """Eigenvalues alone, on eigenvectors drawn with the covariance of the data."""
    params = by_eigenvalues(8, True)(k, count, n_in, n_classes)
    return {**params, "init": "covariance"}


VARIANTS: dict[str, Any] = {
    "spectral, Kronecker": base(),
    "Kronecker, biases in place of eigenvalues": kronecker(*RANK),
    "biases too": base(fit_intercept=True),
    "both sets of eigenvalues": base(train_eigenvalues="both"),
    "averaged weights": base(averaging=0.99),
    "60 epochs": base(max_iter=60),
    "batches of 200": base(batch_size=200),
    "label smoothing 0.1": base(label_smoothing=0.1),
    "Brier loss": base(loss="brier"),
    "a linear layer before the hidden one": expanded,
    "two hidden layers": deeper,
    "four members": base(n_members=4, bag_fraction=1.0),
    "four members on bags": base(n_members=4),
    "distilled from a network of all weights": base(),
    "pixels in random order": base(),
    "Kronecker, pixels in random order": kronecker(*RANK),
    "eigenvalues, last layer whole": by_eigenvalues(8, True),
    "the same along the data, whose covariance is stored": along_the_data,
    "on 4 principal components, counted": by_eigenvalues(8, True),
    "on 32 principal components, 25,088 numbers more": by_eigenvalues(8, True),
    "four bases with eigenvalues each": of_bases,
    "learned covariance under eigenvalues": of_learned_covariance,
}
"""Templates by what is changed."""

N_COMPONENTS = {
    "on 4 principal components, counted": 4,
    "on 32 principal components, 25,088 numbers more": 32,
}
"""Eigenvectors drawn with a covariance of low rank: inputs are these components then."""

# Where not 0.1; of starts along the data, which are larger, that is the best as well.
RATES = {
    "eigenvalues, last layer whole": 0.3,
    **dict.fromkeys(N_COMPONENTS, 0.3),
    "learned covariance under eigenvalues": 0.03,
}
BY_DEFAULT = 0.1


def teacher_of(X, y) -> DirectClassifier:
    """Return a network of 397,510 numbers, fitted."""
    teacher = DirectClassifier(
        500, batch_size=200, max_iter=TEACHER_EPOCHS, standardize=False, random_state=0
    )
    return teacher.fit(X, y)


def fit(cell: Cell, path: Path | None) -> Cell:
    """Fit a variant, and score it on held-out rows."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    register()
    split = data.choosing(data.load(cell["data"], path), n_rows=None)
    variant, count, stored = cell["variant"], COUNT, 0
    if variant.endswith("random order"):
        pixels = np.random.RandomState(1).permutation(split.X.shape[1])
        split = replace(split, X=split.X[:, pixels], X_scored=split.X_scored[:, pixels])
    if variant in N_COMPONENTS:
        # Rows drawn with a covariance of low rank see nothing but these components.
        pca = PCA(N_COMPONENTS[variant], random_state=0).fit(split.X)
        stored = pca.components_.size
        of_scored = pca.transform(split.X_scored)
        split = replace(split, X=pca.transform(split.X), X_scored=of_scored)
        count = COUNT - stored if variant.endswith("counted") else COUNT
    n_in = split.X.shape[1]
    params = filled(VARIANTS[variant], count, n_in, 10)
    params["learning_rate_init"] = RATES.get(variant, BY_DEFAULT)
    if params.get("init") == "covariance":
        stored = n_in * (n_in + 1) // 2
    model = make(params, "image", cell["seed"])
    start = time.perf_counter()
    if variant.startswith("distilled"):
        teacher = teacher_of(split.X, split.y)
        model = type(model).from_teacher(teacher, split.X, **model.get_params())
    else:
        model.fit(split.X, split.y)
    found = scores(model, split)
    seconds = round(time.perf_counter() - start, 2)
    return {**cell, **found, "numbers": found["numbers"] + stored, "seconds": seconds}


def report(store: Store) -> None:
    """Print a table of means over seeds."""
    table = store.read()
    for name in data.IMAGES:
        part = table[table.data == name]
        if not len(part):
            continue
        print(f"\n{name}, {part.groupby('variant').seed.nunique().min()} seeds or more\n")
        print("| | held-out accuracy | log loss | training accuracy | numbers |")
        print("|---|---|---|---|---|")
        for variant in VARIANTS:
            rows = part[part.variant == variant]
            if len(rows):
                spread = rows.accuracy.std() if len(rows) > 1 else 0.0
                print(
                    f"| {variant} | {100 * rows.accuracy.mean():.2f} ± {100 * spread:.2f} "
                    f"| {rows.log_loss.mean():.3f} "
                    f"| {100 * rows.train_accuracy.mean():.2f} "
                    f"| {int(rows.numbers.iloc[0]):,} |"
                )


def main() -> None:
    """Read the options, and fit what is missing, or report."""
    options = parser("python -m benchmarks.league.tried", __doc__, N_SEEDS).parse_args()
    store = Store(options.out / "tried.csv", COLUMNS, KEY)
    if options.what == "fit":
        register()
        paths = paths_in(options)
        wanted = [
            {"data": name, "variant": variant, "seed": seed}
            for seed in range(options.seeds)
            for variant in VARIANTS
            for name in data.IMAGES
            if paths[name] is not None
        ]
        run(fit, store, wanted, paths, options.jobs)
    report(store)


if __name__ == "__main__":
    main()
