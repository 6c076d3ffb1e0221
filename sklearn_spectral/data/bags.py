"""Bags: which members of a population leave a row out, by what the row contains.

Equal rows have equal bags, whatever stores them and wherever they stand, so that a
duplicate is in the bag of no member that left its twin out, and a weight of two is the same
as a row that comes twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .refused import refuse_unusable
from .rows import Rows, chunk_rows, slices

Hashes: TypeAlias = NDArray[np.uint64]

_CACHED_BYTES = 2**18
"""About how much of the rows is hashed at a time: what stays in a cache."""


FEW_ROWS = 32
"""With fewer different rows, what some members leave out tells little of what is new."""


@dataclass(frozen=True)
class Bags:
    """Of each row, ``n_left_out`` of ``n_members`` members do not train on it."""

    n_members: int
    n_left_out: int
    seed: int

    @property
    def scale(self) -> float:
        """The weight of a row in the bag, with which a row's weights have a mean of one."""
        return self.n_members / (self.n_members - self.n_left_out)

    def of_rows(self, values: Any) -> NDArray[np.bool_]:
        """Tell of an array or a CSR matrix which rows are in which bags, (n, n_members)."""
        return self.of_hashes(_hash_rows(values, _multipliers(self.seed, values.shape[1])))

    def of(self, X: Rows, rows: NDArray[np.intp] | None = None) -> NDArray[np.bool_]:
        """Tell it of all rows, or those numbered ``rows``, which ascend."""
        inside = np.empty((len(X) if rows is None else len(rows), self.n_members), bool)
        for part, values in X.chunks(chunk_rows(X.shape[1]), rows):
            inside[part] = self.of_rows(values)
        return inside

    def of_hashes(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Tell it of rows, or groups of rows, by their hashes."""
        keys = _raw_bits(self.seed, 1, self.n_members)
        inside = np.ones((len(hashes), self.n_members), bool)
        step = chunk_rows(self.n_members, n_bytes=_CACHED_BYTES)
        for part in slices(len(hashes), step):
            priorities = _mix(hashes[part, None] ^ keys)
            if self.n_left_out == 1:
                left_out = priorities.argmin(axis=1)[:, None]
            else:
                order = np.argpartition(priorities, self.n_left_out - 1, axis=1)
                left_out = order[:, : self.n_left_out]
            np.put_along_axis(inside[part], left_out, False, axis=1)
        return inside


def count_left_out(bag_fraction: float, n_members: int) -> int:
    """Return how many members leave a row out; raise ValueError if that cannot be."""
    if n_members < 2:
        raise ValueError(
            f"bag_fraction={bag_fraction} leaves rows out of the bags of some members, but "
            "there is one. Set n_members=2 or more (16, say), or bag_fraction=1.0."
        )
    n_left_out = max(1, round((1 - bag_fraction) * n_members))
    if n_left_out >= n_members:
        raise ValueError(
            f"With bag_fraction={bag_fraction} all of the n_members={n_members} members "
            "would leave each row out. Raise bag_fraction or n_members."
        )
    return n_left_out


def check_all_train(
    n_in_bags: NDArray[np.intp], n_rows: int, groups: Hashes | None = None
) -> None:
    """Refuse bags without rows: ``n_in_bags`` of ``n_rows`` are in that of each member."""
    n_empty = int((n_in_bags == 0).sum())
    if not n_empty:
        return
    given, advice = f"{n_rows} sample{'s' * (n_rows != 1)}", ""
    if groups is not None:
        n_groups = len(np.unique(groups))
        given += f" of {n_groups} different group{'s' * (n_groups != 1)}"
        advice = ", or leave groups out"
    raise ValueError(
        f"No row is in the bags of {n_empty} of the {len(n_in_bags)} members, which cannot "
        f"be trained so: there {'is' if n_rows == 1 else 'are'} {given}. Set a smaller "
        f"n_members or a larger bag_fraction{advice}."
    )


def are_few(X: Rows, rows: NDArray[np.intp] | None = None) -> bool:
    """Tell whether fewer than `FEW_ROWS` of the rows differ, from the first that do not."""
    different: set[int] = set()
    for _, values in X.chunks(1000, rows):
        different.update(_hash_rows(values, _multipliers(0, X.shape[1])).tolist())
        if len(different) >= FEW_ROWS:
            return False
    return True


def hash_groups(groups: Any, n_rows: int) -> Hashes:
    """Return a hash of each row's group; equal labels, numbers or strings, have equal ones.
    Labels that are missing, or as many as there are not rows, are refused.
    """
    refuse_unusable(groups, "groups")
    labels = np.asarray(groups)
    if labels.shape != (n_rows,):
        raise ValueError(
            f"groups has the shape {labels.shape}; expected ({n_rows},), one label for "
            "each row of X."
        )
    known: dict[Any, int] = {}
    hashes = np.empty(n_rows, np.uint64)
    for row, label in enumerate(labels.tolist()):
        found = known.get(label)
        if found is None:
            found = known[label] = _hash_label(label)
        hashes[row] = found
    return hashes


def _hash_label(label: Any) -> int:
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, str):
        text = "s" + label
    elif isinstance(label, int | float) and label % 1 == 0:
        text = f"n{int(label)}"  # 1, 1.0 and True are equal
    elif isinstance(label, float) and np.isfinite(label):
        text = "n" + label.hex()
    else:
        raise ValueError(
            f"groups has the label {label!r}; expected finite numbers or strings, "
            "none of them missing."
        )
    found = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(found.digest(), "little")


def _hash_rows(values: Any, multipliers: Hashes) -> Hashes:
    """Hash rows: products of the values' bits as float64, added up modulo 2**64.

    Sums of whole numbers do not depend on their order, and a zero adds nothing, so that
    sparse rows have the hash of dense ones.
    """
    if issparse(values):
        if not values.has_canonical_format:
            values = values.copy()
            values.sum_duplicates()
        shape, parts = values.shape, (_bits(values.data), values.indices, values.indptr)
        return _mix(type(values)(parts, shape=shape) @ multipliers)
    hashes = np.empty(len(values), np.uint64)
    for part in slices(len(values), chunk_rows(values.shape[1], n_bytes=_CACHED_BYTES)):
        np.einsum("ij,j->i", _bits(values[part]), multipliers, out=hashes[part])
    return _mix(hashes)


def _bits(values: NDArray[Any]) -> Hashes:
    """Return the bits of values as float64, of which the lower half has the upper's too."""
    # A negative zero becomes one that is not.
    bits = np.add(values, 0.0, dtype=np.float64, order="C").view(np.uint64)
    # The low bits of whole numbers are zeros, which times anything are zeros again.
    bits ^= bits >> np.uint64(32)
    return bits


def _mix(hashes: Hashes) -> Hashes:
    """Spread each bit over all others, in place: the finaliser of splitmix64."""
    # Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return hashes


@lru_cache(maxsize=2)  # asked for with every chunk of rows
def _multipliers(seed: int, n_columns: int) -> Hashes:
    return _raw_bits(seed, 0, n_columns) | np.uint64(1)


def _raw_bits(seed: int, stream: int, n: int) -> Hashes:
    """Draw numbers of 64 bits, of which the first do not depend on how many there are."""
    bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(2, stream)))
    return np.asarray(bits.random_raw(n), np.uint64)
