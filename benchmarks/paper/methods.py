"""The ways to train a network: the paper's four, other readings of it, and ours."""

from __future__ import annotations

import hashlib

import numpy as np
from cells import N3, Cell

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier

PAPER = {
    "fit_intercept": False,
    "standardize": False,
    "solver": "adamax",
    "learning_rate": "constant",
    "batch_size": 500,
    "max_iter": 20,
    "early_stopping": False,
    "n_iter_no_change": np.inf,
}
"""What the paper says of training: Adamax, batches of 300 to 800, 20 epochs, no bias."""

PAPER_RATES = {"perceptron": 0.03, "linear": 0.03, "non-linear": 0.01}

SINGLE = {
    "n_members": 1,
    "train_eigenvectors": False,
    "standardize": False,
    "averaging": 0.0,
}
"""One network, in which eigenvalues alone train; its last weights are used."""

OURS = {
    **SINGLE,
    "fit_intercept": True,
    "solver": "adamax",
    "learning_rate": "one_cycle",
    "batch_size": 500,
    "max_iter": 20,
    "early_stopping": False,
    "n_iter_no_change": np.inf,
}
"""The paper's epochs, with biases and a one-cycle rate; what is chosen goes first."""

PREFIX = "ours, "
"""What the names of our methods begin with; what trains comes after it."""

OUT = {"train_eigenvalues": "out", "fit_intercept": False}

FOUR, EIGHT = ({"n_members": n, "bag_fraction": 1.0} for n in (4, 8))
"""Populations, whose members see all rows: the output is the mean of theirs."""

# Chosen on the last 10,000 of the shuffled training images, never on the test images;
# settings.py has the choices that were tried and what they gave.
CHOSEN = {
    ("mnist", "wide", "both sets"): {
        "init": "sqrt_covariance",
        "learning_rate_init": 0.1,
        **EIGHT,
        "max_iter": 60,
        "averaging": 0.99,
    },
    ("mnist", "wide", "out"): {"init": "sqrt_covariance", "learning_rate_init": 0.1},
    ("mnist", "wide", "eigenvectors"): {"init": "scaled", "learning_rate_init": 0.003},
    ("mnist", "deep", "both sets"): {"init": "sqrt_covariance", "learning_rate_init": 0.02},
    ("mnist", "deep", "out"): {"init": "sqrt_covariance", "learning_rate_init": 0.05},
    ("mnist", "deep", "eigenvectors"): {"init": "scaled", "learning_rate_init": 0.003},
    ("mnist", "non-linear", "both sets"): {
        "init": "covariance",
        "learning_rate_init": 0.1,
    },
    ("mnist", "non-linear", "out"): {"init": "covariance", "learning_rate_init": 0.1},
    ("mnist", "non-linear", "eigenvectors"): {
        "init": "scaled",
        "learning_rate_init": 0.01,
        "batch_size": 200,
        **FOUR,
    },
    ("fashion_mnist", "non-linear", "both sets"): {
        "init": "sqrt_covariance",
        "learning_rate_init": 0.05,
        "loss": "brier",
        "batch_size": 200,
        **FOUR,
    },
    ("fashion_mnist", "non-linear", "eigenvectors"): {
        "init": "scaled",
        "learning_rate_init": 0.01,
        **EIGHT,
        "averaging": 0.99,
    },
}


def architecture(cell: Cell) -> dict[str, object]:
    """Return the parameters that describe the network."""
    hidden = (N3[cell.data],) if cell.family == "non-linear" else ()
    return {"hidden_layer_sizes": hidden, "linear_expansion": cell.widths or None}


def n_eigenvalues(cell: Cell) -> int:
    """Count the eigenvalues that the paper trains, which is what its rivals may train.

    N2 + N3 + ... of the nodes that layers feed; for the perceptron N1 + N2.
    """
    if cell.family == "perceptron":
        return 784 + 10
    hidden = N3[cell.data] if cell.family == "non-linear" else 0
    return sum(cell.widths) + hidden + 10


def by_the_paper(cell: Cell) -> SpectralClassifier | DirectClassifier:
    """Return the estimator of one of the paper's methods."""
    both_sets = cell.family == "perceptron"
    settings = {
        **architecture(cell),
        **PAPER,
        "learning_rate_init": PAPER_RATES[cell.family],
        "random_state": cell.seed,
    }
    which = "both" if both_sets else "out"
    spectral = {**settings, **SINGLE, "init": "paper", "train_eigenvalues": which}
    match cell.method:
        case "eigenvalues":
            return SpectralClassifier(**spectral)
        case "eigenvalues, text":
            # "N1 + N2 eigenvalues of A1, N3 eigenvalues of A2, ..."
            return SpectralClassifier(**{**spectral, "train_eigenvalues": "paper"})
        case "both":
            return SpectralClassifier(**{**spectral, "train_eigenvectors": True})
        case "full":
            # Of the perceptron alone the paper says that biases train.
            return DirectClassifier(**{**settings, "fit_intercept": both_sets})
        case "full, rate 0.003":
            return DirectClassifier(
                **{**settings, "fit_intercept": both_sets, "learning_rate_init": 0.003}
            )
        case "constrained" | "constrained, zero":
            frozen_init = "zero" if cell.method.endswith("zero") else "start"
            return DirectClassifier(
                **settings,
                parametrization="subset",
                n_weights=n_eigenvalues(cell),
                frozen_init=frozen_init,
            )
    raise ValueError(cell.method)


def key_of(cell: Cell) -> tuple[str, str, str]:
    """Return the key of `CHOSEN` that one of our cells has."""
    shape = cell.family
    if shape == "linear":
        shape = "deep" if len(cell.widths) > 1 else "wide"
    return (cell.data, shape, cell.method.removeprefix(PREFIX))


def ours(cell: Cell, settings: dict[str, object]) -> SpectralClassifier:
    """Return the estimator of one of our methods with the given settings."""
    *_, trains = key_of(cell)
    return SpectralClassifier(
        **{
            **architecture(cell),
            **OURS,
            **(OUT if trains == "out" else {}),
            "train_eigenvectors": trains == "eigenvectors",
            **settings,
            "random_state": cell.seed,
        }
    )


def make(cell: Cell) -> SpectralClassifier | DirectClassifier:
    """Return the unfitted estimator of a cell."""
    if cell.method.startswith(PREFIX):
        return ours(cell, CHOSEN[key_of(cell)])
    return by_the_paper(cell)


def digest(cell: Cell) -> str:
    """Return a short name of the parameters of a cell's estimator that are not defaults.

    It is kept with each row, so that a row that was fitted with other settings is not
    taken for this cell. A new parameter, which has its default here, changes no name.
    """
    estimator = make(cell)
    defaults = type(estimator)().get_params(deep=False)
    parameters = {
        name: value
        for name, value in estimator.get_params(deep=False).items()
        if value != defaults[name]
    }
    return hashlib.sha256(repr(sorted(parameters.items())).encode()).hexdigest()[:12]
