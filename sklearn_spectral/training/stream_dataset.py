"""Batches from data that can only be read from their beginning to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.bags import Bags
from ..data.blocks import ReadAhead
from ..data.rows import slices
from ..data.torch_data import Stream
from .batches import Batch, Chunk, Reader, bag_weights


class StreamDataset(torch.utils.data.Dataset):
    """What `ArrayDataset` is for arrays, for a `Stream`.
    ``encode`` makes targets fit for the loss; ``class_weight`` is of shape (n_classes,);
    ``bags`` are found anew in each reading.
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
    ) -> None:
        self.X, self.encode, self.class_weight = X, encode, class_weight
        self.bags = bags
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
        return lambda first, stop: self._batch(*ahead.read(first, stop))

    def chunks_with_bags(self, n_rows: int) -> Iterator[Chunk]:
        """Yield all rows in their order, with their weights and bags apart."""
        assert self.bags is not None
        ahead = StreamReader(self.X, n_rows, None)
        for part in slices(len(self), n_rows):
            x, y = ahead.read(part.start, part.stop)
            target, weight = self._targets(y)
            in_bags = self._tensor(self.bags.of_rows(x), np.bool_)
            yield self._tensor(x, self.dtype), target, weight, in_bags

    def _batch(self, x: NDArray[Any], y: NDArray[Any]) -> Batch:
        target, weight = self._targets(y)
        if self.bags is not None:
            in_bags = self._tensor(self.bags.of_rows(x), np.bool_)
            dtype = torch.from_numpy(np.empty(0, self.dtype)).dtype
            weight = bag_weights(in_bags, self.bags.scale, dtype, weight)
        return self._tensor(x, self.dtype), (target, weight)

    def _targets(self, y: NDArray[Any]) -> tuple[torch.Tensor, torch.Tensor | None]:
        target, weight = self.encode(y), None
        if self.class_weight is not None:
            known = target.max() < len(self.class_weight)
            of_class = self.class_weight[target] if known else np.array(np.nan)
            if np.isnan(of_class).any():
                raise ValueError(
                    "A class came that the first reading did not have, so that its weight "
                    "is not known. Leave class_weight out, or give the same samples in "
                    "each reading."
                )
            weight = self._tensor(of_class, self.dtype)
        dtype = np.int64 if target.dtype.kind == "i" else self.dtype
        return self._tensor(target, dtype), weight

    def _tensor(self, values: NDArray[Any], dtype: Any) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype)).to(self.device)


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
