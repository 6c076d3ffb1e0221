"""What a notebook tells of a fitted estimator, beside its network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import is_classifier

EIGENVALUES = {
    "both": "all eigenvalues",
    "out": "eigenvalues of the nodes that layers feed",
    "in": "eigenvalues of the nodes that layers read",
    "paper": "all eigenvalues of the first layer, of others those that it feeds",
}
EIGENVECTORS = {False: "no eigenvectors", True: "all eigenvectors"}
STOPPED = {
    "max_iter": "all that max_iter allows",
    "converged": "the loss no longer improved",
    "early_stopping": "the score of rows that do not train no longer improved",
    "callback": "a callback ended it",
    "diverged": "the loss or the weights became infinite",
    "interrupted": "interrupted",
}


def what_trains(config: Mapping[str, Any]) -> str:
    """Name what of a network trains, given its settings."""
    if "train_eigenvalues" in config:
        values, vectors = config["train_eigenvalues"], config["train_eigenvectors"]
        of_vectors = EIGENVECTORS.get(vectors, f"eigenvectors ({vectors})")
        parts = [EIGENVALUES[values], of_vectors]
    else:
        parts = [f"parametrization {config['parametrization']!r}"]
    return ", ".join([*parts, "biases"] if config["bias"] else parts)


def facts_of(estimator: Any) -> dict[str, str]:
    """Say what trained, for how long, and how good it was on rows that did not train."""
    network = estimator._fitted
    facts = {"Trains": what_trains(network.config)}
    if network.n_members > 1:
        left_out = estimator._bagged[1] if estimator._bagged else 0
        apart = f"; each row is left out by {left_out}" if left_out else ""
        facts["Members"] = f"{network.n_members}, whose mean predicts{apart}"
    if estimator.stop_reason_ in STOPPED:
        facts["Epochs"] = f"{estimator.n_iter_}: {STOPPED[estimator.stop_reason_]}"
        facts["Training loss"] = f"{estimator.loss_:.4g}"
    scored_by = "minus the loss" if estimator.scoring is None else estimator.scoring
    of_score = "accuracy" if is_classifier(estimator) else "R²"
    for name, value, how in (
        ("Validation score", "best_validation_score_", f" ({_name_of(scored_by)})"),
        ("Out-of-bag score", "oob_score_", f" ({of_score})"),
        ("Temperature", "temperature_", ""),
    ):
        if hasattr(estimator, value):
            facts[name] = f"{getattr(estimator, value):.4g}{how}"
    seconds = getattr(vars(estimator).get("_net"), "seconds_", None)
    if seconds is not None:
        facts["Time"] = f"{seconds:.3g} s on {estimator.device_}"
    return facts


def _name_of(scoring: Any) -> str:
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "scoring")
