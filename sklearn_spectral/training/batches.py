"""In-memory batches for skorch: cut from arrays at once, placed on the device.

The usual loader of torch collates a batch sample by sample; an array needs only one
indexing operation. Sparse and memory-mapped arrays are made dense one batch at a time, and
so are arrays that a GPU has no room for. What lies in a file is read block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ..data.arrays import CHUNK_BYTES, densify, is_memmap, row_chunks
from ..data.blocks import ALONE, Share, read_batches, shuffled_by_blocks
from ..data.row_source import RowSource
from ..spec.random_bits import seed_sequence
from .device import has_room

Batch: TypeAlias = tuple[Tensor, tuple[Tensor, Tensor | None]]

FULL_BATCH_BYTES = 2**27
"""About how much memory the widest layer of one piece of a full batch may take."""


HELD_NUMBERS = 2**25
"""Of data that lie in a file, at most so many numbers are held in another form."""


class ArrayDataset(torch.utils.data.Dataset):
    """Rows of arrays, with their targets and weights.

    Parameters
    ----------
    X : ndarray, memmap, RowSource or CSR matrix of shape (n_samples, n_features)
        The input. It is copied as a whole only to another device, or if it is read-only
        or not stored row by row.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        The target.
    sample_weight : ndarray of shape (n_samples,), optional
        Weight of each sample.
    rows : ndarray of int, optional
        Which rows of the arrays belong to the data set; all by default.
    dtype : numpy dtype, default=float64
        Type of the batches.
    device : torch.device, optional
        Where the batches go. Dense data are moved once if there is room, else batch by
        batch.
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
        of_rows = slice(None) if rows is None else rows
        # Class indices stay integers, values take the type that trains.
        self.y = self._tensor(y[of_rows], np.int64 if y.dtype.kind == "i" else self.dtype)
        self.sample_weight = (
            None if sample_weight is None else self._tensor(sample_weight[of_rows])
        )
        self.n_features = X.shape[1]  # of what was given, also where it is mapped
        self._resident: Tensor | None = None
        self._whole: Batch | None = None
        self._staging: _Staging | None = None
        n_bytes = X.shape[0] * X.shape[1] * self.dtype.itemsize
        if not (sparse.issparse(X) or self.in_file):
            if self.device.type == "cpu":
                self._resident = self._tensor(X, X.dtype)
            elif has_room(self.device, n_bytes):
                self._resident = self._tensor(X)
        if self._resident is None and self.device.type == "cuda":
            self._staging = _Staging(self.device)

    # Whether rows can only be read from the first to the last; see `StreamDataset`.
    in_order_only = False

    @property
    def has_row_numbers(self) -> bool:
        """Whether any row can be had for about what the next one costs."""
        return not isinstance(self.X, RowSource)

    def __len__(self) -> int:
        return self.X.shape[0] if self.rows is None else len(self.rows)

    def __getitem__(self, index: int) -> Batch:
        return self.take(np.asarray([index]))

    @property
    def in_file(self) -> bool:
        """Whether the rows may be more than memory holds."""
        return isinstance(self.X, RowSource) or is_memmap(self.X)

    def may_be_held(self, n_numbers: int) -> bool:
        """Tell whether memory has room for something of all rows.

        Parameters
        ----------
        n_numbers : int
            How many numbers of each row.

        Returns
        -------
        bool
            True for what is in memory itself.
        """
        return not self.in_file or len(self) * n_numbers <= HELD_NUMBERS

    @property
    def streams(self) -> bool:
        """Whether the rows are made dense, or moved to the device, batch by batch."""
        return self._resident is None

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
        where = index if isinstance(index, slice) else self._index(index)
        weight = None if self.sample_weight is None else self.sample_weight[where]
        return self._rows_of_X(index), (self.y[where], weight)

    def batches(
        self, order: NDArray[np.intp], batch_size: int, share: Share = ALONE
    ) -> Iterator[Batch]:
        """Yield all rows in an order, a batch at a time.

        Parameters
        ----------
        order : ndarray of int
            Positions within the data set.
        batch_size : int
            Rows per batch; the last may have fewer.
        share : Share, optional
            Which part of each batch to give; all of it by default.

        Yields
        ------
        Batch
            What `take` gives. Its input is overwritten when the next is asked for.
        """
        in_order = self._index(order)
        of_X = order if self.rows is None else self.rows[order]
        of_X_in_order = in_order if self.rows is None else self._index(of_X)
        memory: Tensor | None = None
        for first in range(0, len(order), batch_size):
            own = share.of(min(batch_size, len(order) - first))
            start, stop = first + own.start, first + own.stop
            if self._resident is None:
                x = self._streamed(of_X[start:stop])
            else:
                if memory is None:
                    memory = self._resident.new_empty(batch_size, self._resident.shape[1])
                index = of_X_in_order[start:stop]
                into = memory[: stop - start]
                x = torch.index_select(self._resident, 0, index, out=into)
                x = x if x.dtype == self.torch_dtype else x.to(self.torch_dtype)
            now = in_order[start:stop]
            y = self.y.index_select(0, now)
            weight = self.sample_weight
            yield x, (y, None if weight is None else weight.index_select(0, now))

    def batches_by_blocks(
        self,
        generator: np.random.Generator | None,
        batch_size: int,
        share: Share = ALONE,
    ) -> Iterator[Batch]:
        """Yield all rows as `batches` does, reading a file block by block.

        Parameters
        ----------
        generator : numpy.random.Generator or None
            What shuffles; None leaves the rows in order.
        batch_size : int
            Rows per batch; the last may have fewer.
        share : Share, optional
            Which part of each batch to give; all of it by default.

        Yields
        ------
        Batch
            What `take` gives.
        """
        if not self.in_file:
            assert generator is not None
            order = shuffled_by_blocks(self.X, self.rows, generator, self.n_features)
            yield from self.batches(order, batch_size, share)
            return
        for batch, positions in read_batches(
            self.X, self.rows, generator, batch_size, share
        ):
            where, weight = self._index(positions), self.sample_weight
            target = self.y[where], None if weight is None else weight[where]
            yield self._send(batch), target

    @property
    def torch_dtype(self) -> torch.dtype:
        """The torch type of the batches."""
        return _TORCH_DTYPES[self.dtype]

    def whole(self) -> Batch:
        """Return all rows as one batch, made once and kept."""
        if self._whole is None:
            self._whole = self.take(slice(0, len(self)))
        return self._whole

    def mapped(self, function: Callable[[Tensor], Tensor]) -> ArrayDataset:
        """Return a data set whose input is a function of this one's rows.

        Parameters
        ----------
        function : callable
            Takes rows as a tensor and returns as many.

        Returns
        -------
        ArrayDataset
            Held on the device, with the same targets and weights.
        """
        result = copy(self)
        pieces = [
            function(self.take(rows)[0])
            for rows in row_chunks(len(self), self.X.shape[1], self.dtype.itemsize)
        ]
        result.X = result._resident = torch.cat(pieces)
        result.rows = result._whole = result._staging = None
        return result

    def _rows_of_X(self, index: NDArray[np.intp] | slice) -> Tensor:
        if self.rows is not None:
            index = self.rows[index]
        if self._resident is None:
            return self._streamed(index)
        if isinstance(index, slice):
            return self._resident[index].to(self.torch_dtype)
        return self._resident.index_select(0, self._index(index)).to(self.torch_dtype)

    def _streamed(self, index: NDArray[np.intp] | slice) -> Tensor:
        """Make rows dense and send them to the device."""
        return self._send(self.X[index])

    def _send(self, rows: Any) -> Tensor:
        if self._staging is not None:
            return self._staging.send(densify(rows, self.dtype))
        return self._tensor(rows)

    def _index(self, index: NDArray[np.intp]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(index, np.int64)).to(self.device)

    def _tensor(self, values: Any, dtype: Any = None) -> Tensor:
        dense = densify(values, self.dtype if dtype is None else dtype)
        # torch cannot hold read-only memory; np.require copies only where it must.
        dense = np.require(dense, requirements=["C", "W"])
        return torch.from_numpy(dense).to(self.device)


_TORCH_DTYPES = {
    np.dtype(np.float32): torch.float32,
    np.dtype(np.float64): torch.float64,
}


class _Staging:
    """Two pieces of page-locked memory, through which batches go to a GPU in turn.

    A copy from such memory runs while the GPU computes and the next batch is made. A piece
    is written again only when its copy has been done, two batches later.

    Parameters
    ----------
    device : torch.device
        A CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._pieces: list[Tensor | None] = [None, None]
        self._copied = [torch.cuda.Event(), torch.cuda.Event()]
        self._turn = 0

    def send(self, dense: NDArray[Any]) -> Tensor:
        """Return an array's copy on the device, without waiting for it."""
        turn, self._turn = self._turn, 1 - self._turn
        self._copied[turn].synchronize()
        values = torch.from_numpy(np.require(dense, requirements=["C", "W"]))
        piece = self._pieces[turn]
        if piece is None or piece.shape[1] != values.shape[1] or len(piece) < len(values):
            piece = self._pieces[turn] = torch.empty_like(values, pin_memory=True)
        rows = piece[: len(values)]
        rows.copy_(values)
        sent = rows.to(self.device, non_blocking=True)
        self._copied[turn].record()
        return sent


class BatchIterator:
    """Batches of an `ArrayDataset`, in an order fixed by seed and epoch.

    Parameters
    ----------
    dataset : ArrayDataset
        The data.
    batch_size : int
        Rows per batch; the last may have fewer.
    shuffle : bool or "blocks", default=False
        Whether to draw a new order each epoch, of all rows or of blocks of them, as
        arrays that are read by slices always are. One batch that holds everything is never
        shuffled.
    seed : int, default=0
        Together with the epoch it decides the order, so that no state has to be kept.
    first_epoch : int, default=0
        Number of the next epoch.
    share : Share, optional
        Which part of each batch to give; all of it by default.
    """

    def __init__(
        self,
        dataset: ArrayDataset,
        batch_size: int,
        shuffle: bool | str = False,
        seed: int = 0,
        first_epoch: int = 0,
        share: Share = ALONE,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = first_epoch
        self.share = share

    @property
    def sizes(self) -> list[int]:
        """How many rows each batch has, those of other processes included."""
        n_rows = len(self.dataset)
        starts = range(0, n_rows, self.batch_size)
        return [min(self.batch_size, n_rows - start) for start in starts]

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        data, n_rows = self.dataset, len(self.dataset)
        if n_rows <= self.batch_size and not data.in_order_only:
            own = self.share.of(n_rows)
            yield data.whole() if self.share is ALONE else data.take(own)
            return
        generator = None
        if self.shuffle and n_rows > self.batch_size:
            bits = np.random.PCG64(seed_sequence(self.seed, 1, epoch))
            generator = np.random.Generator(bits)
        if generator is None:
            by_blocks = data.in_file
        else:
            by_blocks = self.shuffle == "blocks" or not data.has_row_numbers
        if by_blocks:
            yield from data.batches_by_blocks(generator, self.batch_size, self.share)
        elif generator is not None:
            order = generator.permutation(n_rows)
            yield from data.batches(order, self.batch_size, self.share)
        else:
            for start in range(0, n_rows, self.batch_size):
                own = self.share.of(min(self.batch_size, n_rows - start))
                yield data.take(slice(start + own.start, start + own.stop))


class FullBatch:
    """All rows in pieces of bounded memory, for solvers that need the full gradient.

    Parameters
    ----------
    dataset : ArrayDataset
        The data.
    widest : int
        Width of the widest layer, which decides how many rows a piece may have.
    share : Share, optional
        Which part of the rows to give; all of them by default.
    """

    def __init__(self, dataset: ArrayDataset, widest: int, share: Share = ALONE) -> None:
        self.dataset, self.share = dataset, share
        n_bytes = CHUNK_BYTES if dataset.streams else FULL_BATCH_BYTES
        self.piece_size = rows_of_full_batch(
            len(dataset), widest, dataset.dtype.itemsize, n_bytes
        )

    def __iter__(self) -> Iterator[tuple[Batch, float]]:
        """Yield batches and the share of all rows that each holds."""
        n_rows, own = len(self.dataset), self.share.of(len(self.dataset))
        if self.dataset.in_order_only:
            for batch in self.dataset.batches_by_blocks(None, self.piece_size):
                yield batch, len(batch[0]) / n_rows
            return
        if self.piece_size >= n_rows == own.stop - own.start and not self.dataset.streams:
            yield self.dataset.whole(), 1.0
            return
        for start in range(own.start, own.stop, self.piece_size):
            rows = slice(start, min(start + self.piece_size, own.stop))
            yield self.dataset.take(rows), (rows.stop - rows.start) / n_rows


def rows_of_full_batch(
    n_rows: int, widest: int, itemsize: int = 8, n_bytes: int = FULL_BATCH_BYTES
) -> int:
    """Return how many rows a piece of a full batch has.

    Parameters
    ----------
    n_rows : int
        Rows of the data.
    widest : int
        Width of the widest layer.
    itemsize : int, default=8
        Bytes of one number.
    n_bytes : int, default=FULL_BATCH_BYTES
        What the widest layer of a piece may take.

    Returns
    -------
    int
        At least one.
    """
    return max(1, min(n_rows, n_bytes // (widest * itemsize)))
