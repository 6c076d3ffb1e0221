"""How a training went, and what to tell the user of it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from sklearn.exceptions import ConvergenceWarning

# A fit that goes on is compared with the loss of its first batch alone; more than the noise
# of that has to be between.
RAISED = 2.0

# Where a constant has no loss at all, a network is asked for so little, of targets of size
# one.
ROUNDING = 1e-3

# The line that called fit: report, _train, fit and the two wrappers of fit lie between.
_CALLER = 6


@dataclass(frozen=True)
class Constant:
    """The best prediction that is the same for all samples.

    Parameters
    ----------
    name : str
        What is predicted.
    loss : float
        The mean training loss of that; where it is zero, something small instead.
    cure : str
        What brings a network below it.
    """

    name: str
    loss: float
    cure: str


@dataclass(frozen=True)
class Outcome:
    """How a training went.

    Parameters
    ----------
    reason : str
        Why it ended: "max_iter", "converged", "early_stopping", "callback", "diverged" or
        "interrupted".
    n_epochs : int
        Number of the epoch after which it ended.
    first_loss : float
        Training loss of the first batch, before any step.
    loss_curve : list of float
        Mean training loss of each whole epoch, with the penalties.
    penalty : float
        Those at the end.
    validation_scores : list of float or None
        Validation score of each epoch.
    """

    reason: str
    n_epochs: int
    first_loss: float
    loss_curve: list[float]
    penalty: float
    validation_scores: list[float] | None


def report(
    outcome: Outcome,
    *,
    constant: Constant | None,
    all_epochs_expected: bool,
    from_start: bool,
) -> None:
    """Warn of a training that did not end as expected; pass an interrupt on.

    Parameters
    ----------
    outcome : Outcome
        How it went.
    constant : Constant or None
        What it should be better than. None if this was one call of many, of which nothing
        is expected.
    all_epochs_expected : bool
        Whether ending at ``max_iter`` is as it should be.
    from_start : bool
        Whether the network was new, so that its loss should have fallen.

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
    elif constant is None:
        return
    elif from_start and outcome.loss_curve[-1] > outcome.first_loss:
        warnings.warn(
            f"Training did not lower the loss: it was {outcome.first_loss:.3g} at the "
            f"start and is {outcome.loss_curve[-1]:.3g}. {constant.cure}, lower "
            "learning_rate_init, or raise max_iter.",
            ConvergenceWarning,
            stacklevel=_CALLER,
        )
    elif not from_start and outcome.loss_curve[-1] > RAISED * outcome.first_loss:
        warnings.warn(
            f"Going on raised the loss: it was {outcome.first_loss:.3g} and is "
            f"{outcome.loss_curve[-1]:.3g}. The rate starts anew, and a one-cycle of few "
            "epochs does not make up for its height: raise max_iter, set "
            "learning_rate='constant', or lower learning_rate_init.",
            ConvergenceWarning,
            stacklevel=_CALLER,
        )
    elif not (loss := outcome.loss_curve[-1] - outcome.penalty) < constant.loss:
        warnings.warn(
            f"The network is no better than a constant: its training loss is "
            f"{loss:.3g}, that of predicting {constant.name} is "
            f"{constant.loss:.3g}. {constant.cure}, raise max_iter, or lower "
            "learning_rate_init and the penalties.",
            ConvergenceWarning,
            stacklevel=_CALLER,
        )
    elif outcome.reason == "max_iter" and not all_epochs_expected:
        warnings.warn(
            "The training loss was still improving after "
            f"max_iter={outcome.n_epochs}. Raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=_CALLER,
        )
