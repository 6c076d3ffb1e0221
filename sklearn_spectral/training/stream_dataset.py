"""Batches from data that can only be read from their beginning to their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.blocks import ReadAhead
from ..data.torch_data import Stream
from .batches import Batch, Reader


class StreamDataset(torch.utils.data.Dataset):
    """What `ArrayDataset` is for arrays, for a `Stream`.
    ``encode`` makes targets fit for the loss; ``class_weight`` is of shape (n_classes,).
    """

    streams = True

    def __init__(
        self,
        X: Any,
        encode: Callable[[Any], NDArray[Any]],
        class_weight: NDArray[Any] | None,
        dtype: Any,
        device: torch.device,
    ) -> None:
        self.X, self.encode, self.class_weight = X, encode, class_weight
        self.dtype, self.device = np.dtype(dtype), device

    def __len__(self) -> int:
        return len(self.X)

    def can_cache(self, n_numbers: int) -> bool:
        """Return False: streams are never cached."""
        return False

    def reader(
        self, batch_size: int, generator: np.random.Generator | None, by_blocks: bool
    ) -> Reader:
        """Return what reads an epoch, shuffled within a buffer if there is a generator."""
        ahead = StreamReader(self.X, batch_size, generator)
        return lambda first, stop: self._batch(*ahead.read(first, stop))

    def _batch(self, x: NDArray[Any], y: NDArray[Any]) -> Batch:
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
        return self._tensor(x, self.dtype), (self._tensor(target, dtype), weight)

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
