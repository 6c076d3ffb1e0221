"""Checking what is given to fit and to predict."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial as partial_of
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite, check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from ._arrays import is_memmap
from ._fitted import FittedNetworkMixin
from ._forward import forward
from ._inputs import TrainingData, check_both_given, check_weights


class ValidationMixin(FittedNetworkMixin):
    """Validation of data, for estimators; what targets mean is their affair."""

    # What a classifier and a regressor do differently.
    _y_is_numeric = False
    early_stopping: bool

    @abstractmethod
    def _encode_target(
        self,
        y: Any,
        *,
        reset: bool,
        partial: bool = False,
        classes: Any = None,
        name: str = "y",
    ) -> NDArray[Any]:
        """Return the target as the loss wants it; learn classes or shape if reset."""

    def _reweight(self, data: TrainingData, *, partial: bool) -> NDArray[Any] | None:
        """Return the weights of all rows, those of the classes included."""
        return data.sample_weight

    def _validate_X(
        self, X: Any, y: Any = "no_validation", *, reset: bool, finite: bool = True
    ) -> Any:
        """Check X, and y beside it if given; memory-mapped arrays keep their type."""
        if getattr(getattr(X, "dtype", None), "kind", None) in ("m", "M"):
            # numpy would turn them into numbers of some unit, and what is missing too.
            raise ValueError(
                f"X has dates or times ({X.dtype}); turn them into numbers first, for "
                "example days since the earliest."
            )
        keep = is_memmap(X) and X.dtype.kind in "iubf"
        settings: dict[str, Any] = {
            "accept_sparse": "csr",
            "dtype": None if keep else (np.float64, np.float32),
            "ensure_all_finite": finite,
            "reset": reset,
        }
        if isinstance(y, str) and y == "no_validation":
            return validate_data(self, X, **settings)
        _refuse_sparse(y, "y")
        return validate_data(
            self, X, y, multi_output=True, y_numeric=self._y_is_numeric, **settings
        )

    def _training_data(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        reset: bool,
        partial: bool,
        classes: Any,
    ) -> TrainingData:
        """Validate, leave out rows without weight, and scale the weights."""
        X, y = self._validate_X(X, y, reset=reset)
        y = self._encode_target(y, reset=reset, partial=partial, classes=classes)
        data = TrainingData(X, y, *check_weights(sample_weight, X))
        weight, unit = self._reweight(data, partial=partial), 1.0
        # One portion of the data does not know the mean of all.
        if weight is not None and not partial:
            unit = float(weight[data.row_numbers].mean())
            weight = weight / unit
        return TrainingData(X, y, weight, data.rows, unit)

    def _validation_data(self, X_val: Any, y_val: Any) -> TrainingData | None:
        """Check the validation data that a user gives."""
        if X_val is None and y_val is None:
            return None
        check_both_given(X_val, y_val)
        if not self.early_stopping:
            raise ValueError(
                "X_val and y_val are given, but early_stopping=False. Set "
                "early_stopping=True to use them, or leave them out."
            )
        X_val = self._validate_X(X_val, reset=False)
        _refuse_sparse(y_val, "y_val")
        y_val = check_array(
            y_val,
            dtype="numeric" if self._y_is_numeric else None,
            ensure_2d=False,
            ensure_min_samples=0,
            input_name="y_val",
        )
        check_consistent_length(X_val, y_val)
        return TrainingData(X_val, self._encode_target(y_val, reset=False, name="y_val"))

    def _network_output(self, X: Any) -> NDArray[Any]:
        """Check X and run the retracted network on it."""
        check_is_fitted(self)
        device, check = self._predict_on(), None
        if device is None:
            # Left to the forward pass, which reads X anyway.
            check = partial_of(
                assert_all_finite, estimator_name=type(self).__name__, input_name="X"
            )
        X = self._validate_X(X, reset=False, finite=check is None)
        activation = self._config["activation"]
        output = forward(X, self.coefs_, self.intercepts_, activation, device, check=check)
        if not np.isfinite(output).all():
            raise ValueError(
                f"The network's output is not finite: X has numbers so large that it "
                f"overflows in {output.dtype}. Scale the features as in training, or leave "
                "such rows out."
            )
        return output


def _refuse_sparse(values: Any, name: str) -> None:
    if issparse(values):
        raise ValueError(
            f"{name} is sparse, which targets cannot be; pass {name}.toarray() instead."
        )
