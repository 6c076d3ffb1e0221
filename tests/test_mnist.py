"""The paper's perceptron and our defaults on the full MNIST."""

import numpy as np
import pytest

from sklearn_spectral import SpectralClassifier

from .plain import PLAIN

pytestmark = pytest.mark.mnist

PAPER = {
    **PLAIN,
    "hidden_layer_sizes": (),
    "linear_expansion": None,
    "train_eigenvalues": "both",
    "init": "paper",
    "fit_intercept": False,
    "solver": "adamax",
    "learning_rate": "constant",
    "learning_rate_init": 0.03,
    "batch_size": 500,
    "max_iter": 20,
    "n_iter_no_change": np.inf,
}


def accuracies(mnist, n_seeds, **parameters):
    X, y, X_test, y_test = mnist
    return np.array(
        [
            SpectralClassifier(**parameters, random_state=seed)
            .fit(X, y)
            .score(X_test, y_test)
            for seed in range(n_seeds)
        ]
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_perceptron_by_eigenvalues(mnist):
    """The paper: (82 +- 2) % over five runs."""
    found = accuracies(mnist, 5, **PAPER)
    print(f"perceptron, eigenvalues only: {found.mean():.4f} +- {found.std():.4f}")
    assert 0.80 <= found.mean() <= 0.84


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_perceptron_with_eigenvectors(mnist):
    """The paper: (92.5 +- 0.2) %."""
    found = accuracies(mnist, 5, **{**PAPER, "train_eigenvectors": True})
    print(f"perceptron, eigenvectors too: {found.mean():.4f} +- {found.std():.4f}")
    assert 0.922 <= found.mean() <= 0.928


def test_a_linear_network_in_twenty_epochs(mnist):
    linear = {"hidden_layer_sizes": (), "linear_expansion": 1000, "max_iter": 20}
    found = accuracies(mnist, 1, **{**PLAIN, **linear})
    print(f"784-1000(linear)-10: {found.mean():.4f}")
    assert found.mean() >= 0.92


def test_eigenvalues_alone_in_twenty_epochs(mnist):
    found = accuracies(mnist, 1, **{**PLAIN, "max_iter": 20})
    print(f"784-100-10 with the linear layers of the default: {found.mean():.4f}")
    assert found.mean() >= 0.95
