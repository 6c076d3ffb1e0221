"""What is told of predictions on held-out rows."""

import numpy as np
from sklearn.metrics import log_loss, r2_score

N_BINS = 15
LEAST = 1e-15
"""No probability counts as less. A row that is certainly wrong then has a loss of 34.5."""


def complete(probabilities: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return float64 probabilities of all classes, of which a fold may have lacked some."""
    found = np.zeros((len(probabilities), n_classes))
    found[:, np.asarray(classes, int)] = probabilities
    found = np.clip(found, LEAST, 1)
    return found / found.sum(axis=1, keepdims=True)


def calibration_error(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the expected calibration error of the likeliest class, bins of equal width."""
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == y
    bins = np.minimum((top * N_BINS).astype(int), N_BINS - 1)
    gaps = np.bincount(bins, right - top, N_BINS)
    return float(np.abs(gaps).sum() / len(y))


def of_classes(y: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return accuracy, log loss, Brier score (a sum over classes), calibration error."""
    labels = np.arange(probabilities.shape[1])
    hot = y[:, None] == labels
    return {
        "accuracy": float(np.mean(probabilities.argmax(axis=1) == y)),
        "log_loss": float(log_loss(y, probabilities, labels=labels)),
        "brier": float(((probabilities - hot) ** 2).sum(axis=1).mean()),
        "ece": calibration_error(y, probabilities),
    }


def of_numbers(y: np.ndarray, predicted: np.ndarray, spread: float) -> dict[str, float]:
    """Return R^2, and the root of the mean squared error as a share of the spread."""
    error = float(np.sqrt(np.mean((y - predicted) ** 2)))
    return {"r2": float(r2_score(y, predicted)), "rmse": error / spread}
