"""What regressors add to a network: targets of one or more numbers."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils._param_validation import Interval, StrOptions

from ..data.training_data import TrainingData
from ..spec.losses import LINKS, LOSSES, Link, Loss
from ..training.outcome import LEAST_LOSS, Constant
from .base import can_train_by_batches
from .calls import explained, fitting
from .conformal import IntervalsMixin
from .typing import available_if

if TYPE_CHECKING:
    from ..nn.losses import WeightedLoss

OWN = "own"
"""What is known of the loss that trained, if it was a function of the user."""


class NetworkRegressorMixin(IntervalsMixin, RegressorMixin):
    """The regressor's side of an estimator; to stand before a `BaseNetwork`.

    It needs the parameters ``loss``, ``quantile`` and ``huber_delta``.
    """

    _parameter_constraints: ClassVar[dict] = {
        "loss": [StrOptions({*LOSSES}), callable],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
    }

    _y_is_numeric = True
    _target_attributes: ClassVar[tuple[str, ...]] = (
        *("n_outputs_", "_y_ndim"),
        *("_fitted_loss", "_levels"),
    )
    _out_of_bag_name: ClassVar[str] = "oob_prediction_"

    loss: str | Callable[..., Any]
    n_outputs_: int
    # What older states do not have: by what the network was trained, and which quantiles
    # it predicts, if it does.
    _fitted_loss: str = "squared_error"
    _levels: tuple[float, ...] | None = None

    @available_if(can_train_by_batches)
    @fitting
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on the given data, at a constant rate.

        Parameters that need more than one epoch, such as ``early_stopping`` and
        ``learning_rate``, are not used.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            A portion of the data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets. None if X brings them, as torch data do.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples. Unlike ``fit``, which scales them to a mean of one,
            this takes them as they are: one call cannot know those of the others.

        Returns
        -------
        object
            The estimator.
        """
        self._train(X, y, sample_weight, partial=True)
        return self

    @explained
    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict the targets of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.
        return_std : bool, default=False
            Whether to return an estimate of the standard deviation of the errors, too: half
            the width of the interval that ``predict_interval`` gives for a coverage of
            0.6827.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), or two of these
            Predictions; one-dimensional if the targets of fit were. Several quantiles are
            one axis more, behind the others, and in increasing order. With ``return_std``
            a tuple of predictions and of standard deviations.

        Raises
        ------
        AttributeError
            If ``return_std`` is asked for where all rows trained the network.
        ValueError
            If ``return_std`` is asked of several quantiles.
        """
        std = self._std() if return_std else None
        predicted = self._response_to(X)
        if std is None:
            return self._in_shape(predicted)
        of_rows = (std * self._deviation(predicted)).astype(predicted.dtype)
        return self._in_shape(predicted), self._in_shape(of_rows)

    @explained
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the coefficient of determination of the predictions.

        Of quantiles it is D^2 with their own loss [1]_, as a mean over several.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets. None if X brings them.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples.

        Returns
        -------
        float
            R^2 or, of ``loss="quantile"``, D^2.

        References
        ----------
        .. [1] `sklearn.metrics.d2_pinball_score`.
        """
        return self._score_by(self._metric, X, y, sample_weight)

    @property
    def out_activation_(self) -> str:
        """What stands between the last layer and the predictions, by its name."""
        self._fitted_network("out_activation_")
        return self._link.activation

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    # ---- what the loss decides ----

    @property
    def _row(self) -> Loss | None:
        """The row of the loss that trained; None of a user's own."""
        return LOSSES.get(self._fitted_loss)

    @property
    def _link(self) -> Link:
        return LINKS["identity" if self._row is None else self._row.link]

    @property
    def _power(self) -> float:
        """With which power of what is predicted errors grow."""
        return 0.0 if self._row is None else self._row.power

    @property
    def _n_levels(self) -> int:
        """How many numbers are predicted for each target."""
        return len(self._levels or (0,))

    def _response(self, output: NDArray[Any]) -> NDArray[Any]:
        """Return predictions, (n_samples, n_outputs) or (n_samples, n_outputs, n_levels),
        for outputs of the network."""
        predicted = self._link.apply(output)
        if self._n_levels == 1:
            return predicted
        # Those that cross are better in order (Chernozhukov, Fernandez-Val, Galichon,
        # "Quantile and probability curves without crossing", Econometrica, 2010).
        of_levels = predicted.reshape(len(predicted), self.n_outputs_, self._n_levels)
        return np.sort(of_levels, axis=-1)

    def _response_to(self, X: Any) -> NDArray[Any]:
        """Check X, and predict."""
        return self._response(self._network_output(X))

    def _in_shape(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values of each output in the shape that the targets of fit had."""
        return values[:, 0] if self._y_ndim == 1 else values

    def _predictions(self, output: NDArray[Any]) -> NDArray[Any]:
        return self._in_shape(self._response(output))

    def _deviation(self, predicted: NDArray[Any]) -> NDArray[Any]:
        """Return how far targets lie from predictions, up to a factor of each output."""
        if not self._power:
            return np.ones_like(predicted)
        return np.maximum(predicted**self._power, np.finfo(predicted.dtype).tiny)

    def _metric(self, y: Any, predicted: NDArray[Any], sample_weight: Any = None) -> float:
        """Return what ``score`` does."""
        if self._levels is None:
            return r2_score(y, predicted, sample_weight=sample_weight)
        scores = [
            d2_pinball_score(
                y,
                predicted if self._n_levels == 1 else predicted[..., place],
                alpha=level,
                sample_weight=sample_weight,
            )
            for place, level in enumerate(self._levels)
        ]
        return float(np.mean(scores))

    def _make_loss(self, *, judges: bool = False, scale: Any = 1.0) -> WeightedLoss:
        """Return the loss as a torch module: that of training, or what judges it; outputs
        that are logarithms are multiplied by ``scale`` before."""
        from ..nn.losses import LOSSES as MODULES
        from ..nn.losses import OwnLoss

        if not isinstance(self.loss, str):
            return OwnLoss(self.loss)
        option = LOSSES[self.loss].option
        value = None if option is None else getattr(self, option)
        return MODULES[self.loss](value, scale)

    def _is_steep(self) -> bool:
        return self._row is not None and self._row.is_steep

    def _best_constant(self, data: TrainingData, scale: Any = 1.0) -> Constant:
        """Return the constant that has the least loss, with its loss."""
        row, cure = self._row, "" if self.standardize else "set standardize=True"
        if row is None:  # nobody knows
            return Constant("a constant", np.inf, cure)
        import torch

        y, weight = data.target(), data.weight()
        shares = np.full(len(y), 1 / len(y)) if weight is None else weight / weight.sum()
        option = () if row.option is None else (np.atleast_1d(getattr(self, row.option)),)
        output = np.broadcast_to(
            row.constant(y, shares, *option) / scale, (len(y), self._n_network_outputs())
        )
        tensors = map(torch.tensor, (output, y, shares))  # copies: y may be read-only
        loss = self._make_loss(scale=scale).average(*tensors)
        square = np.average(y**2, axis=0, weights=weight).mean()
        if loss <= np.finfo(np.float64).eps * square:  # all are the same
            loss = LEAST_LOSS * square if square else np.inf  # zero has no size
        return Constant(row.constant_name, float(loss), cure)

    def _check_loss(self) -> None:
        self._take_loss(reset=False)

    def _take_loss(self, *, reset: bool) -> None:
        """Take the loss that training is by; refuse one of another kind of output."""
        name = self.loss if isinstance(self.loss, str) else OWN
        levels = _levels_of(self.quantile) if name == "quantile" else None
        before = _meaning_of_output(self._fitted_loss, self._levels)
        if not reset and _meaning_of_output(name, levels) != before:
            by = f"loss={self._fitted_loss!r}"
            if self._fitted_loss == OWN:
                by = "a function of yours, which a file does not hold"
            raise ValueError(
                f"Training cannot go on with loss={self.loss!r}: the network was trained "
                f"by {by}, for which its output means something else. Set that loss, or "
                "fit anew with warm_start=False."
            )
        self._fitted_loss, self._levels = name, levels

    def _n_network_outputs(self) -> int:
        return self.n_outputs_ * self._n_levels

    def _encode_target(
        self,
        y: Any,
        *,
        reset: bool,
        partial: bool = False,
        classes: Any = None,
        name: str = "y",
    ) -> NDArray[Any]:
        """Return the targets as floats in two dimensions."""
        self._take_loss(reset=reset)
        values = np.asarray(y).astype(np.float64, copy=False)
        row = self._row
        if row is not None and (wanted := row.refuses(values)):
            raise ValueError(
                f"loss={self.loss!r} needs targets {wanted}; {name} has "
                f"{float(values.min()):g}."
            )
        n_outputs = 1 if values.ndim == 1 else values.shape[1]
        if reset:
            self._y_ndim, self.n_outputs_ = values.ndim, n_outputs
        elif n_outputs != self.n_outputs_:
            raise ValueError(
                f"{name} has {n_outputs} target(s), but {self.n_outputs_} were fitted."
            )
        return values.reshape(-1, n_outputs)

    def _shape_coef(self, weight: NDArray[Any]) -> NDArray[Any]:
        return weight[0] if self._has_one_output() else weight

    def _shape_intercept(self, bias: NDArray[Any]) -> Any:
        return float(bias[0]) if self._has_one_output() else bias

    def _has_one_output(self) -> bool:
        return self._y_ndim == 1 and self._n_levels == 1

    def _decode_target(self, target: NDArray[Any]) -> NDArray[Any]:
        return self._in_shape(target)

    def _score_output(self, output: NDArray[Any], data: TrainingData) -> float:
        """Return what ``score`` does."""
        predicted = self._predictions(output)
        return self._metric(self._in_shape(data.target()), predicted, data.weight())


def _meaning_of_output(name: str, levels: tuple[float, ...] | None) -> tuple[str, int]:
    """Return what training by another loss must not change."""
    return LOSSES[name].link if name in LOSSES else OWN, len(levels or (0,))


def _levels_of(quantile: Any) -> tuple[float, ...]:
    """Return the levels of one or more quantiles, checked."""
    levels = np.atleast_1d(np.asarray(quantile))
    right = levels.ndim == 1 and len(levels) and levels.dtype.kind == "f"
    if not (right and ((levels > 0) & (levels < 1)).all() and (np.diff(levels) > 0).all()):
        raise ValueError(
            f"quantile={quantile!r} must be a number above 0 and below 1, or several in "
            "increasing order, such as (0.05, 0.5, 0.95)."
        )
    return tuple(levels.tolist())
