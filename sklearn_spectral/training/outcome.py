"""How a training went, and what to tell the user of it."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass

from sklearn.exceptions import ConvergenceWarning

LOSS_ROSE_BY = 2.0
"""A fit that goes on is compared with the loss of its first batch alone; more than the
noise of that has to be between."""

LEAST_LOSS = 1e-3
"""The loss that a network has to reach where the best constant has none, for targets of
size one."""

# Between the line that calls fit and a warning of it.
_WRAPPERS = ("sklearn_spectral.", "sklearn.base", "skorch.", "contextlib")


def caller_level() -> int:
    """Return the ``stacklevel`` at which a warning shows the line that calls us."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(_WRAPPERS):
        level, frame = level + 1, frame.f_back
    return level


@dataclass(frozen=True)
class Constant:
    """The best prediction that is the same for all samples."""

    name: str  # what is predicted
    loss: float  # its mean training loss; where that is zero, something small instead
    cure: str  # what brings a network below it, if there is something


@dataclass(frozen=True)
class Outcome:
    """How a training went."""

    reason: str  # a value of ``stop_reason_``
    n_epochs: int  # number of the epoch after which it ended
    first_loss: float  # of the first batch, before any step
    loss_curve: list[float]  # mean training loss of each whole epoch, with the penalties
    penalty: float  # at the end
    validation_scores: list[float] | None  # of each epoch


def warn_or_reraise(
    outcome: Outcome,
    *,
    constant: Constant | None,
    all_epochs_expected: bool,
    from_start: bool,
) -> None:
    """Warn of a training that did not end as expected; raise a KeyboardInterrupt again.

    It should be better than ``constant``, which is None for a portion of many; its loss
    should have fallen if it trained ``from_start``.
    """
    if outcome.reason == "interrupted":
        which = "last" if outcome.validation_scores is None else "best"
        try:
            _warn(
                f"Training was interrupted after {len(outcome.loss_curve)} whole epochs; "
                f"the estimator holds the weights of the {which} one and its "
                "stop_reason_ is 'interrupted'."
            )
        finally:  # also where warnings are errors
            raise KeyboardInterrupt
    if outcome.reason == "diverged":
        _warn(
            "The loss or the weights became NaN or infinite in epoch "
            f"{outcome.n_epochs}; training was stopped and the last good weights were "
            "kept. Scale the features (as standardize=True does) or lower "
            "learning_rate_init."
        )
    elif constant is None:
        return
    elif from_start and outcome.loss_curve[-1] > outcome.first_loss:
        _warn(
            f"Training did not lower the loss: it was {outcome.first_loss:.3g} at the "
            f"start and is {outcome.loss_curve[-1]:.3g}. "
            + _advice(constant.cure, "lower learning_rate_init", "raise max_iter")
        )
    elif not from_start and outcome.loss_curve[-1] > LOSS_ROSE_BY * outcome.first_loss:
        _warn(
            f"Going on raised the loss: it was {outcome.first_loss:.3g} and is "
            f"{outcome.loss_curve[-1]:.3g}. The rate starts anew, which is too high for a "
            "few epochs: raise max_iter, set learning_rate='constant', or lower "
            "learning_rate_init."
        )
    elif not (loss := outcome.loss_curve[-1] - outcome.penalty) < constant.loss:
        _warn(
            f"The network is no better than a constant: its training loss is "
            f"{loss:.3g}, that of predicting {constant.name} is "
            f"{constant.loss:.3g}. "
            + _advice(
                constant.cure,
                "raise max_iter",
                "lower learning_rate_init and the penalties",
            )
        )
    elif outcome.reason == "max_iter" and not all_epochs_expected:
        _warn(
            "The training loss was still improving after "
            f"max_iter={outcome.n_epochs}. Raise max_iter or tol."
        )


def _advice(*steps: str) -> str:
    """Return a sentence that names what may be done; steps may be empty."""
    *others, last = filter(None, steps)
    text = f"{', '.join(others)}, or {last}."
    return text[0].upper() + text[1:]


def _warn(message: str) -> None:
    warnings.warn(message, ConvergenceWarning, caller_level())
