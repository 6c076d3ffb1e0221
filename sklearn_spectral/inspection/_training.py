"""TrainingCurveDisplay: loss and validation score by epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._axes import Display, network_in, with_defaults


class TrainingCurveDisplay(Display):
    """The training loss, and the validation score if there is one, of each epoch.

    Parameters
    ----------
    loss_curve : list of float
        Mean training loss of each epoch.
    validation_scores : list of float or None
        Validation scores of epochs of the last fit.
    last_scored : int or None
        The epoch of the last of them; the last of all by default.
    score_name : str or None, default="validation score"
        What they are; None is minus the loss, which is drawn beside that of training.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the loss was drawn.
    score_ax_ : matplotlib Axes or None
        Where the score was drawn, if it is not the loss.
    figure_ : matplotlib Figure
        The figure of these axes.
    line_, score_line_ : matplotlib Line2D
        The curves; the second is None without scores.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import TrainingCurveDisplay
    >>> model = SpectralClassifier(20, early_stopping=True, random_state=0)
    >>> model = model.fit(*load_iris(return_X_y=True))
    >>> display = TrainingCurveDisplay.from_estimator(model)
    >>> len(display.loss_curve) == len(display.validation_scores) == model.n_iter_
    True
    """

    def __init__(
        self,
        *,
        loss_curve: list[float],
        validation_scores: list[float] | None = None,
        last_scored: int | None = None,
        score_name: str | None = "validation score",
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_scores = validation_scores
        self.last_scored = last_scored
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, **kwargs: Any
    ) -> TrainingCurveDisplay:
        """Draw how a fitted estimator was trained.

        Parameters
        ----------
        estimator : SpectralClassifier, SpectralRegressor or one in direct space
            A fitted estimator, or a pipeline, search or pruner around one.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``, for the loss.

        Returns
        -------
        TrainingCurveDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If it is not an estimator of this package.
        NotFittedError
            If it is not fitted.
        """
        model = network_in(estimator, cls.__name__)
        scores, scoring = getattr(model, "validation_scores_", None), model.scoring
        if callable(scoring):
            scoring = getattr(scoring, "__name__", "validation score")
        display = cls(
            loss_curve=model.loss_curve_,
            validation_scores=scores,
            last_scored=getattr(model, "_scored_until", None),
            score_name=scoring,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> TrainingCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``, for the loss.

        Returns
        -------
        TrainingCurveDisplay
            The display itself.
        """
        ax = self._begin(ax)
        epochs = np.arange(1, len(self.loss_curve) + 1)
        settings = with_defaults("Line2D", kwargs, color="C0")
        (self.line_,) = ax.plot(epochs, self.loss_curve, **settings)
        ax.set(xlabel="epoch", ylabel="training loss")
        self.score_ax_ = self.score_line_ = None
        if self.validation_scores is None:
            return self
        # Where training went on, the scores are those of its last part.
        end = len(epochs) if self.last_scored is None else self.last_scored
        last = epochs[end - len(self.validation_scores) : end]
        if self.score_name is None:
            losses = -np.array(self.validation_scores)
            (self.score_line_,) = ax.plot(last, losses, color="C1", label="validation")
            self.line_.set_label("training")
            ax.set_ylabel("loss")
            ax.legend()
            return self
        self.score_ax_ = ax.twinx()
        (self.score_line_,) = self.score_ax_.plot(last, self.validation_scores, color="C1")
        self.score_ax_.set_ylabel(self.score_name, color="C1")
        ax.yaxis.label.set_color("C0")
        return self
