"""The ways to train a network: the paper's four, other readings of it, and ours."""

from __future__ import annotations

import numpy as np
from cells import N3, Cell

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier

PAPER = {
    "fit_intercept": False,
    "solver": "adamax",
    "learning_rate": "constant",
    "batch_size": 500,
    "max_iter": 20,
    "n_iter_no_change": np.inf,
}
"""What the paper says of training: Adamax, batches of 300 to 800, 20 epochs, no bias."""

PAPER_RATES = {"perceptron": 0.03, "linear": 0.03, "non-linear": 0.01}

OURS = {
    "batch_size": 500,
    "max_iter": 20,
    "n_iter_no_change": np.inf,
}
"""The paper's epochs and batches; all else is the estimators' default or named below."""


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


def by_the_paper(cell: Cell) -> object:
    """Return the estimator of one of the paper's methods."""
    both_sets = cell.family == "perceptron"
    settings = {
        **architecture(cell),
        **PAPER,
        "learning_rate_init": PAPER_RATES[cell.family],
        "random_state": cell.seed,
    }
    spectral = {"init": "paper", "train_eigenvalues": "both" if both_sets else "out"}
    match cell.method:
        case "eigenvalues":
            return SpectralClassifier(**settings, **spectral)
        case "eigenvalues, text":
            # "N1 + N2 eigenvalues of A1, N3 eigenvalues of A2, ..."
            return SpectralClassifier(
                **settings, **{**spectral, "train_eigenvalues": "paper"}
            )
        case "both":
            return SpectralClassifier(**settings, **spectral, train_eigenvectors=True)
        case "full":
            # Of the perceptron alone the paper says that biases train.
            return DirectClassifier(**{**settings, "fit_intercept": both_sets})
        case "full, rate 0.003":
            return DirectClassifier(**{**settings, "learning_rate_init": 0.003})
        case "constrained" | "constrained, zero":
            untrained = "zero" if cell.method.endswith("zero") else "start"
            return DirectClassifier(
                **settings,
                train="subset",
                n_weights=n_eigenvalues(cell),
                untrained=untrained,
            )
    raise ValueError(cell.method)


def make(cell: Cell) -> object:
    """Return the unfitted estimator of a cell."""
    return by_the_paper(cell)
