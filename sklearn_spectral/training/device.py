"""Which device a fit runs on."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

RESIDENT_SHARE = 0.5
"""The share of a GPU's free memory that the data may take; more of them are streamed."""


def _one_thread() -> None:
    """Have torch compute in one thread: the threads of OpenMP do not survive a fork."""
    torch = sys.modules.get("torch")
    if hasattr(torch, "get_num_threads") and torch.get_num_threads() > 1:  # type: ignore[union-attr]
        torch.set_num_threads(1)  # type: ignore[union-attr]


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    # A process that is forked, as by joblib's "multiprocessing", would wait for them.
    os.register_at_fork(after_in_child=_one_thread)


def resolve_device(device: str) -> torch.device:
    """Return the device that a ``device`` parameter stands for, known to be usable.

    ``"auto"`` is CUDA where there is any; joblib's workers take several GPUs in turn.
    """
    import torch

    resolved = parse_device(device)
    try:
        torch.zeros(1, device=resolved).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device={device!r} cannot be used on this machine; available: "
            f"{', '.join(available_devices())}. Use device='auto' to take what there is."
        ) from error
    return resolved


def parse_device(device: str) -> torch.device:
    """Return the device that a name stands for, whether it can be used here or not."""
    import torch

    if device == "auto":
        return torch.device(_worker_gpu() if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is not a device that torch knows. Use 'auto', 'cpu', "
            "'cuda' or 'cuda:0'."
        ) from error


def _worker_gpu() -> str:
    """Return the GPU of this process: a worker of joblib's has the one of its number.

    Dask's and Ray's workers are given theirs by CUDA_VISIBLE_DEVICES.
    """
    import torch

    process, n_gpus = multiprocessing.current_process(), torch.cuda.device_count()
    if n_gpus < 2 or type(process).__name__ != "LokyProcess":
        return "cuda"
    return f"cuda:{(process._identity[-1] - 1) % n_gpus}"


def has_room(device: torch.device, n_bytes: int) -> bool:
    """Tell whether data leave at least half of a GPU's free memory to the network."""
    import torch

    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes <= RESIDENT_SHARE * free


@contextmanager
def own_modes() -> Iterator[None]:
    """Compute as the parameters say, in whatever modes of torch the program is.

    In ``inference_mode`` and ``no_grad`` nothing trains, ``autocast`` rounds.
    """
    import torch

    with ExitStack() as modes:
        modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.enable_grad())
        for device_type in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device_type):
                modes.enter_context(torch.autocast(device_type, enabled=False))
        if torch.get_default_device().type != "cpu":
            modes.enter_context(torch.device("cpu"))
        yield


def training_dtype(dtype: np.dtype, device: torch.device) -> np.dtype:
    """Return the type to train in: that of the input on the CPU, float32 elsewhere."""
    single = dtype == np.float32 or device.type != "cpu"
    return np.dtype(np.float32 if single else np.float64)


def available_devices() -> list[str]:
    """Return ``"cpu"``, and ``"cuda:i"`` for each CUDA device."""
    import torch

    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ["cpu", *(f"cuda:{index}" for index in range(n_cuda))]
