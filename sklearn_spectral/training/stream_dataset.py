"""Batches from data that can only be read from their beginning to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.blocks import ALONE, Share
from ..data.row_source import BLOCK_NUMBERS, BUFFER_BLOCKS
from ..data.torch_data import Stream
from .batches import Batch


class StreamDataset(torch.utils.data.Dataset):
    """What `ArrayDataset` is for arrays, for a `Stream`.

    Parameters
    ----------
    X : Stream
        Rows and targets.
    encode : callable
        Makes of targets what the loss wants.
    class_weight : ndarray of shape (n_classes,) or None
        Weight of the samples of each class.
    dtype : numpy dtype
        Type of the batches.
    device : torch.device
        Where they go.
    """

    in_file = streams = in_order_only = True
    has_row_numbers = False

    def __init__(
        self,
        X: Stream,
        encode: Callable[[Any], NDArray[Any]],
        class_weight: NDArray[Any] | None,
        dtype: Any,
        device: torch.device,
    ) -> None:
        self.X, self.encode, self.class_weight = X, encode, class_weight
        self.dtype, self.device = np.dtype(dtype), device

    def __len__(self) -> int:
        return len(self.X)

    def may_be_held(self, n_numbers: int) -> bool:
        """Tell that nothing of all rows is to be held."""
        return False

    def batches_by_blocks(
        self,
        generator: np.random.Generator | None,
        batch_size: int,
        share: Share = ALONE,
    ) -> Iterator[Batch]:
        """Yield all rows, shuffled within a buffer.

        Parameters
        ----------
        generator : numpy.random.Generator or None
            What shuffles; None leaves the rows as they come.
        batch_size : int
            Rows per batch; the last may have fewer.
        share : Share, optional
            All of it; there are no parts.

        Yields
        ------
        Batch
            Inputs, targets and weights.
        """
        room = max(batch_size, BUFFER_BLOCKS * BLOCK_NUMBERS // self.X.shape[1])
        held: list[tuple[NDArray[Any], NDArray[Any]]] = []
        n_held = 0
        for pair in self.X:
            held.append(pair)
            n_held += len(pair[0])
            if n_held >= room:
                rest = yield from self._cut(held, generator, batch_size, last=False)
                held, n_held = [rest], len(rest[0])
        if n_held:
            yield from self._cut(held, generator, batch_size, last=True)

    def _cut(self, held, generator, batch_size, last):
        """Yield the batches of what is held; return what is left for the next."""
        x = np.concatenate([x for x, _ in held])
        y = np.concatenate([y for _, y in held])
        held.clear()
        order = np.arange(len(x)) if generator is None else generator.permutation(len(x))
        n = len(x) if last else len(x) - len(x) % batch_size
        for start in range(0, n, batch_size):
            index = order[start : min(start + batch_size, n)]
            yield self._batch(x[index], y[index])
        rest = order[n:]
        return x[rest], y[rest]

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
        kind = np.int64 if target.dtype.kind == "i" else self.dtype
        return self._tensor(x, self.dtype), (self._tensor(target, kind), weight)

    def _tensor(self, values: NDArray[Any], dtype: Any) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype)).to(self.device)
