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

from ..data.blocks import Share

T = TypeVar("T")

# What a launcher tells each process.
_LAUNCHED = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}


class Processes:
    """The processes of the default group of torch.distributed.

    The group is joined as ``torchrun`` says if the program has not joined it already.

    Parameters
    ----------
    device : str
        The parameter ``device``; without the number of a GPU, each process takes that of
        its ``LOCAL_RANK``.

    Raises
    ------
    ValueError
        If there is no group and this process was not started by ``torchrun``, or is a
        worker of joblib's.
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
        self.device = own_device(device)

    @property
    def is_first(self) -> bool:
        """Whether this one speaks for all, to files and to the terminal."""
        return self.share.rank == 0

    def add_up(self, values: Tensor) -> None:
        """Replace numbers by their sum over the processes, the same bits in each."""
        dist.all_reduce(values)

    def from_first(self, value: T) -> T:
        """Return the value that the first process has."""
        held: list[Any] = [value if self.is_first else None]
        dist.broadcast_object_list(held, src=0, device=self._wire())
        return held[0]

    def told_by_first(self, function: Callable[..., T]) -> Callable[..., T]:
        """Return a function that the first process calls and tells the others of."""

        def call(*args: Any) -> T:
            return self.from_first(cast(T, function(*args) if self.is_first else None))

        return call

    def said_by_any(self, function: Callable[..., Any]) -> Callable[..., bool]:
        """Return a function that all call, and that is true where it is in any of them."""

        def call(*args: Any) -> bool:
            return any(self._from_each(bool(function(*args))))

        return call

    def check_same(self, what: dict[str, str]) -> None:
        """Compare what all processes were given.

        Parameters
        ----------
        what : dict of str to str
            Checksums by the name of what they are of.

        Raises
        ------
        ValueError
            In every process, if any differs.
        """
        told = self._from_each(what)
        different = [name for name in what if len({each.get(name) for each in told}) > 1]
        if different:
            raise ValueError(
                f"data_parallel=True trains one network, but the {len(told)} processes "
                f"were given different {' and '.join(different)}. Call fit with the same "
                "in each; the rows of a batch are divided among them here."
            )

    def _from_each(self, value: T) -> list[T]:
        """Return the values that all processes have."""
        told: list[Any] = [None] * self.share.n_processes
        dist.all_gather_object(told, value)
        return told

    def _wire(self) -> torch.device:
        """Return where what is sent has to lie."""
        on_gpu = dist.get_backend() == "nccl"
        return torch.device(self.device) if on_gpu else torch.device("cpu")


def _leave() -> None:
    """Leave the group, unless the program has done so."""
    if dist.is_initialized():
        group = dist.group.WORLD
        dist.destroy_process_group()
        # In older torch (2.4 for one) the group that goes waits for gloo's threads while it
        # holds Python's lock, which they may want for the last tensors: now they have it.
        time.sleep(0.1)
        del group


def own_device(device: str) -> str:
    """Return the device of this process: of several GPUs, that of its ``LOCAL_RANK``.

    Parameters
    ----------
    device : str
        The parameter ``device``.

    Returns
    -------
    str
        ``device``, with a number if it is a GPU without one.
    """
    wants_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if not wants_gpu:
        return device
    n_gpus = max(1, torch.cuda.device_count())
    return f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % n_gpus}"
