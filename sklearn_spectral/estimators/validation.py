"""Checking what is given to fit and to predict."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial as partial_of
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite, check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from ..data.bags import hash_groups
from ..data.refused import exact_integers, refuse_unusable
from ..data.rows import as_rows, is_memmap, is_sliced
from ..data.torch_data import (
    batches_of,
    check_no_targets,
    is_torch_data,
    torch_rows,
    torch_validation_rows,
)
from ..data.training_data import TrainingData, check_both_given, check_weights
from ..fitted.forward import forward
from ..training.device import own_modes
from .fitted_attributes import FittedAttributesMixin


class ValidationMixin(FittedAttributesMixin):
    """Validation of data, for estimators; subclasses encode the targets."""

    # What a classifier and a regressor do differently.
    _y_is_numeric = False
    early_stopping: bool | str

    @property
    @abstractmethod
    def _uses_validation_data(self) -> bool:
        """Whether ``early_stopping`` has a use for data to stop by."""

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
        """Check X, and y beside it if given; return `Rows`, with y if that is given.
        Memory-mapped arrays stay of their dtype; of torch data without y only inputs count.
        """
        alone = isinstance(y, str) and y == "no_validation"
        if is_torch_data(X):
            X, _ = torch_rows(X, need_targets=False)
        refuse_unusable(X, "X")
        if is_sliced(X):
            X = as_rows(X)
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not alone:
                y = self._check_target(np.asarray(y) if is_sliced(y) else y, "y")
                check_consistent_length(X, y)
            by_chunks = True
        else:
            by_chunks = is_memmap(X) and X.dtype.kind in "iubf"
            settings: dict[str, Any] = {
                "accept_sparse": "csr",
                "dtype": None if by_chunks else (np.float64, np.float32),
                "ensure_all_finite": finite and not by_chunks,
                "reset": reset,
            }
            if not alone:
                y = self._usable_target(y, "y")
                settings |= {"multi_output": True, "y_numeric": self._y_is_numeric}
            with _naming_the_pipeline(X):
                found = validate_data(self, X, y, **settings)
            X, y = (found, y) if alone else found
            X = as_rows(X)
        if by_chunks and finite:
            X.check_finite()
        return X if alone else (X, y)

    def _check_target(self, y: Any, name: str) -> Any:
        """Check targets alone."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires {name} to be passed, but it is None."
            )
        return check_array(
            self._usable_target(y, name),
            accept_sparse="csr",
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
        groups: Any = None,
    ) -> TrainingData:
        """Validate, leave out rows without weight, and scale the weights."""
        if is_torch_data(X):
            advice = "; class_weight works" if hasattr(self, "class_weight") else ""
            check_no_targets("X", X, advice, y=y, sample_weight=sample_weight)
            X, y = torch_rows(X)
        X, y = self._validate_X(X, y, reset=reset)
        if groups is not None:
            X.check_row_numbers("groups")
            groups = hash_groups(groups, len(X))
        y = self._encode_target(y, reset=reset, partial=partial, classes=classes)
        data = TrainingData(X, y, *check_weights(sample_weight, X))
        weight, unit = self._reweight(data, partial=partial), 1.0
        # One portion of the data does not know the mean of all.
        if weight is not None and not partial:
            with np.errstate(over="ignore"):
                unit = float(weight[data.row_numbers].mean())
            if not np.isfinite(unit):
                raise ValueError(
                    "The weights of the samples sum to more than a float64 can be. Divide "
                    "them by the largest: only their ratios count."
                )
            weight = weight / unit
        return TrainingData(X, y, weight, data.rows, unit, groups, data.sample_weight)

    def _usable_target(self, y: Any, name: str) -> Any:
        """Refuse targets that would be taken for others; keep whole numbers exact."""
        if issparse(y):
            if not self._y_is_numeric:
                return y  # labels, of which several may be right
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
            X_val, y_val = torch_validation_rows(X_val, y_val)
        check_both_given(X_val, y_val)
        if not self._uses_validation_data:
            raise ValueError(
                "X_val and y_val are given, but early_stopping=False. Set "
                "early_stopping=True to use them, or leave them out."
            )
        with _naming_validation_data():
            X_val = self._validate_X(X_val, reset=False)
            y_val = self._check_target(y_val, "y_val")
            check_consistent_length(X_val, y_val)
        return TrainingData(X_val, self._encode_target(y_val, reset=False, name="y_val"))

    def _score_by(
        self, metric: Callable[..., float], X: Any, y: Any, sample_weight: Any
    ) -> float:
        """Score the predictions by a metric; torch data without y bring their targets."""
        if is_torch_data(X) and y is None:
            check_no_targets("X", X, y=y, sample_weight=sample_weight)
            pairs = [(y, self.predict(x)) for x, y in batches_of(X, need_targets=True)]
            y, found = (np.concatenate(side) for side in zip(*pairs, strict=True))
        else:
            y, found = self._usable_target(y, "y"), self.predict(X)
        return float(metric(y, found, sample_weight=sample_weight))

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

    def _needs_no_validation(self, X: Any) -> bool:
        """Tell whether X is what scikit-learn's validation would return, but for entries
        that are not finite: for one row it takes ten times as long as the network."""
        return (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype in (np.float64, np.float32)
            and X.shape[0] > 0
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
        )

    def _network_output(self, X: Any) -> NDArray[Any]:
        """Check X and run the retracted network on it."""
        check_is_fitted(self)
        if type(X) is not np.ndarray and is_torch_data(X):
            return np.concatenate([self._network_output(x) for x, _ in batches_of(X)])
        device, check = self._predict_on(), None
        if device is None:
            # Left to the forward pass, which reads X anyway.
            check = partial_of(
                assert_all_finite, estimator_name=type(self).__name__, input_name="X"
            )
        if not self._needs_no_validation(X) or check is None:
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
def _naming_the_pipeline(X: Any) -> Iterator[None]:
    """Say what prepares columns of strings, if the error is about such."""
    try:
        yield
    except ValueError as error:
        if "could not convert" not in str(error) or np.asarray(X).dtype.kind not in "OSTU":
            raise
        raise ValueError(
            f"{error}. X must be numbers; for columns of strings put the estimator into "
            "sklearn_spectral.make_table_pipeline."
        ) from error


@contextmanager
def _naming_validation_data() -> Iterator[None]:
    """Prefix errors with "X_val, y_val"."""
    try:
        yield
    except (ValueError, TypeError) as error:
        type_ = TypeError if isinstance(error, TypeError) else ValueError
        raise type_(f"The validation data X_val, y_val: {error}") from error
