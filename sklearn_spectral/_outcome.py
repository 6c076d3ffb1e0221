"""How a training went, and what to tell the user of it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from sklearn.exceptions import ConvergenceWarning

# The line that called fit: report, _train, fit and scikit-learn's wrapper lie between.
_CALLER = 5


@dataclass(frozen=True)
class Outcome:
    """How a training went.

    Parameters
    ----------
    reason : {"max_iter", "converged", "early_stopping", "diverged", "interrupted"}
        Why it ended.
    n_epochs : int
        Number of the epoch after which it ended.
    loss_curve : list of float
        Mean training loss of each whole epoch.
    validation_scores : list of float or None
        Validation score of each epoch.
    """

    reason: str
    n_epochs: int
    loss_curve: list[float]
    validation_scores: list[float] | None


def report(outcome: Outcome, all_epochs_expected: bool) -> None:
    """Warn of a training that did not end as expected; pass an interrupt on.

    Parameters
    ----------
    outcome : Outcome
        How it went.
    all_epochs_expected : bool
        Whether ending at ``max_iter`` is as it should be.

    Raises
    ------
    KeyboardInterrupt
        If that is what ended it.
    """
    if outcome.reason == "diverged":
        warnings.warn(
            "The loss or the weights became NaN or infinite in epoch "
            f"{outcome.n_epochs}; training was stopped and the last good weights were "
            "kept. Scale the features (for example with StandardScaler) or lower "
            "learning_rate_init.",
            ConvergenceWarning,
            stacklevel=_CALLER,
        )
    elif outcome.reason == "interrupted":
        which = "last" if outcome.validation_scores is None else "best"
        try:
            warnings.warn(
                f"Training was interrupted after {len(outcome.loss_curve)} whole epochs; "
                f"the estimator holds the weights of the {which} one and its "
                "stop_reason_ is 'interrupted'.",
                ConvergenceWarning,
                stacklevel=_CALLER,
            )
        finally:  # also where warnings are errors
            raise KeyboardInterrupt
    elif outcome.reason == "max_iter" and not all_epochs_expected:
        warnings.warn(
            "The training loss was still improving after "
            f"max_iter={outcome.n_epochs} epochs. Raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=_CALLER,
        )
