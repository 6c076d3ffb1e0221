"""Batches for skorch: rows of arrays by their places in an epoch's order, on the device.

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
from scipy.sparse import issparse
from torch import Tensor

from ..data.blocks import ALONE, FileReader, Share, groups
from ..data.rows import (
    CHUNK_BYTES,
    ArrayRows,
    Rows,
    as_rows,
    chunk_rows,
    densify,
    row_chunks,
    slices,
)
from ..nn.seen_columns import WIDE, SeenColumns
from ..spec.random_bits import seed_sequence
from .convert import torch_dtype
from .device import has_room

Batch: TypeAlias = tuple[Any, tuple[Tensor, Tensor | None]]
"""Rows, as a tensor or `SeenColumns`, their targets and their weights."""

Chunk: TypeAlias = tuple[Tensor, Tensor, Tensor | None, Tensor]
"""Rows, their targets, their weights, and which members have them in their bags."""

Reader: TypeAlias = Callable[[int, int], Batch]
"""Returns the rows from one place to another in an order; places are asked for ascending.
The input that it gave last may be overwritten."""

FULL_BATCH_BYTES = 2**27
"""About how much memory the widest layer of one chunk of a full batch may take."""

ORDERED_NUMBERS = 2**20
"""Data of no more numbers are put in the order of an epoch at once."""

CACHED_NUMBERS = 2**25
"""Upper bound on values cached from data in a file."""


class ArrayDataset(torch.utils.data.Dataset):
    """Rows, targets and weights as tensors of ``dtype`` on a device.
    ``rows`` are the numbers of those that belong to it. Dense data in memory
    move to a device once if there is room, else batch by batch; copied only if needed.
    ``in_bags``, of its rows, tells which members of a population train on which,
    (n_rows, n_members); weights of batches then have the same second axis."""

    def __init__(
        self,
        X: Any,
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None = None,
        rows: NDArray[np.intp] | None = None,
        dtype: Any = np.float64,
        device: torch.device | None = None,
        in_bags: NDArray[np.bool_] | None = None,
    ) -> None:
        self.X: Rows = as_rows(X)
        self.rows = rows
        self.dtype = np.dtype(dtype)
        self.device = torch.device("cpu") if device is None else device
        of_rows = slice(None) if rows is None else rows
        # Class indices stay integers, values take the type that trains.
        self.y = self._tensor(y[of_rows], np.int64 if y.dtype.kind == "i" else self.dtype)
        self.sample_weight = (
            None if sample_weight is None else self._tensor(sample_weight[of_rows])
        )
        # A byte for each row and member; as weights they would take four or eight.
        self.in_bags: Tensor | None = None
        if in_bags is not None:
            self.in_bags = self._tensor(in_bags, np.bool_)
            n_members, n_bags = in_bags.shape[1], int(in_bags[0].sum())
            self.n_left_out, self._scale = n_members - n_bags, n_members / n_bags
        # Of what was given, also where it is mapped.
        self._blocks = self.X.block_rows, self.X.buffer_blocks
        self._resident: Tensor | None = None
        self._whole: Batch | None = None
        self._staging: _Staging | None = None
        self.reads_columns = False  # set by what reads: whether it takes `SeenColumns`
        if self.X.is_dense:
            n_bytes = len(self.X) * self.X.shape[1] * self.dtype.itemsize
            if self.device.type == "cpu":
                self._resident = self._tensor(self.X.array, self.X.dtype)
            elif has_room(self.device, n_bytes):
                self._resident = self._tensor(self.X.array)
        self._on_host: Tensor | None = None
        if self._resident is None and self.device.type == "cuda":
            self._staging = _Staging(self.device)
            self._on_host = self._as_it_is()

    def __len__(self) -> int:
        return len(self.X) if self.rows is None else len(self.rows)

    def __getitem__(self, index: int) -> Batch:
        return self.take(np.asarray([index]))

    @property
    def streams(self) -> bool:
        """Whether the rows are made dense, or moved to the device, batch by batch."""
        return self._resident is None

    @property
    def torch_dtype(self) -> torch.dtype:
        """The torch type of the batches."""
        return torch_dtype(self.dtype)

    def can_cache(self, n_numbers: int) -> bool:
        """Tell whether memory has room for so many numbers of each row."""
        return not self.X.in_file or len(self) * n_numbers <= CACHED_NUMBERS

    def take(self, index: NDArray[np.intp] | slice) -> Batch:
        """Return the rows at these positions of the data set, their targets and weights."""
        of_X = index if self.rows is None else self.rows[index]
        if self._resident is None:
            x = self._send(self.X[of_X])
        elif isinstance(of_X, slice):
            x = self._resident[of_X].to(self.torch_dtype)
        else:
            x = self._resident.index_select(0, self._index(of_X)).to(self.torch_dtype)
        return x, self._targets(index)

    def whole(self) -> Batch:
        """Return all rows as one batch, made once and cached."""
        if self._whole is None:
            self._whole = self.take(slice(0, len(self)))
        return self._whole

    def reader(
        self, batch_size: int, generator: np.random.Generator | None, by_blocks: bool
    ) -> Reader:
        """Return what reads an epoch: in order without a generator, else shuffled by it,
        row by row or ``by_blocks``. Files are read by blocks unless rows are shuffled."""
        by_blocks = by_blocks or not self.X.is_random_access
        if len(self) <= batch_size:
            return self._part_of_whole
        small = batch_size < self._blocks[0]  # to be read one by one
        if self.X.in_file and (small if generator is None else by_blocks):
            return self._file_reader(generator)
        if generator is None:
            return lambda first, stop: self.take(slice(first, stop))
        if not by_blocks:
            return self._reader_in(generator.permutation(len(self)))
        order = groups(len(self.X), self._blocks, self.rows, generator)
        return self._reader_in(
            np.concatenate([each.positions[each.order] for each in order])
        )

    def chunks_with_bags(self, n_rows: int) -> Iterator[Chunk]:
        """Yield all rows in their order, with their weights and bags apart."""
        assert self.in_bags is not None
        read, weight = self.reader(n_rows, None, False), self.sample_weight
        for part in slices(len(self), n_rows):
            x, (y, _) = read(part.start, part.stop)
            yield x, y, None if weight is None else weight[part], self.in_bags[part]

    def has_rows_of(self, other: ArrayDataset) -> bool:
        """Tell whether rows, targets and bags are those of another, weights apart."""
        if self is other:
            return True
        if self.dtype != other.dtype or self.device != other.device:
            return False
        names = ("y", "in_bags", "rows")
        if not all(same(getattr(self, name), getattr(other, name)) for name in names):
            return False
        if self._resident is None or other._resident is None:
            mine, theirs = self.X.contents(), other.X.contents()
            is_sparse = isinstance(mine, list) and isinstance(theirs, list)
            return all(map(same, mine, theirs)) if is_sparse else mine is theirs
        return same(self._resident, other._resident)

    def places(self) -> ArrayDataset:
        """Return a data set of the same rows, whose targets are their places."""
        result = copy(self)
        result.y = torch.arange(len(self), device=self.device)
        result.sample_weight = result.in_bags = result._whole = None
        return result

    def is_small(self, n_numbers: int) -> bool:
        """Tell whether the rows are in memory, and no more than so many numbers."""
        return self._resident is not None and len(self) * self.X.shape[1] <= n_numbers

    def bags(self) -> Tensor | None:
        """Return the weight that a row has for each member, (n_rows, n_members)."""
        if self.in_bags is None:
            return None
        return bag_weights(self.in_bags, self._scale, self.torch_dtype, None)

    def mapped(self, function: Callable[[Tensor], Tensor]) -> ArrayDataset:
        """Return a data set whose input is a function of this one's rows, on the device."""
        result = copy(self)
        chunks = [
            function(self.take(rows)[0])
            for rows in row_chunks(len(self), self.X.shape[1], self.dtype.itemsize)
        ]
        result._resident = torch.cat(chunks)
        result.X = ArrayRows(result._resident)
        result.rows = result._whole = result._staging = result._on_host = None
        return result

    def _part_of_whole(self, first: int, stop: int) -> Batch:
        is_whole = (first, stop) == (0, len(self))
        return self.whole() if is_whole else self.take(slice(first, stop))

    def _file_reader(self, generator: np.random.Generator | None) -> Reader:
        ahead = FileReader(self.X, self.rows, generator)

        def read(first: int, stop: int) -> Batch:
            values, positions = ahead.read(first, stop)
            return self._send(values), self._targets(positions)

        return read

    def _reader_in(self, order: NDArray[np.intp]) -> Reader:
        """Return a reader of rows that can be had by number, into memory used again; few
        rows are put in order at once."""
        if self.is_small(ORDERED_NUMBERS):
            x, (y, weight) = self.take(order)

            def read_part(first: int, stop: int) -> Batch:
                part = slice(first, stop)
                return x[part], (y[part], None if weight is None else weight[part])

            return read_part
        positions = self._index(order)
        numbers = order if self.rows is None else self.rows[order]
        numbers_there = positions if self.rows is None else self._index(numbers)
        memory: Tensor | None = None

        def read(first: int, stop: int) -> Batch:
            nonlocal memory
            if self._on_host is not None and self._staging is not None:
                index = torch.from_numpy(numbers[first:stop])
                x = self._staging.send_rows(self._on_host, index)
            elif self._resident is None:
                x = self._batch_of(self.X[numbers[first:stop]])
            else:
                n = stop - first
                if memory is None or len(memory) < n:
                    memory = self._resident.new_empty(n, self._resident.shape[1])
                index = numbers_there[first:stop]
                x = torch.index_select(self._resident, 0, index, out=memory[:n])
                x = x if x.dtype == self.torch_dtype else x.to(self.torch_dtype)
            now = positions[first:stop]
            return x, self._targets_by(lambda values: values.index_select(0, now))

        return read

    def _targets(self, index: NDArray[np.intp] | slice) -> tuple[Tensor, Tensor | None]:
        where = index if isinstance(index, slice) else self._index(index)
        return self._targets_by(lambda values: values[where])

    def _targets_by(self, take: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor | None]:
        """Return targets and weights; ``take`` takes some rows of what has all of them."""
        weight = None if self.sample_weight is None else take(self.sample_weight)
        if self.in_bags is not None:
            in_bags = take(self.in_bags)
            weight = bag_weights(in_bags, self._scale, self.torch_dtype, weight)
        return take(self.y), weight

    def _send(self, rows: Any) -> Tensor:
        """Make rows dense and send them to the device."""
        if self._staging is not None:
            return self._staging.send(densify(rows, self.dtype))
        return self._tensor(rows)

    def _batch_of(self, rows: Any) -> Any:
        """Return rows of a batch: of sparse ones the columns seen, where that is read."""
        if self.reads_columns and rows.shape[1] >= WIDE and issparse(rows):
            return SeenColumns.of(rows, self.dtype)
        return self._send(rows)

    def _as_it_is(self) -> Tensor | None:
        """Return the rows as a tensor in memory, if they need no copy for that."""
        if not self.X.is_dense or self.X.in_file:
            return None
        array = self.X.array
        fits = array.dtype == self.dtype and array.flags.writeable
        return torch.from_numpy(array) if fits and array.flags.c_contiguous else None

    def _index(self, index: NDArray[np.intp]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(index, np.int64)).to(self.device)

    def _tensor(self, values: Any, dtype: Any = None) -> Tensor:
        dense = densify(values, self.dtype if dtype is None else dtype)
        # torch cannot hold read-only memory; np.require copies only where it must.
        dense = np.require(dense, requirements=["C", "W"])
        return torch.from_numpy(dense).to(self.device)


def same(left: Any, right: Any) -> bool:
    """Tell whether two tensors or arrays are equal, or neither is there."""
    if left is None or right is None:
        return left is right
    is_tensor = isinstance(left, Tensor)
    return left is right or bool(
        (torch.equal if is_tensor else np.array_equal)(left, right)
    )


def bag_weights(
    in_bags: Tensor, scale: float, dtype: torch.dtype, weight: Tensor | None
) -> Tensor:
    """Return the weights of rows for each member, (n_rows, n_members): those not in its bag
    have none; ``scale`` makes up for that, so that a row's mean is its weight, or one."""
    of_members = in_bags.to(dtype)
    return of_members.mul_(scale if weight is None else (scale * weight).unsqueeze(1))


class _Staging:
    """Two buffers of page-locked memory, through which batches go to a GPU in turn.
    A copy runs while the GPU computes; a buffer is written again when its copy is done.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._buffers: list[Tensor | None] = [None, None]
        self._copied = [torch.cuda.Event(), torch.cuda.Event()]
        self._turn = 0

    def send(self, dense: NDArray[Any]) -> Tensor:
        """Return an array's copy on the device, without waiting for it."""
        values = torch.from_numpy(np.require(dense, requirements=["C", "W"]))
        return self._send(len(values), values, lambda rows: rows.copy_(values))

    def send_rows(self, source: Tensor, index: Tensor) -> Tensor:
        """Return the copy of some rows, gathered where they are sent from."""

        def gather(rows: Tensor) -> None:
            torch.index_select(source, 0, index, out=rows)

        return self._send(len(index), source, gather)

    def _send(self, n_rows: int, like: Tensor, write: Callable[[Tensor], object]) -> Tensor:
        turn, self._turn = self._turn, 1 - self._turn
        self._copied[turn].synchronize()
        buffer, width = self._buffers[turn], like.shape[1]
        if buffer is None or buffer.shape[1] != width or len(buffer) < n_rows:
            buffer = like.new_empty(n_rows, width, pin_memory=True)
            self._buffers[turn] = buffer
        rows = buffer[:n_rows]
        write(rows)
        sent = rows.to(self.device, non_blocking=True)
        self._copied[turn].record()
        return sent


class BatchIterator:
    """Batches of a data set, in an order that follows from seed and epoch alone.
    ``shuffle`` is of rows, or of ``"blocks"``, as in files that are read by slices always.
    A single batch of everything is not shuffled. Of each batch only ``share`` is given."""

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool | str = False,
        seed: int = 0,
        first_epoch: int = 0,
        share: Share = ALONE,
    ) -> None:
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.seed, self.epoch, self.share = seed, first_epoch, share

    @property
    def sizes(self) -> list[int]:
        """How many rows each batch has, those of other processes included."""
        n_rows = len(self.dataset)
        starts = range(0, n_rows, self.batch_size)
        return [min(self.batch_size, n_rows - start) for start in starts]

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def next_generator(self) -> np.random.Generator | None:
        """Return what draws the order of the epoch that comes now; None for no shuffle."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        if not self.shuffle or len(self.dataset) <= self.batch_size:
            return None
        return np.random.Generator(np.random.PCG64(seed_sequence(self.seed, 1, epoch)))

    def __iter__(self) -> Iterator[Batch]:
        generator = self.next_generator()
        read = self.dataset.reader(self.batch_size, generator, self.shuffle == "blocks")
        first = 0
        for size in self.sizes:
            part = self.share.of(size)
            yield read(first + part.start, first + part.stop)
            first += size


class FullBatch:
    """All rows of a process's share in chunks of bounded memory, and the share of each.
    ``widest`` is the width of the widest layer, which decides how many rows a chunk has.
    """

    def __init__(self, dataset: Any, widest: int, share: Share = ALONE) -> None:
        self.dataset, self.share = dataset, share
        n_bytes = CHUNK_BYTES if dataset.streams else FULL_BATCH_BYTES
        self.chunk_size = rows_of_full_batch(
            len(dataset), widest, dataset.dtype.itemsize, n_bytes
        )

    def __iter__(self) -> Iterator[tuple[Batch, float]]:
        n_rows = len(self.dataset)
        part = self.share.of(n_rows)
        read = self.dataset.reader(self.chunk_size, None, False)
        for start in range(part.start, part.stop, self.chunk_size):
            stop = min(start + self.chunk_size, part.stop)
            yield read(start, stop), (stop - start) / n_rows


def rows_of_full_batch(
    n_rows: int, widest: int, itemsize: int = 8, n_bytes: int = FULL_BATCH_BYTES
) -> int:
    """Return how many rows a chunk of a full batch has, whose widest layer is bounded."""
    return min(n_rows, chunk_rows(widest, itemsize, n_bytes))
