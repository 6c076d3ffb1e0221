"""Validated training data: which rows count, how much, and which are held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight, _num_samples

from .bags import Bags, Hashes, check_all_train
from .refused import refuse_unusable
from .rows import Rows, as_rows
from .scaling import ShiftAndScale, shift_and_scale


@dataclass(frozen=True)
class TrainingData:
    """Validated data, encoded for the loss: class indices or values, one row per sample.
    The weights' mean over ``rows``, the numbers of those that count, is one; ``unit`` is
    what a weight of one stands for. ``groups`` are hashes of the rows' groups, which have
    the same bags; ``given_weight`` is as given, without the weights of classes."""

    X: Rows
    y: NDArray[Any]
    sample_weight: NDArray[Any] | None = None
    rows: NDArray[np.intp] | None = None
    unit: float = 1.0
    groups: Hashes | None = None
    given_weight: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "X", as_rows(self.X))

    def total_weight(self) -> float:
        """Return the sum of the weights as given: the number of samples if unweighted."""
        weight = self.weight()
        return float(len(self.row_numbers) if weight is None else self.unit * weight.sum())

    @property
    def row_numbers(self) -> NDArray[np.intp]:
        """The rows that count."""
        return np.arange(len(self.X)) if self.rows is None else self.rows

    def target(self) -> NDArray[Any]:
        """Return the targets of the rows that count."""
        return self.y if self.rows is None else self.y[self.rows]

    def weight(self) -> NDArray[Any] | None:
        """Return the weights of the rows that count."""
        return self._of_rows(self.sample_weight)

    def own_weight(self) -> NDArray[Any] | None:
        """Return the weights of the rows that count as given, without those of classes."""
        return self._of_rows(self.given_weight)

    def _of_rows(self, values: NDArray[Any] | None) -> NDArray[Any] | None:
        return values if values is None or self.rows is None else values[self.rows]

    def spread(self, *, centred: bool, dtype: Any) -> ShiftAndScale:
        """Return where the columns of X lie, and how far they spread, over these rows; the
        weights of classes do not count."""
        weight = self.own_weight()
        return shift_and_scale(self.X, weight, self.rows, centred=centred, dtype=dtype)

    def spread_of_targets(self, *, centred: bool, dtype: Any) -> ShiftAndScale:
        """Return the same of the targets, which are numbers."""
        weight, y = self.own_weight(), self.target()
        return shift_and_scale(y, weight, centred=centred, dtype=dtype)

    def class_weight(self) -> NDArray[Any] | None:
        """Return the weight of each class, where weights are those of classes alone."""
        if self.sample_weight is None:
            return None
        of_class = np.full(int(self.y.max()) + 1, np.nan)  # of others it is not known
        of_class[self.y] = self.sample_weight
        return of_class

    def parts(self) -> list[Any]:
        """Return the arrays that these data are made of."""
        parts = [self.X.contents(), self.y, self.sample_weight, self.rows, self.unit]
        return parts if self.groups is None else [*parts, self.groups]

    def in_bags(self, bags: Bags) -> NDArray[np.bool_]:
        """Tell of the rows that count which are in which bags, (n_rows, n_members)."""
        if self.groups is not None:
            return bags.of_hashes(self.groups[self.row_numbers])
        return bags.of(self.X, self.rows)

    def check_bags(self, in_bags: NDArray[np.bool_]) -> None:
        """Refuse bags, of the rows that count, in which no row has a positive weight."""
        rows, weight = self.row_numbers, self.weight()
        if weight is not None:
            rows, in_bags = rows[weight > 0], in_bags[weight > 0]
        groups = None if self.groups is None else self.groups[rows]
        check_all_train(in_bags.sum(axis=0), len(rows), groups)

    def split(
        self, fraction: float, seed: int, stratify: bool
    ) -> tuple[TrainingData, TrainingData]:
        """Hold a fraction of the rows out for validation; both are over the same arrays.
        Returns the training data first. ``stratify`` leaves the shares of classes alone.
        """
        training, held_out = hold_out(
            self.row_numbers,
            fraction,
            seed,
            self.target() if stratify else None,
            because="early_stopping=True",
            instead="set early_stopping=False",
        )
        return replace(self, rows=np.sort(training)), replace(self, rows=np.sort(held_out))


def hold_out(
    rows: NDArray[np.intp],
    fraction: float,
    random_state: Any,
    classes: Any,
    *,
    because: str,
    instead: str,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split row numbers in those to train on and those to validate on, with the same shares
    of the classes if there are any. The error says ``because`` of what, and what to do.
    """
    try:
        training, held_out = train_test_split(
            rows, test_size=fraction, random_state=random_state, stratify=classes
        )
    except ValueError as error:
        raise ValueError(
            f"{because} sets aside validation_fraction={fraction} of {len(rows)} samples, "
            f"which cannot be done ({error}). Give X_val and y_val, or {instead}."
        ) from error
    return training, held_out


def check_weights(sample_weight: Any, X: Any) -> tuple[Any, NDArray[np.intp] | None]:
    """Return weights as float64, and the rows of positive weight (None if all are).
    Weights that are negative, not finite or all zero are refused.
    """
    if sample_weight is None:
        return None, None
    refuse_unusable(sample_weight, "sample_weight")
    if not np.any(np.asarray(sample_weight, dtype=np.float64)):
        raise ValueError(
            "All entries of sample_weight are zero, so there is nothing to fit; give at "
            "least one sample a positive weight."
        )
    like = np.empty((_num_samples(X), 1))  # of X it asks the length, and the array API
    checked = _check_sample_weight(
        sample_weight, like, dtype=np.float64, ensure_non_negative=True
    )
    rows = np.flatnonzero(checked)
    return checked, None if len(rows) == len(checked) else rows


def weight_of_class(classes: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """Return the weight of each sample of a stream by its class: see `class_weight`."""
    known = classes.max() < len(weight)
    found = weight[classes] if known else np.array(np.nan)
    if np.isnan(found).any():
        raise ValueError(
            "A class came that the first reading did not have, so its weight is unknown. "
            "Leave class_weight out, or give the same samples in each reading."
        )
    return found


def check_both_given(X_val: Any, y_val: Any) -> None:
    """Refuse validation data without targets, or targets without data."""
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"{missing} is missing: give both X_val and y_val, or neither.")
