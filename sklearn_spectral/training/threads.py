"""In how many threads torch computes: in one what is too little for more.

Threads of a small product wait for each other longer than it takes, and on a busy machine
for as long as the system takes to wake them: a fit of digits then takes several times as
long in two threads as in one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

import torch

FEW_MULTIPLICATIONS = 2_000_000
"""Where the largest product has no more, several threads gain nothing, or little
(benchmarks/speed/threads.py)."""


class _Users:
    """The number of threads that the program has set, while fits compute in others."""

    lock = Lock()
    n_inside = 0
    number = 1


class _Inside(local):
    """The number that a thread has in the block in which it is."""

    number: int | None = None


_inside = _Inside()


def _forget() -> None:
    """Be outside of all blocks: in a forked process nothing leaves those of its parent."""
    _Users.lock, _Users.n_inside, _inside.number = Lock(), 0, None


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def threads(number: int | None) -> Iterator[int]:
    """Have torch compute in so many threads in a ``with`` block, or in as many as the
    program has set; that number is given.

    torch's number is of each thread, but a thread that is new takes the last that any has
    set. So it is asked for once, when nothing else is in such a block.
    """
    with _Users.lock:
        if _Users.n_inside == 0:
            _Users.number = torch.get_num_threads()
        _Users.n_inside += 1
        users = _Users.number
    around, _inside.number = _inside.number, users if number is None else number
    try:
        _set(_inside.number)
        yield users
    finally:
        _inside.number = around
        _set(users if around is None else around)
        with _Users.lock:
            _Users.n_inside -= 1


def threads_for(largest_product: int) -> int | None:
    """Return how many threads a step gets whose largest product has so many
    multiplications: one, or None for as many as there are."""
    return 1 if largest_product <= FEW_MULTIPLICATIONS else None


def _set(number: int) -> None:
    if torch.get_num_threads() != number:
        torch.set_num_threads(number)
