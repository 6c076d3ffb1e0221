"""The processes of torch.distributed that train one network together.

Each of them has all data, or can read them, and takes its part of every batch. What
travels in a step is the gradient of what trains, and nothing else.
"""

from __future__ import annotations

import atexit
import importlib
import multiprocessing
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch import distributed as dist

from ..data.blocks import ALONE, Share

T = TypeVar("T")

# What a launcher tells each process.
_LAUNCHED = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}


class Processes:
    """This process alone, with what a fit asks of all that train one network together."""

    share = ALONE
    is_rank_zero = True  # the one that speaks for all, to files and to the terminal

    def __init__(self, device: str) -> None:
        self.device = device

    def add_up(self, values: Tensor) -> None:
        """Replace numbers by their sum over the processes, the same bits in each."""

    def batch_gradient(
        self, compute: Callable[..., Tensor], batch: Any, size: int, gradient: Tensor
    ) -> Tensor:
        """Have the gradient of a batch of ``size`` rows computed; return the loss.

        ``batch`` has this process's rows; the losses of all add up to that of the batch.
        """
        return compute(*batch)

    def broadcast(self, value: T) -> T:
        """Return the value that rank zero has."""
        return value

    def on_rank_zero(self, function: Callable[..., T]) -> Callable[..., T]:
        """Return a function that runs on rank zero and gives its result to all."""
        return function

    def any_rank(self, function: Callable[..., bool]) -> Callable[..., bool]:
        """Return a function that all call, and that is true where it is in any of them."""
        return function


class ProcessGroup(Processes):
    """The default group of torch.distributed, joined as ``torchrun`` says if need be.

    A ``device`` that is a GPU without a number is that of each process's ``LOCAL_RANK``.
    """

    def __init__(self, device: str) -> None:
        if not dist.is_available():
            raise ValueError("data_parallel=True needs a torch with torch.distributed.")
        if not dist.is_initialized():
            if type(multiprocessing.current_process()).__name__ == "LokyProcess":
                raise ValueError(
                    "data_parallel=True trains with the processes that torchrun started, "
                    "and this is a worker of joblib's, started by one of them. Set "
                    "n_jobs=1 or data_parallel=False."
                )
            if _LAUNCHED - os.environ.keys():
                raise ValueError(
                    "data_parallel=True trains with the other processes of a group, and "
                    "this process is in none. Start the script by 'torchrun "
                    "--nproc-per-node=2 script.py', or call "
                    "torch.distributed.init_process_group first; or set "
                    "data_parallel=False."
                )
            # Its functions have the group that exists when it is imported as a default, and
            # optimizers import it: such a group, and its threads, would never end.
            importlib.import_module("torch.distributed.nn.functional")
            dist.init_process_group()  # gloo, and nccl where there are GPUs
            # Python's exit would end the threads of gloo, which aborts the process.
            atexit.register(_leave)
        self.share = Share(dist.get_rank(), dist.get_world_size())
        self.is_rank_zero = self.share.rank == 0
        super().__init__(local_device(device))

    def add_up(self, values: Tensor) -> None:
        dist.all_reduce(values)

    def batch_gradient(
        self, compute: Callable[..., Tensor], batch: Any, size: int, gradient: Tensor
    ) -> Tensor:
        part = len(batch[0]) / size
        if part:
            loss = compute(*batch) * part
            gradient.mul_(part)
        else:  # fewer rows than processes
            loss = gradient.new_zeros(())
            gradient.zero_()
        self.add_up(gradient)
        return loss

    def broadcast(self, value: T) -> T:
        values: list[Any] = [value if self.is_rank_zero else None]
        on_gpu = dist.get_backend() == "nccl"
        wire = torch.device(self.device if on_gpu else "cpu")
        dist.broadcast_object_list(values, src=0, device=wire)
        return values[0]

    def on_rank_zero(self, function: Callable[..., T]) -> Callable[..., T]:
        def call(*args: Any) -> T:
            return self.broadcast(cast(T, function(*args) if self.is_rank_zero else None))

        return call

    def any_rank(self, function: Callable[..., bool]) -> Callable[..., bool]:
        def call(*args: Any) -> bool:
            return any(self._gather(bool(function(*args))))

        return call

    def check_same(self, checksums: dict[str, str]) -> None:
        """Raise ValueError, in every process, if they were given different things."""
        gathered = self._gather(checksums)
        different = [n for n in checksums if len({each.get(n) for each in gathered}) > 1]
        if different:
            raise ValueError(
                f"data_parallel=True trains one network, but the {len(gathered)} processes "
                f"were given different {' and '.join(different)}. Call fit with the same "
                "in each; the rows of a batch are divided among them here."
            )

    def _gather(self, value: T) -> list[T]:
        """Return the values of all processes."""
        values: list[Any] = [None] * self.share.n_processes
        dist.all_gather_object(values, value)
        return values


def _leave() -> None:
    """Leave the group, unless the program has done so."""
    if dist.is_initialized():
        group = dist.group.WORLD
        dist.destroy_process_group()
        # In older torch (2.4 for one) the group that goes waits for gloo's threads while it
        # holds Python's lock, which they may want for the last tensors: now they have it.
        time.sleep(0.1)
        del group


def local_device(device: str) -> str:
    """Number a GPU that ``device`` leaves open: that of this process's ``LOCAL_RANK``."""
    wants_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if not wants_gpu:
        return device
    n_gpus = max(1, torch.cuda.device_count())
    return f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % n_gpus}"
