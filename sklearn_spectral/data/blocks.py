"""Orders of rows that read a file block by block, and the buffer that shuffles them.

A new order of all rows reads a file in as many places as it has rows. Here whole blocks
are read in a new order, and some of them are shuffled together in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import release_pages
from .row_source import BLOCK_NUMBERS, BUFFER_BLOCKS, RowSource


@dataclass(frozen=True)
class Group:
    """Blocks that are in memory together.

    Parameters
    ----------
    runs : list of slice
        Rows of the array to read, ascending.
    positions : ndarray of int
        Which rows of the data set these hold, ascending.
    order : ndarray of int
        In which order they are taken.
    """

    runs: list[slice]
    positions: NDArray[np.intp]
    order: NDArray[np.intp]


@dataclass(frozen=True)
class Share:
    """One of several consecutive, equal parts of anything that is counted.

    Parameters
    ----------
    rank : int, default=0
        Which part.
    n_processes : int, default=1
        How many there are.
    """

    rank: int = 0
    n_processes: int = 1

    def of(self, n: int) -> slice:
        """Return the part of ``n`` things; it may be empty."""
        first, last = self.rank * n, (self.rank + 1) * n
        return slice(first // self.n_processes, last // self.n_processes)


ALONE = Share()
"""All of it: there is one process."""


def groups(
    X: Any,
    rows: NDArray[np.intp] | None,
    generator: np.random.Generator | None,
    n_features: int | None = None,
) -> Iterator[Group]:
    """Divide rows into groups of blocks.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        The data.
    rows : ndarray of int or None
        Which rows are in the data set, ascending; None for all.
    generator : numpy.random.Generator or None
        What shuffles the blocks, and the rows within a group; in order if None.
    n_features : int, optional
        How many numbers a row has where it is read from, if not as many as in X.

    Yields
    ------
    Group
        Until all rows were in one.
    """
    rows_of_block = max(1, BLOCK_NUMBERS // (n_features or X.shape[1]))
    n_rows = X.shape[0]
    size = X.block_rows if isinstance(X, RowSource) else rows_of_block
    blocks = np.arange(-(-n_rows // size))
    if generator is not None:
        generator.shuffle(blocks)
    n_together = max(1, BUFFER_BLOCKS * rows_of_block // size)
    for first in range(0, len(blocks), n_together):
        chosen = np.sort(blocks[first : first + n_together])
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


def shuffled_by_blocks(
    X: Any,
    rows: NDArray[np.intp] | None,
    generator: np.random.Generator,
    n_features: int | None = None,
) -> NDArray[np.intp]:
    """Return the order that `read_groups` takes rows in, for an array in memory.

    Parameters
    ----------
    X, rows, generator, n_features
        As for `groups`.

    Returns
    -------
    ndarray of int
        Positions within the data set.
    """
    order = groups(X, rows, generator, n_features)
    return np.concatenate([group.positions[group.order] for group in order])


def read_batches(
    X: Any,
    rows: NDArray[np.intp] | None,
    generator: np.random.Generator | None,
    batch_size: int,
    share: Share = ALONE,
) -> Iterator[tuple[NDArray[Any], NDArray[np.intp]]]:
    """Read an array group by group and cut batches from what is in memory.

    Parameters
    ----------
    X, rows, generator
        As for `groups`.
    batch_size : int
        Rows per batch; the last may have fewer.
    share : Share, optional
        Which part of each batch to give; all of it by default.

    Yields
    ------
    batch : ndarray of shape (n, n_features)
        Rows.
    positions : ndarray of int
        Which rows of the data set these are.
    """
    n_features = X.shape[1]
    own = share.of(batch_size)
    left_x = np.empty((0, n_features), X.dtype)
    left_positions = np.empty(0, np.intp)
    for group in groups(X, rows, generator):
        n_left = len(left_x)
        buffer = np.empty((n_left + len(group.positions), n_features), X.dtype)
        buffer[:n_left] = left_x
        filled = n_left
        for run in group.runs:
            piece = X[run]
            if rows is not None:
                low, high = np.searchsorted(rows, [run.start, run.stop])
                piece = piece[rows[low:high] - run.start]
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)
            release_pages(X)
        del piece
        order = np.concatenate([np.arange(n_left), n_left + group.order])
        positions = np.concatenate([left_positions, group.positions])
        n_whole = len(order) - len(order) % batch_size
        for start in range(0, n_whole, batch_size):
            index = order[start : start + batch_size][own]
            yield buffer[index], positions[index]
        left_x = buffer[order[n_whole:]]
        left_positions = positions[order[n_whole:]]
        del buffer  # before the next is made
    if len(left_x):
        own = share.of(len(left_x))
        yield left_x[own], left_positions[own]
