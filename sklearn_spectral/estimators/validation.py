"""Checking what is given to fit and to predict."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial as partial_of
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite, check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from ..data.arrays import check_finite_by_rows, is_memmap
from ..data.refused import exact_integers, refuse_unusable
from ..data.row_source import RowSource, is_row_source
from ..data.torch_data import Stream, batches_of, is_torch_data, pairs_of, rows_and_targets
from ..data.training_data import TrainingData, check_both_given, check_weights
from ..fitted.forward import forward
from ..training.device import own_modes
from .fitted_attributes import FittedAttributesMixin


class ValidationMixin(FittedAttributesMixin):
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
        refuse_unusable(X, "X")
        if is_row_source(X):
            return self._validate_row_source(X, y, reset=reset, finite=finite)
        keep = is_memmap(X) and X.dtype.kind in "iubf"
        settings: dict[str, Any] = {
            "accept_sparse": "csr",
            "dtype": None if keep else (np.float64, np.float32),
            "ensure_all_finite": finite and not keep,
            "reset": reset,
        }
        if isinstance(y, str) and y == "no_validation":
            X = validate_data(self, X, **settings)
        else:
            y = self._usable_target(y, "y")
            settings |= {"multi_output": True, "y_numeric": self._y_is_numeric}
            X, y = validate_data(self, X, y, **settings)
        if keep and finite:
            check_finite_by_rows(X)
        return X if isinstance(y, str) and y == "no_validation" else (X, y)

    def _validate_row_source(self, X: Any, y: Any, *, reset: bool, finite: bool) -> Any:
        """Check an array that is read by slices, of which no more than blocks are held."""
        X = X if isinstance(X, RowSource) else RowSource(X)
        validate_data(self, X, reset=reset, skip_check_array=True)
        if finite:
            X.check_finite()
        if isinstance(y, str) and y == "no_validation":
            return X
        y = self._check_target(np.asarray(y) if is_row_source(y) else y, "y")
        check_consistent_length(X, y)
        return X, y

    def _torch_rows(self, data: Any, y: Any, sample_weight: Any, *, reset: bool) -> Any:
        """Read the targets of torch data, and check both as if they were arrays."""
        if y is not None or sample_weight is not None:
            raise ValueError(
                f"X is a {type(data).__name__} of torch, whose samples bring their own "
                "targets: leave out y and sample_weight. class_weight works."
            )
        X, y = rows_and_targets(data)
        if not isinstance(X, Stream):
            return self._validate_X(X, y, reset=reset, finite=isinstance(X, np.ndarray))
        validate_data(self, X, reset=reset, skip_check_array=True)
        return X, self._check_target(y, "y")

    def _check_target(self, y: Any, name: str) -> Any:
        """Check targets alone."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires {name} to be passed, but it is None."
            )
        return check_array(
            self._usable_target(y, name),
            dtype="numeric" if self._y_is_numeric else None,
            ensure_2d=False,
            ensure_min_samples=0,
            input_name=name,
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
        if is_torch_data(X):
            X, y = self._torch_rows(X, y, sample_weight, reset=reset)
        else:
            X, y = self._validate_X(X, y, reset=reset)
        y = self._encode_target(y, reset=reset, partial=partial, classes=classes)
        data = TrainingData(X, y, *check_weights(sample_weight, X))
        weight, unit = self._reweight(data, partial=partial), 1.0
        # One portion of the data does not know the mean of all.
        if weight is not None and not partial:
            unit = float(weight[data.row_numbers].mean())
            weight = weight / unit
        return TrainingData(X, y, weight, data.rows, unit)

    def _usable_target(self, y: Any, name: str) -> Any:
        """Refuse targets that would be taken for others; keep whole numbers exact."""
        if issparse(y):
            raise ValueError(
                f"{name} is sparse, which targets cannot be; pass {name}.toarray() instead."
            )
        refuse_unusable(y, name)
        return exact_integers(y)

    def _validation_data(self, X_val: Any, y_val: Any) -> TrainingData | None:
        """Check the validation data that a user gives."""
        if X_val is None and y_val is None:
            return None
        if is_torch_data(X_val):
            if y_val is not None:
                raise ValueError(
                    f"X_val is a {type(X_val).__name__} of torch, whose samples bring "
                    "their own targets: leave out y_val."
                )
            X_val, y_val = rows_and_targets(X_val)
            if isinstance(X_val, Stream):
                X_val[:0]  # says what it does not offer
        check_both_given(X_val, y_val)
        if not self.early_stopping:
            raise ValueError(
                "X_val and y_val are given, but early_stopping=False. Set "
                "early_stopping=True to use them, or leave them out."
            )
        with _said_of_validation_data():
            X_val = self._validate_X(X_val, reset=False)
            y_val = self._check_target(y_val, "y_val")
            check_consistent_length(X_val, y_val)
        return TrainingData(X_val, self._encode_target(y_val, reset=False, name="y_val"))

    def _score_torch_data(self, data: Any, sample_weight: Any, metric: Any) -> float:
        """Score the predictions for torch data by a metric."""
        if sample_weight is not None:
            raise ValueError("sample_weight cannot be given for a Dataset of torch.")
        pairs = [(y, self.predict(x)) for x, y in pairs_of(data)]
        if not pairs:
            raise ValueError(f"{type(data).__name__} gave no samples.")
        return float(metric(*(np.concatenate(side) for side in zip(*pairs, strict=True))))

    def _predict_on(self) -> str | None:
        """Return the torch device to predict on; None is numpy on the CPU."""
        if self.device in ("auto", "cpu"):
            return None
        from ..training.device import parse_device, resolve_device

        if parse_device(self.device).type == "cpu":
            return None
        try:
            return str(resolve_device(self.device))
        except ValueError:  # fitted where there was a GPU, loaded where there is none
            return None

    def _network_output(self, X: Any) -> NDArray[Any]:
        """Check X and run the retracted network on it."""
        check_is_fitted(self)
        if is_torch_data(X):
            outputs = [self._network_output(x) for x, _ in batches_of(X)]
            if not outputs:
                raise ValueError(f"{type(X).__name__} gave no samples.")
            return np.concatenate(outputs)
        device, check = self._predict_on(), None
        if device is None:
            # Left to the forward pass, which reads X anyway.
            check = partial_of(
                assert_all_finite, estimator_name=type(self).__name__, input_name="X"
            )
        X = self._validate_X(X, reset=False, finite=check is None)
        network = self._fitted
        plain = (network.coefs, network.intercepts, network.activation, device)
        with nullcontext() if device is None else own_modes():
            output = forward(X, *plain, check=check)
        if not np.isfinite(output).all():
            raise ValueError(
                f"The network's output is not finite: X has numbers so large that it "
                f"overflows in {output.dtype}. Scale the features as in training, or leave "
                "such rows out."
            )
        return output


@contextmanager
def _said_of_validation_data() -> Iterator[None]:
    """Let errors say that not X and y are meant."""
    try:
        yield
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"The validation data X_val, y_val: {error}") from error
