"""In-memory batches for skorch: cut from arrays at once, placed on the device.

The usual loader of torch collates a batch sample by sample; an array needs only one
indexing operation. Sparse and memory-mapped arrays are made dense one batch at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ._arrays import densify, is_memmap, row_chunks
from ._random import seed_sequence

Batch: TypeAlias = tuple[Tensor, tuple[Tensor, Tensor | None]]


class ArrayDataset(torch.utils.data.Dataset):
    """Rows of arrays, with their targets and weights.

    Parameters
    ----------
    X : ndarray, memmap or CSR matrix of shape (n_samples, n_features)
        The input, never copied as a whole unless it is moved to another device.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        The target.
    sample_weight : ndarray of shape (n_samples,), optional
        Weight of each sample.
    rows : ndarray of int, optional
        Which rows of the arrays belong to the data set; all by default.
    dtype : numpy dtype, default=float64
        Type of the batches.
    device : torch.device, optional
        Where the batches go. Dense data are moved once, not batch by batch.
    """

    def __init__(
        self,
        X: Any,
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None = None,
        rows: NDArray[np.intp] | None = None,
        dtype: Any = np.float64,
        device: torch.device | None = None,
    ) -> None:
        self.X = X
        self.rows = rows
        self.dtype = np.dtype(dtype)
        self.device = torch.device("cpu") if device is None else device
        # Class indices stay integers, values take the type that trains.
        self.y = self._tensor(y, np.int64 if y.dtype.kind == "i" else self.dtype)
        self.sample_weight = (
            None if sample_weight is None else self._tensor(sample_weight, self.dtype)
        )
        self.is_sparse = sparse.issparse(X)
        self._resident: Tensor | None = None
        self._whole: Batch | None = None
        if self.device.type != "cpu" and not self.is_sparse and not is_memmap(X):
            self._resident = self._tensor(X, self.dtype)

    def __len__(self) -> int:
        return self.X.shape[0] if self.rows is None else len(self.rows)

    def __getitem__(self, index: int) -> Batch:
        return self.take(np.asarray([index]))

    @property
    def streams(self) -> bool:
        """Whether a dense copy of the whole is to be avoided."""
        return self.is_sparse or is_memmap(self.X)

    def take(self, index: NDArray[np.intp] | slice) -> Batch:
        """Return the given rows of the data set.

        Parameters
        ----------
        index : ndarray of int or slice
            Positions within the data set.

        Returns
        -------
        X : Tensor of shape (n, n_features)
            Dense, on the device.
        target : tuple of (Tensor, Tensor or None)
            The targets and weights of these rows.
        """
        if self.rows is not None:
            index = self.rows[index]
        where = (
            index
            if isinstance(index, slice)
            else torch.from_numpy(np.asarray(index)).to(self.device)
        )
        weight = None if self.sample_weight is None else self.sample_weight[where]
        if self._resident is not None:
            return self._resident[where], (self.y[where], weight)
        return self._tensor(self.X[index], self.dtype), (self.y[where], weight)

    def whole(self) -> Batch:
        """Return all rows as one batch, made once and kept."""
        if self._whole is None:
            self._whole = self.take(slice(0, len(self)))
        return self._whole

    def _tensor(self, values: Any, dtype: Any) -> Tensor:
        # torch cannot hold read-only memory; np.require copies only where it must.
        dense = np.require(densify(values, dtype), requirements=["C", "W"])
        return torch.from_numpy(dense).to(self.device)


class BatchIterator:
    """Batches of an `ArrayDataset`, in an order fixed by seed and epoch.

    Parameters
    ----------
    dataset : ArrayDataset
        The data.
    batch_size : int
        Rows per batch; the last may have fewer.
    shuffle : bool, default=False
        Whether to draw a new order each epoch. One batch that holds everything is
        never shuffled.
    seed : int, default=0
        Together with the epoch it decides the order, so that no state has to be kept.
    first_epoch : int, default=0
        Number of the next epoch.
    """

    def __init__(
        self,
        dataset: ArrayDataset,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        first_epoch: int = 0,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = first_epoch

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        n_rows = len(self.dataset)
        if n_rows <= self.batch_size:
            yield self.dataset.whole()
            return
        order: NDArray[np.intp] | None = None
        if self.shuffle:
            bits = np.random.PCG64(seed_sequence(self.seed, 1, epoch))
            order = np.random.Generator(bits).permutation(n_rows)
        for start in range(0, n_rows, self.batch_size):
            rows = slice(start, min(start + self.batch_size, n_rows))
            yield self.dataset.take(rows if order is None else order[rows])


class FullBatch:
    """All rows as one batch of bounded memory, for solvers that need the full gradient.

    It iterates once per epoch and yields itself; `chunks` gives the pieces, whose
    losses are to be added with the share of rows each has.

    Parameters
    ----------
    dataset : ArrayDataset
        The data.
    batch_size : int, optional
        Not used; skorch passes it to every iterator.
    """

    def __init__(self, dataset: ArrayDataset, batch_size: int | None = None) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[FullBatch]:
        yield self

    def chunks(self) -> Iterator[tuple[Batch, float]]:
        """Yield batches and the share of all rows that each holds."""
        if not self.dataset.streams:
            yield self.dataset.whole(), 1.0
            return
        n_rows = len(self.dataset)
        itemsize = self.dataset.dtype.itemsize
        for rows in row_chunks(n_rows, self.dataset.X.shape[1], itemsize):
            yield self.dataset.take(rows), (rows.stop - rows.start) / n_rows
