"""Orders of rows that read a file block by block, and the buffer that shuffles them.

A new order of all rows reads a file in as many places as it has rows. Here whole blocks
are read in a new order, and some of them are shuffled together in memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rows import Rows


@dataclass(frozen=True)
class Group:
    """Blocks in memory together: slices to read, the positions in the data set that these
    rows have, both ascending, and the order in which they are taken."""

    runs: list[slice]
    positions: NDArray[np.intp]
    order: NDArray[np.intp]


@dataclass(frozen=True)
class Share:
    """One of ``n_processes`` consecutive, equal parts of anything that is counted."""

    rank: int = 0
    n_processes: int = 1

    def of(self, n: int) -> slice:
        """Return the part of ``n`` things; it may be empty."""
        first, last = self.rank * n, (self.rank + 1) * n
        return slice(first // self.n_processes, last // self.n_processes)


ALONE = Share()
"""All of it: there is one process."""


def groups(
    n_rows: int,
    blocks: tuple[int, int],
    rows: NDArray[np.intp] | None,
    generator: np.random.Generator | None,
) -> Iterator[Group]:
    """Divide ``n_rows``, or the ascending ``rows`` of them, into groups of blocks.
    ``blocks`` is the rows of a block and the blocks of a group; without a generator
    everything stays in order."""
    size, n_together = blocks
    numbers = np.arange(-(-n_rows // size))
    if generator is not None:
        generator.shuffle(numbers)
    for first in range(0, len(numbers), n_together):
        chosen = np.sort(numbers[first : first + n_together])
        breaks = np.flatnonzero(np.diff(chosen) > 1) + 1
        runs = [
            slice(int(run[0]) * size, min((int(run[-1]) + 1) * size, n_rows))
            for run in np.split(chosen, breaks)
        ]
        spans = [(run.start, run.stop) for run in runs]
        if rows is not None:
            spans = [tuple(np.searchsorted(rows, span)) for span in spans]
        positions = np.concatenate([np.arange(*span) for span in spans])
        if generator is None:
            order = np.arange(len(positions))
        else:
            order = generator.permutation(len(positions))
        if len(positions):
            yield Group(runs, positions, order)


class ReadAhead(ABC):
    """Rows in the order of an epoch, read many at a time before batches ask for them."""

    def __init__(self, n_features: int, dtype: Any) -> None:
        self._x = np.empty((0, n_features), dtype)
        self._labels: NDArray[Any] = np.empty(0, np.intp)
        self._order, self._first = np.empty(0, np.intp), 0

    def read(self, first: int, stop: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the rows from place ``first`` to ``stop`` of the order, and their labels.
        Places can only be asked for in ascending order.
        """
        while stop > (end := self._first + len(self._order)):
            begin = min(first, end)
            unread = self._order[begin - self._first :]
            x, labels = self._x[unread], self._labels[unread]
            del self._x  # before the next is made
            self._x, self._labels, self._order = self._refill(x, labels)
            self._first = begin
        index = self._order[first - self._first : stop - self._first]
        return self._x[index], self._labels[index]

    @abstractmethod
    def _refill(
        self, x: NDArray[Any], labels: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]:
        """Return the rows given and the next ones, their labels, and the order of both."""


class FileReader(ReadAhead):
    """Reads a file by groups of blocks; the labels are positions in the data set."""

    def __init__(
        self,
        X: Rows,
        rows: NDArray[np.intp] | None,
        generator: np.random.Generator | None,
    ) -> None:
        super().__init__(X.shape[1], X.dtype)
        self._source, self._rows = X, rows
        blocks = (X.block_rows, X.buffer_blocks)
        self._groups = groups(len(X), blocks, rows, generator)
        self._memory = self._x

    def _refill(self, x, labels):
        group, rows, n_unread = next(self._groups), self._rows, len(x)
        n_rows = n_unread + len(group.positions)
        if n_rows > len(self._memory):
            del self._memory  # before the next is made
            self._memory = np.empty((n_rows, x.shape[1]), x.dtype)
        # Memory used again: large arrays, made and freed between batches, scatter the rest.
        buffer = self._memory[:n_rows]
        buffer[:n_unread] = x
        filled = n_unread
        for run in group.runs:
            read = self._source[run]
            if rows is not None:
                low, high = np.searchsorted(rows, [run.start, run.stop])
                read = read[rows[low:high] - run.start]
            buffer[filled : filled + len(read)] = read
            filled += len(read)
            self._source.release()
        positions = np.concatenate([labels, group.positions])
        return buffer, positions, np.r_[np.arange(n_unread), n_unread + group.order]
