"""How much the members of a population differ, in numbers and drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_array, check_consistent_length

from ..estimators.unwrap import nested
from ._axes import Display, network_and_inputs, with_defaults


@dataclass(frozen=True)
class MemberDiversity:
    """How much the members of a population differ, and what their mean gains.

    Parameters
    ----------
    pairs : ndarray of shape (n_pairs, 2)
        The numbers of the two members of each pair.
    disagreement : ndarray of shape (n_pairs,)
        Share of the rows of which the two predict different classes. Of a regression, the
        root of the mean squared difference of their predictions, each target in units of
        its standard deviation.
    error_correlation : ndarray of shape (n_pairs,)
        Correlation of the errors of the two: zeros and ones, or residuals. NaN where a
        member has the same error everywhere.
    member_errors : ndarray of shape (n_members,)
        One minus the accuracy of each member, or its mean squared error.
    error : float
        That of the population.
    member_log_losses : ndarray of shape (n_members,)
        Log loss of each member; NaN of a regression.
    log_loss : float
        That of the population.

    Attributes
    ----------
    gain : float
        Mean error of the members less that of the population.
    log_loss_gain : float
        Mean log loss of the members less that of the population.

    See Also
    --------
    member_diversity : What makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_spectral.inspection import MemberDiversity
    >>> two = MemberDiversity(
    ...     pairs=np.array([[0, 1]]),
    ...     disagreement=np.array([0.2]),
    ...     error_correlation=np.array([0.4]),
    ...     member_errors=np.array([0.5, 0.25]),
    ...     error=0.25,
    ...     member_log_losses=np.array([0.75, 0.5]),
    ...     log_loss=0.5,
    ... )
    >>> two.gain, two.log_loss_gain
    (0.125, 0.125)
    """

    pairs: NDArray[np.intp]
    disagreement: NDArray[Any]
    error_correlation: NDArray[Any]
    member_errors: NDArray[Any]
    error: float
    member_log_losses: NDArray[Any]
    log_loss: float

    @property
    def gain(self) -> float:
        """Mean error of the members less the error of the population."""
        return float(self.member_errors.mean()) - self.error

    @property
    def log_loss_gain(self) -> float:
        """Mean log loss of the members less that of the population."""
        return float(self.member_log_losses.mean()) - self.log_loss


def member_diversity(
    estimator: Any, X: Any, y: Any, *, sample_weight: Any = None
) -> MemberDiversity:
    """Compare the members of a population with each other and with their mean.

    Parameters
    ----------
    estimator : SpectralClassifier or SpectralRegressor
        A fitted estimator with ``n_members`` of two or more, or a pipeline, search or
        `TransformedTargetRegressor` around one.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data, preferably other than those that it was fitted to.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their labels or targets.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the samples.

    Returns
    -------
    MemberDiversity
        Numbers of each pair, of each member and of the population.

    Raises
    ------
    TypeError
        If the estimator is not spectral.
    AttributeError
        If it was saved with ``compact=True``, which merges the members.
    NotFittedError
        If it is not fitted.
    ValueError
        If it is not a population, or the data do not fit together.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import member_diversity
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SpectralClassifier(20, n_members=4, random_state=0).fit(X[::2], y[::2])
    >>> diversity = member_diversity(model, X[1::2], y[1::2])
    >>> diversity.disagreement.shape, diversity.member_errors.shape
    ((6,), (4,))
    """
    return _compare("member_diversity", estimator, X, y, sample_weight)


def _compare(
    called: str, estimator: Any, X: Any, y: Any, sample_weight: Any
) -> MemberDiversity:
    """Compare the members in an estimator; messages name what was ``called``."""
    check_consistent_length(X, y, sample_weight)
    network, inputs = network_and_inputs(
        estimator, called, X, through=TransformedTargetRegressor
    )
    if network._fitted.n_members == 1:
        raise ValueError(
            "This compares the members of a population, and this "
            f"{type(network).__name__} is a single network. Fit it with n_members of two "
            "or more."
        )
    weight = None if sample_weight is None else column_or_1d(sample_weight)
    if network._has_many_labels or getattr(network, "_n_levels", 1) > 1:
        raise ValueError(
            "The members are compared by one label, or one number, for each sample and "
            f"target; this {type(network).__name__} predicts several."
        )
    if is_classifier(network):
        return _of_classifier(network, inputs, y, weight)
    targets = [
        each.transformer_
        for each in nested(estimator)
        if isinstance(each, TransformedTargetRegressor)
    ]
    return _of_regressor(network, inputs, y, weight, targets)


def _of_classifier(
    network: Any, X: Any, y: Any, weight: NDArray[Any] | None
) -> MemberDiversity:
    """Compare labels and probabilities."""
    y, classes = column_or_1d(y), network.classes_
    # The population is the last, after its members.
    scores = np.stack([*network.member_decision_function(X), network.decision_function(X)])
    if scores.ndim == 2:
        predicted = classes[(scores > 0).astype(np.intp)]
        probabilities = np.stack([expit(-scores), expit(scores)], axis=-1)
    else:
        predicted = classes[scores.argmax(axis=-1)]
        probabilities = softmax(scores, axis=-1)
    errors = [1 - accuracy_score(y, p, sample_weight=weight) for p in predicted]
    losses = [log_loss(y, p, labels=classes, sample_weight=weight) for p in probabilities]

    def differ(a: NDArray[Any], b: NDArray[Any]) -> float:
        return float(np.average(a != b, weights=weight))

    pairs, disagreement = _of_pairs(predicted[:-1], differ)
    wrong = (predicted[:-1] != y).astype(np.float64)
    return MemberDiversity(
        pairs=pairs,
        disagreement=disagreement,
        error_correlation=_correlation(wrong, weight)[tuple(pairs.T)],
        member_errors=np.array(errors[:-1]),
        error=float(errors[-1]),
        member_log_losses=np.array(losses[:-1]),
        log_loss=float(losses[-1]),
    )


def _of_regressor(
    network: Any, X: Any, y: Any, weight: NDArray[Any] | None, transformers: list[Any]
) -> MemberDiversity:
    """Compare predictions, in the units of y: ``transformers`` are of the target, the
    outermost first."""
    y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    y = y.reshape(len(y), -1)
    values = np.stack([*network.member_predict(X), network.predict(X)])
    flat = values.reshape(-1, values.shape[2] if values.ndim == 3 else 1)
    for transformer in reversed(transformers):
        flat = transformer.inverse_transform(flat)
    values = np.asarray(flat).reshape(len(values), len(y), -1)
    if values.shape[2] != y.shape[1]:
        raise ValueError(
            f"y has {y.shape[1]} targets for each sample, but those that this "
            f"{type(network).__name__} predicts are {values.shape[2]}. Give the targets "
            "that it was fitted to, of these samples."
        )
    errors = [mean_squared_error(y, v, sample_weight=weight) for v in values]
    spread = np.sqrt(np.average((y - np.average(y, 0, weight)) ** 2, 0, weight))
    unit = np.where(spread > 0, spread, 1.0)
    scaled = values[:-1] / unit

    def differ(a: NDArray[Any], b: NDArray[Any]) -> float:
        return float(np.sqrt(np.average((a - b) ** 2, 0, weight).mean()))

    pairs, disagreement = _of_pairs(scaled, differ)
    residuals = scaled - y / unit
    repeated = None if weight is None else np.repeat(weight, y.shape[1])
    residuals = residuals.reshape(len(residuals), -1)
    return MemberDiversity(
        pairs=pairs,
        disagreement=disagreement,
        error_correlation=_correlation(residuals, repeated)[tuple(pairs.T)],
        member_errors=np.array(errors[:-1]),
        error=float(errors[-1]),
        member_log_losses=np.full(len(scaled), np.nan),
        log_loss=np.nan,
    )


def _of_pairs(
    members: NDArray[Any], differ: Callable[[NDArray[Any], NDArray[Any]], float]
) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Return all pairs of members, and how far each differs."""
    pairs = np.column_stack(np.triu_indices(len(members), k=1))
    return pairs, np.array([differ(members[a], members[b]) for a, b in pairs])


def _correlation(errors: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[Any]:
    """Return the correlations of the members' errors, (n_members, n_members)."""
    covariance = np.cov(errors, ddof=0, aweights=weight)
    spread = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        return covariance / np.outer(spread, spread)


class MemberDiversityDisplay(Display):
    """How much the members of a population differ in pairs, and what their mean gains.

    Each pair of members is a point: how far the two differ, and the mean error of both. The
    band between the mean error of the members and that of the population is the gain.

    Parameters
    ----------
    diversity : MemberDiversity
        What is drawn.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    points_ : matplotlib Line2D
        The pairs.
    member_line_, population_line_ : matplotlib Line2D
        The mean error of the members, and that of the population.
    gain_ : matplotlib Patch
        The band between them.

    See Also
    --------
    member_diversity : The numbers without the picture.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import MemberDiversityDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SpectralClassifier(20, n_members=4, random_state=0).fit(X[::2], y[::2])
    >>> display = MemberDiversityDisplay.from_estimator(model, X[1::2], y[1::2])
    >>> len(display.points_.get_xdata())  # pairs of four members
    6
    """

    def __init__(self, *, diversity: MemberDiversity) -> None:
        self.diversity = diversity

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> MemberDiversityDisplay:
        """Compare the members of a fitted population, and draw it.

        Parameters
        ----------
        estimator : SpectralClassifier or SpectralRegressor
            A fitted estimator with ``n_members`` of two or more, or a pipeline, search or
            `TransformedTargetRegressor` around one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, preferably other than those that it was fitted to.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels or targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``, for the pairs.

        Returns
        -------
        MemberDiversityDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If the estimator is not spectral.
        AttributeError
            If it was saved with ``compact=True``, which merges the members.
        NotFittedError
            If it is not fitted.
        ValueError
            If it is not a population, or the data do not fit together.
        """
        diversity = _compare(cls.__name__, estimator, X, y, sample_weight)
        return cls(diversity=diversity).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> MemberDiversityDisplay:
        """Draw a point per pair, and lines for the members and the population.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.plot``, for the pairs.

        Returns
        -------
        MemberDiversityDisplay
            The display itself.
        """
        ax = self._begin(ax)
        what = self.diversity
        known = what.error_correlation[np.isfinite(what.error_correlation)]
        mean = f"{known.mean():.2f}" if known.size else "unknown"
        settings = with_defaults(
            "Line2D",
            kwargs,
            linestyle="none",
            marker="o",
            alpha=0.6,
            label=f"pair of members (errors correlate by {mean})",
        )
        of_both = what.member_errors[what.pairs].mean(axis=1)
        (self.points_,) = ax.plot(what.disagreement, of_both, **settings)
        middle = float(what.member_errors.mean())
        self.member_line_ = ax.axhline(
            middle, color="0.4", linestyle="--", label=f"mean member: {middle:.3g}"
        )
        self.population_line_ = ax.axhline(
            what.error, color="C1", label=f"population: {what.error:.3g}"
        )
        self.gain_ = ax.axhspan(
            what.error, middle, color="C1", alpha=0.15, label=f"gain: {what.gain:.3g}"
        )
        of_classes = not np.isnan(what.log_loss)
        ax.set(
            xlabel="disagreement, share of rows"
            if of_classes
            else "disagreement, in standard deviations of the target",
            ylabel="error, 1 - accuracy" if of_classes else "mean squared error",
        )
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
        return self
