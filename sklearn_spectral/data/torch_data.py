"""Data sets and loaders of torch as input: samples with their targets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import refuse_not_finite
from .refused import refuse_unusable
from .row_source import RowSource

READ_TOGETHER = 1024
"""How many samples of a data set are put together when no loader says so."""


def is_torch_data(values: Any) -> bool:
    """Tell whether something is a torch Dataset or DataLoader; torch is not imported.

    Parameters
    ----------
    values : object
        Anything.

    Returns
    -------
    bool
        Whether it is.
    """
    torch_data = sys.modules.get("torch.utils.data")
    if torch_data is None:
        return False
    return isinstance(values, torch_data.Dataset | torch_data.DataLoader)


def _input_as_array(values: Any, data: Any) -> NDArray[Any]:
    """Return the input of a sample, or of several, as an array."""
    if isinstance(values, list | tuple | dict):
        # torch's loader would have put lists of numbers together column by column.
        raise ValueError(
            f"The inputs of {type(data).__name__} are of type {type(values).__name__}; "
            "expected arrays or tensors. Give pairs (x, y) of them."
        )
    refuse_unusable(values, "X")
    return _as_array(values)


def _as_array(values: Any) -> NDArray[Any]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if values.dtype.is_floating_point and values.dtype.itemsize < 4:
            values = values.float()  # bfloat16 has no counterpart in numpy
    return np.asarray(values)


def batches_of(data: Any, need_targets: bool = False) -> Iterator[tuple[Any, Any]]:
    """Yield samples and targets of torch data, some at a time.

    Parameters
    ----------
    data : torch Dataset or DataLoader
        Each sample, or each batch, is an input or a pair of an input and a target.
    need_targets : bool, default=False
        Whether to refuse what are no pairs; otherwise all but the input is left aside.

    Yields
    ------
    x : ndarray of shape (n, n_features)
        Inputs; what has more dimensions is flattened.
    y : ndarray of shape (n,) or (n, n_outputs), or None
        Targets, if they are needed.

    Raises
    ------
    ValueError
        If samples are not of these forms.
    """
    from torch.utils.data import DataLoader

    loader = data
    if not isinstance(data, DataLoader):
        loader = DataLoader(data, batch_size=READ_TOGETHER)
    for batch in loader:
        parts = list(batch) if isinstance(batch, tuple | list) else [batch]
        if need_targets and len(parts) != 2:
            what = "inputs alone" if len(parts) == 1 else f"{len(parts)} things"
            raise ValueError(
                f"The samples of {type(data).__name__} are {what}; fit and score need "
                "pairs (x, y)."
            )
        x = _input_as_array(parts[0], data)
        if x.ndim == 0 or (need_targets and np.ndim(parts[1]) == 0):
            raise ValueError(
                f"{type(data).__name__} gives single samples where batches are expected; "
                "set its batch_size."
            )
        y = _as_array(parts[1]) if need_targets else None
        if y is not None and len(x) != len(y):
            raise ValueError(
                f"{type(data).__name__} gave {len(x)} inputs with {len(y)} targets in one "
                "batch; expected as many of each."
            )
        yield x.reshape(len(x), -1), y


def pairs_of(data: Any) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield what `batches_of` does; every sample needs a target.

    Raises
    ------
    ValueError
        If one has none, or more than one, or if inputs and targets are not as many.
    """
    yield from batches_of(data, need_targets=True)


def rows_and_targets(data: Any) -> tuple[Any, NDArray[Any]]:
    """Return torch data as rows and targets; the targets are read here, all of them.

    Parameters
    ----------
    data : torch Dataset or DataLoader
        A DataLoader and an IterableDataset are read anew in each epoch, another Dataset
        by its indices. A TensorDataset is taken for its tensors.

    Returns
    -------
    X : ndarray, RowSource or Stream
        The rows.
    y : ndarray
        Targets, in the order of this first reading.

    Raises
    ------
    ValueError
        If samples have no targets, are of different sizes, or there are none.
    """
    from torch.utils.data import DataLoader, IterableDataset, TensorDataset

    if type(data) is TensorDataset and len(data.tensors) == 2:
        X, y = (np.asarray(tensor.cpu()) for tensor in data.tensors)
        return X.reshape(len(X), -1), y
    n_rows, shape, targets = 0, None, []
    kind: np.dtype | None = None
    for x, y in pairs_of(data):
        if shape not in (None, x.shape[1]):
            raise ValueError(
                f"The samples of {type(data).__name__} are of different sizes: {shape} "
                f"and {x.shape[1]} numbers. Bring them to one size."
            )
        if x.dtype.kind == "f":
            refuse_not_finite(x, n_rows)
        n_rows, shape = n_rows + len(x), x.shape[1]
        kind = x.dtype if kind is None else np.result_type(kind, x.dtype)
        targets.append(y)
    if shape is None:
        raise ValueError(f"{type(data).__name__} gave no samples.")
    y = np.concatenate(targets)
    if isinstance(data, DataLoader | IterableDataset):
        return Stream(data, (n_rows, shape), kind), y
    return RowSource(_Samples(data, (n_rows, shape), kind)), y


class Stream:
    """Rows that come one after the other, and their targets with them.

    Parameters
    ----------
    data : torch IterableDataset or DataLoader
        Read anew in each epoch; the order may differ, the number of rows may not.
    shape : tuple of int
        Number of rows and of features, as the first reading found them.
    dtype : numpy dtype
        Of the inputs.
    """

    def __init__(self, data: Any, shape: tuple[int, int], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._data = data

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        n_rows = 0
        for x, y in pairs_of(self._data):
            n_rows += len(x)
            if n_rows > len(self):
                break
            yield x, y
        if n_rows != len(self):
            than = "more" if n_rows > len(self) else f"{n_rows}, fewer"
            raise ValueError(
                f"{type(self._data).__name__} gave {than} than the {len(self)} samples of "
                "its first reading. fit needs as many each time; for data without an end "
                "call partial_fit on portions of them."
            )

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        raise ValueError(
            f"This needs rows by their numbers, which {type(self._data).__name__} does not "
            "give: early_stopping=True without X_val, an X_val of torch, a start by the "
            "covariance, checkpoint_dir and data_parallel=True do. Use a Dataset with "
            "__getitem__ and __len__, or an array."
        )


class _Samples:
    """The inputs of a torch Dataset, by slices, as `RowSource` reads them."""

    def __init__(self, data: Any, shape: tuple[int, int], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._data = data

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        index = range(*rows.indices(self.shape[0]))
        if hasattr(self._data, "__getitems__"):
            samples = self._data.__getitems__(list(index))
        else:
            samples = [self._data[position] for position in index]
        inputs = [_input_as_array(sample[0], self._data) for sample in samples]
        return np.stack([x.reshape(-1) for x in inputs])
