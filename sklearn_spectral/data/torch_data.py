"""Data sets and loaders of torch as input: samples with their targets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .refused import refuse_unusable
from .rows import (
    Rows,
    SlicedRows,
    as_rows,
    input_error,
    refuse_not_finite,
    row_numbers_error,
    slices,
)

READ_TOGETHER = 1024
"""How many samples of a data set are put together when no loader says so."""


def is_torch_data(values: Any) -> bool:
    """Tell whether something is a torch Dataset or DataLoader; torch is not imported."""
    torch_data = sys.modules.get("torch.utils.data")
    if torch_data is None or isinstance(values, np.ndarray):
        return False
    return isinstance(values, torch_data.Dataset | torch_data.DataLoader)


def check_no_targets(name: str, data: Any, advice: str = "", **given: Any) -> None:
    """Refuse targets or weights that are given beside torch data, by their names."""
    names = [argument for argument, value in given.items() if value is not None]
    if names:
        raise input_error(
            name,
            data,
            "Its samples bring their own targets, so that "
            f"{' and '.join(names)} cannot be given as well",
            f"leave out {' and '.join(given)}{advice}",
        )


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
    """Yield inputs, flattened to (n, n_features), and targets, some samples at a time.
    Without ``need_targets`` all but the input is ignored, and the targets are None.
    """
    batches = _batches(data, need_targets)
    try:
        yield next(batches)
    except StopIteration:
        raise ValueError(f"{type(data).__name__} gave no samples.") from None
    yield from batches


def _batches(data: Any, need_targets: bool) -> Iterator[tuple[Any, Any]]:
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


def torch_rows(data: Any, need_targets: bool = True) -> tuple[Any, Any]:
    """Return torch data as an array or `Rows`, and the targets, which are read here.
    A DataLoader and an IterableDataset are read anew in each epoch, another Dataset by its
    indices; a TensorDataset is taken for its tensors. Targets that no one needs are None.
    """
    from torch.utils.data import DataLoader, IterableDataset, TensorDataset

    if type(data) is TensorDataset and (len(data.tensors) == 2 or not need_targets):
        arrays = [_as_array(tensor) for tensor in data.tensors]
        return arrays[0].reshape(len(arrays[0]), -1), arrays[1] if need_targets else None
    n_rows, n_features, targets = 0, 0, []
    dtype: np.dtype | None = None
    for x, y in batches_of(data, need_targets):
        if n_features not in (0, x.shape[1]):
            raise ValueError(
                f"The samples of {type(data).__name__} are of different sizes: "
                f"{n_features} and {x.shape[1]} numbers. Bring them to one size."
            )
        if x.dtype.kind == "f":
            refuse_not_finite(x, n_rows)
        n_rows, n_features = n_rows + len(x), x.shape[1]
        dtype = x.dtype if dtype is None else np.result_type(dtype, x.dtype)
        targets.append(y)
    in_order = isinstance(data, DataLoader | IterableDataset)
    rows = (Stream if in_order else DatasetRows)(data, (n_rows, n_features), dtype)
    return rows, np.concatenate(targets) if need_targets else None


def torch_validation_rows(X_val: Any, y_val: Any) -> tuple[Any, Any]:
    """Return validation data of torch as rows and targets; a stream cannot be used."""
    check_no_targets("X_val", X_val, y_val=y_val)
    rows, y = torch_rows(X_val)
    as_rows(rows).check_row_numbers("Validation", "X_val")
    return rows, y


class Stream(Rows):
    """A torch IterableDataset or DataLoader: rows one after the other, with their targets.
    Each reading may have another order, but as many rows as the first, which found shape
    and dtype."""

    in_file = True
    is_random_access = has_row_numbers = False

    def __init__(self, data: Any, shape: tuple[int, int], dtype: Any) -> None:
        self.array, self.shape, self.dtype = data, shape, np.dtype(dtype)

    def pairs(self, need_targets: bool = True) -> Iterator[tuple[NDArray[Any], Any]]:
        """Read inputs and targets from start to end."""
        n_rows = 0
        for x, y in _batches(self.array, need_targets):
            n_rows += len(x)
            if n_rows > len(self):
                break
            yield x, y
        if n_rows != len(self):
            than = "more" if n_rows > len(self) else f"{n_rows}, fewer"
            raise ValueError(
                f"{type(self.array).__name__} gave {than} than the {len(self)} samples of "
                "its first reading. fit needs as many each time; for data without an end "
                "call partial_fit on portions of them."
            )

    def chunks(
        self, n_rows: int | None = None, rows: NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield all inputs as they come, cut to ``n_rows`` if that is given."""
        assert rows is None
        start = 0
        for x, _ in self.pairs(need_targets=False):
            for part in slices(len(x), n_rows or len(x)):
                yield slice(start + part.start, start + part.stop), x[part]
            start += len(x)

    def check_finite(self) -> None:
        """Do nothing: the first reading has checked it."""

    def check_row_numbers(self, feature: str, name: str = "X") -> None:
        """Refuse a feature that needs rows by their numbers."""
        advice = "use a Dataset with __getitem__ and __len__, or an array"
        raise row_numbers_error(name, self.array, feature, advice)


class DatasetRows(SlicedRows):
    """The inputs of a torch Dataset, read by their indices."""

    def __init__(self, data: Any, shape: tuple[int, int], dtype: Any) -> None:
        super().__init__(_Samples(data, shape, dtype))

    def check_finite(self) -> None:
        """Do nothing: the first reading has checked it."""


class _Samples:
    """The inputs of a torch Dataset by slices, as `SlicedRows` reads them."""

    def __init__(self, data: Any, shape: tuple[int, int], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._data = data

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        index, data = range(*rows.indices(self.shape[0])), self._data
        if hasattr(data, "__getitems__"):
            samples = data.__getitems__(list(index))
        else:
            samples = [data[position] for position in index]
        inputs = [
            _input_as_array(sample[0] if isinstance(sample, tuple | list) else sample, data)
            for sample in samples
        ]
        return np.stack([x.reshape(-1) for x in inputs])
