"""The paper's perceptron and our defaults on the full MNIST."""

import numpy as np
import pytest

from sklearn_spectral import SpectralClassifier

pytestmark = pytest.mark.mnist

PAPER = {
    "hidden_layer_sizes": (),
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
    found = accuracies(mnist, 5, **PAPER, train_eigenvectors=True)
    print(f"perceptron, eigenvectors too: {found.mean():.4f} +- {found.std():.4f}")
    assert 0.922 <= found.mean() <= 0.928


@pytest.mark.parametrize("hidden_layer_sizes", [(), (100,)])
def test_default_settings_with_an_expansion(mnist, hidden_layer_sizes):
    X, y, X_test, y_test = mnist
    model = SpectralClassifier(hidden_layer_sizes, linear_expansion=1000, random_state=0)
    accuracy = model.fit(X, y).score(X_test, y_test)
    print(f"{hidden_layer_sizes}: {accuracy:.4f}, {model.n_parameters_} parameters")
    assert accuracy >= 0.92
    assert model.n_parameters_ < 4200
