"""Batches from data that can only be read from their beginning to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.bags import Bags, check_all_train
from ..data.blocks import ReadAhead
from ..data.rows import slices
from ..data.torch_data import Stream
from ..data.training_data import weight_of_class
from .batches import Batch, Chunk, Reader, bag_weights
from .convert import to_numpy, torch_dtype


class StreamDataset(torch.utils.data.Dataset):
    """What `ArrayDataset` is for arrays, for a `Stream`.
    ``encode`` makes targets fit for the loss; ``class_weight`` is of shape (n_classes,);
    ``bags`` are found anew in each reading; those of all have to agree. Unless this is a
    ``partial`` fit each member has to have rows.
    """

    streams = True

    def __init__(
        self,
        X: Any,
        encode: Callable[[Any], NDArray[Any]],
        class_weight: NDArray[Any] | None,
        dtype: Any,
        device: torch.device,
        bags: Bags | None = None,
        *,
        partial: bool = False,
    ) -> None:
        self.X, self.encode, self.class_weight = X, encode, class_weight
        self.bags, self.partial = bags, partial
        self._counts: NDArray[np.intp] | None = None
        self.dtype, self.device = np.dtype(dtype), device

    def __len__(self) -> int:
        return len(self.X)

    @property
    def n_left_out(self) -> int:
        """How many members leave a row out."""
        return 0 if self.bags is None else self.bags.n_left_out

    def can_cache(self, n_numbers: int) -> bool:
        """Return False: streams are never cached."""
        return False

    def reader(
        self, batch_size: int, generator: np.random.Generator | None, by_blocks: bool
    ) -> Reader:
        """Return what reads an epoch, shuffled within a buffer if there is a generator."""
        ahead = StreamReader(self.X, batch_size, generator)
        tally = self._tally()
        return lambda first, stop: self._batch(*ahead.read(first, stop), tally)

    def chunks_with_bags(self, n_rows: int) -> Iterator[Chunk]:
        """Yield all rows in their order, with their weights and bags apart."""
        assert self.bags is not None
        ahead, tally = StreamReader(self.X, n_rows, None), self._tally()
        for part in slices(len(self), n_rows):
            x, y = ahead.read(part.start, part.stop)
            target, weight = self._targets(y)
            in_bags = self._in_bags(x, weight, tally)
            yield self._tensor(x, self.dtype), target, weight, in_bags

    def _batch(self, x: NDArray[Any], y: NDArray[Any], tally: _Tally) -> Batch:
        target, weight = self._targets(y)
        if self.bags is not None:
            in_bags = self._in_bags(x, weight, tally)
            dtype = torch_dtype(self.dtype)
            weight = bag_weights(in_bags, self.bags.scale, dtype, weight)
        return self._tensor(x, self.dtype), (target, weight)

    def _tally(self) -> _Tally:
        n_members = 0 if self.bags is None else self.bags.n_members
        return _Tally(np.zeros((2, n_members), np.intp))

    def _in_bags(
        self, x: NDArray[Any], weight: torch.Tensor | None, tally: _Tally
    ) -> torch.Tensor:
        """Tell which rows are in which bags; count them, and check a whole reading."""
        assert self.bags is not None
        in_bags = self.bags.of_rows(x)
        weighed = np.ones(len(x), bool) if weight is None else to_numpy(weight) > 0
        tally.n_rows += len(x)
        tally.n_weighed += int(weighed.sum())
        tally.in_bags += [in_bags.sum(axis=0), in_bags[weighed].sum(axis=0)]
        if tally.n_rows == len(self):
            self._check(tally)
        return self._tensor(in_bags, np.bool_)

    def _check(self, tally: _Tally) -> None:
        """Refuse bags that are others than before, or that have no rows."""
        if self._counts is None:
            self._counts = tally.in_bags[0]
            if not self.partial:
                check_all_train(tally.in_bags[1], tally.n_weighed)
        elif (tally.in_bags[0] != self._counts).any():
            raise ValueError(
                f"The samples of {type(self.X.array).__name__} differ between readings, "
                "but their content decides which members they train. Set "
                "bag_fraction=1.0, or give the same samples each time, in any order."
            )

    def _targets(self, y: NDArray[Any]) -> tuple[torch.Tensor, torch.Tensor | None]:
        target, weight = self.encode(y), None
        if self.class_weight is not None:
            of_class = weight_of_class(target, self.class_weight)
            weight = self._tensor(of_class, self.dtype)
        dtype = np.int64 if target.dtype.kind == "i" else self.dtype
        return self._tensor(target, dtype), weight

    def _tensor(self, values: NDArray[Any], dtype: Any) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype)).to(self.device)


@dataclass
class _Tally:
    """How many rows a reading had so far, in each bag and in all: any, and of weight."""

    in_bags: NDArray[np.intp]  # (2, n_members)
    n_rows: int = 0
    n_weighed: int = 0


class StreamReader(ReadAhead):
    """Reads a stream, a buffer of rows at a time; the labels are its targets."""

    def __init__(
        self, X: Stream, batch_size: int, generator: np.random.Generator | None
    ) -> None:
        super().__init__(X.shape[1], X.dtype)
        self._pairs, self._n_rows, self._generator = X.pairs(), len(X), generator
        self._room = max(batch_size, X.buffer_rows)

    def read(self, first: int, stop: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return rows and targets; with the last, see that the stream has no more."""
        rows = super().read(first, stop)
        if stop == self._n_rows:
            next(self._pairs, None)
        return rows

    def _refill(self, x, labels):
        read, n = [(x, labels)] if len(x) else [], len(x)
        while n < self._room and (pair := next(self._pairs, None)) is not None:
            read.append(pair)
            n += len(pair[0])
        x, y = (np.concatenate(side) for side in zip(*read, strict=True))
        generator = self._generator
        return x, y, np.arange(n) if generator is None else generator.permutation(n)
