"""The fit of estimators whose members leave rows out: with groups of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from .calls import fitting


class GroupedFitMixin:
    """``fit`` of the spectral estimators; to stand before the mixins of their kind."""

    _train: Callable[..., None]

    @fitting
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        *,
        groups: Any = None,
    ) -> Self:
        """Train the network and retract it.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The training data. A sparse or memory-mapped array is made dense one batch
            at a time. What is read by slices of rows, as HDF5, Zarr and Dask arrays, is
            read block by block, and so are a Dataset, an IterableDataset and a DataLoader
            of torch, whose samples are pairs (x, y).
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels of a classifier, one each; targets of a regressor. None if X brings
            them, as torch data do.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples; those of weight zero are left out.
        X_val : {array-like, sparse matrix, torch Dataset}, optional
            Validation data for early stopping, instead of a part of X. In a Pipeline,
            ``transform_input=["X_val"]`` has them transformed as X is.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), optional
            Their labels or targets; None if X_val brings them.
        groups : array-like of shape (n_samples,), optional
            A number or a string for each row, where ``bag_fraction`` is below 1: rows of
            one group, such as measurements of one patient, are left out by the same
            members. Without groups rows that are equal are. What ``early_stopping=True``
            holds out is drawn row by row.

        Returns
        -------
        object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid; the message says what was
            expected.
        KeyboardInterrupt
            On Ctrl-C; see the notes of the class.
        """
        self._train(X, y, sample_weight, X_val, y_val, groups=groups)
        return self
