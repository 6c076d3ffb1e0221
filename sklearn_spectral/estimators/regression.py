"""What regressors add to a network: targets of one or more numbers."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from ..data.training_data import TrainingData
from ..training.outcome import LEAST_LOSS, Constant
from .base import can_train_by_batches
from .calls import explained, fitting
from .conformal import IntervalsMixin
from .typing import available_if


class NetworkRegressorMixin(IntervalsMixin, RegressorMixin):
    """The regressor's side of an estimator; to stand before a `BaseNetwork`."""

    _y_is_numeric = True
    _target_attributes: ClassVar[tuple[str, ...]] = ("n_outputs_", "_y_ndim")
    _out_of_bag_name: ClassVar[str] = "oob_prediction_"

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
            Whether to return the standard deviation of the errors, too: half the width of
            the intervals that ``predict_interval`` gives for a coverage of 0.6827. It is
            the same for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), or two of these
            Predictions; one-dimensional if the targets of fit were. With ``return_std``
            a tuple of them and of standard deviations.

        Raises
        ------
        AttributeError
            If ``return_std`` is asked for where all rows trained the network.
        """
        std = self._std() if return_std else None
        predicted = self._predictions(self._network_output(X))
        if std is None:
            return predicted
        of_rows = np.broadcast_to(std.astype(predicted.dtype), (len(predicted), len(std)))
        return predicted, self._predictions(of_rows).copy()

    @explained
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the coefficient of determination of the predictions.

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
            R^2.
        """
        return self._score_by(r2_score, X, y, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def _predictions(self, output: NDArray[Any]) -> NDArray[Any]:
        return output[:, 0] if self._y_ndim == 1 else output

    def _loss_name(self) -> str:
        return "squared_error"

    def _best_constant(self, data: TrainingData) -> Constant:
        """Return the weighted mean, with its loss."""
        y, weight = data.target(), data.weight()
        mean = np.average(y, axis=0, weights=weight)
        loss = np.average((y - mean) ** 2, axis=0, weights=weight).mean() / 2
        square = np.average(y**2, axis=0, weights=weight).mean()
        if loss <= np.finfo(np.float64).eps * square:  # all are the same
            loss = LEAST_LOSS * square if square else np.inf  # zero has no size
        cure = "" if self.standardize else "set standardize=True"
        return Constant("the mean of the target", float(loss), cure)

    def _n_network_outputs(self) -> int:
        return self.n_outputs_

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
        values = np.asarray(y).astype(np.float64, copy=False)
        n_outputs = 1 if values.ndim == 1 else values.shape[1]
        if reset:
            self._y_ndim, self.n_outputs_ = values.ndim, n_outputs
        elif n_outputs != self.n_outputs_:
            raise ValueError(
                f"{name} has {n_outputs} target(s), but {self.n_outputs_} were fitted."
            )
        return values.reshape(-1, n_outputs)

    def _shape_coef(self, weight: NDArray[Any]) -> NDArray[Any]:
        return weight[0] if self._y_ndim == 1 else weight

    def _shape_intercept(self, bias: NDArray[Any]) -> Any:
        return float(bias[0]) if self._y_ndim == 1 else bias

    def _decode_target(self, target: NDArray[Any]) -> NDArray[Any]:
        return self._predictions(target)

    def _score_output(self, output: NDArray[Any], data: TrainingData) -> float:
        """Return the coefficient of determination."""
        return r2_score(data.target(), output, sample_weight=data.weight())
