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
    """Return the device that a ``device`` parameter stands for.

    Parameters
    ----------
    device : str or torch.device
        ``"auto"`` is CUDA where there is any, else the CPU; joblib's worker processes
        then take several GPUs in turn. Otherwise it is the name of a torch device, for
        example ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Returns
    -------
    torch.device
        The device, known to be usable.

    Raises
    ------
    ValueError
        If torch does not know the name, or cannot use the device on this machine.
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
    """Return the device that a name stands for, whether it can be used here or not.

    Parameters
    ----------
    device : str
        As for `resolve_device`.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If torch does not know the name.
    """
    import torch

    if device == "auto":
        return torch.device(_own_gpu() if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is not a device that torch knows. Use 'auto', 'cpu', "
            "'cuda' or 'cuda:0'."
        ) from error


def _own_gpu() -> str:
    """Return the GPU of this process: a worker of joblib's has the one of its number.

    Dask's and Ray's workers are given theirs by CUDA_VISIBLE_DEVICES.
    """
    import torch

    process, n_gpus = multiprocessing.current_process(), torch.cuda.device_count()
    if n_gpus < 2 or type(process).__name__ != "LokyProcess":
        return "cuda"
    return f"cuda:{(process._identity[-1] - 1) % n_gpus}"


def has_room(device: torch.device, n_bytes: int) -> bool:
    """Tell whether data can be kept on a device as a whole.

    Parameters
    ----------
    device : torch.device
        Where they would be.
    n_bytes : int
        What they take.

    Returns
    -------
    bool
        Whether that leaves at least half of a GPU's free memory to the network.
    """
    import torch

    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes <= RESIDENT_SHARE * free


@contextmanager
def matmul_precision(precision: str) -> Iterator[None]:
    """Multiply float32 matrices in a precision within a ``with`` block.

    Parameters
    ----------
    precision : {"highest", "high"}
        As in ``torch.set_float32_matmul_precision``, which is what it was afterwards.

    Yields
    ------
    None
        Nothing.
    """
    import torch

    before = torch.get_float32_matmul_precision()
    if before == precision:
        yield
        return
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def own_modes() -> Iterator[None]:
    """Compute as the parameters say, in whatever modes of torch the program is.

    Those are ``inference_mode`` and ``no_grad``, in which nothing trains, ``autocast``,
    which rounds, and a default device, which is for tensors of the program's own. To be
    used in a ``with`` statement or as a decorator.

    Yields
    ------
    None
        Nothing.
    """
    import torch

    with ExitStack() as modes:
        modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                modes.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            modes.enter_context(torch.device("cpu"))
        yield


def training_dtype(dtype: np.dtype, device: torch.device) -> np.dtype:
    """Return the type to train in: that of the input on the CPU, single elsewhere.

    Parameters
    ----------
    dtype : numpy.dtype
        Type of the input.
    device : torch.device
        Where to train.

    Returns
    -------
    numpy.dtype
        float32 or float64.
    """
    single = dtype == np.float32 or device.type != "cpu"
    return np.dtype(np.float32 if single else np.float64)


def available_devices() -> list[str]:
    """Return the names of the usable devices.

    Returns
    -------
    list of str
        ``"cpu"`` and one ``"cuda:i"`` for each CUDA device.
    """
    import torch

    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ["cpu", *(f"cuda:{index}" for index in range(n_cuda))]
