"""A pytest plugin that fakes CUDA, to rehearse the tests of a GPU where there is none.

    python -m pytest -m gpu -p benchmarks.gpu.faked_cuda tests

What goes to ``cuda`` stays on the CPU, and says that it is there; captured graphs call
their function again. It shows that the tests run and that the code around the device is
right, and nothing of what a GPU computes.
"""

import contextlib

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

_torch_device = torch.device


class OnTheCpu(TorchFunctionMode):
    """Rewrites the device of each call of torch."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is _torch_device:  # a name is a name
            return function(*args, **kwargs)
        kwargs.pop("pin_memory", None)
        given = args, kwargs
        args, kwargs = tree_map(_to_cpu, (tuple(args), kwargs))
        if function is torch.Tensor.pin_memory:
            return args[0]
        if function is torch.Tensor.to and _names_cuda(given):
            return function(*args, **kwargs).clone()  # what is there has its own memory
        if getattr(function, "__self__", None) is torch.Tensor.is_cuda:
            return True
        return function(*args, **kwargs)


class Nothing:
    """Stands for events and streams."""

    def __init__(self, *args, **kwargs):
        pass

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def _names_cuda(given):
    """Whether a device among what is given is CUDA, by name or as a device."""
    return any(_to_cpu(value) is not value for value in tree_leaves(given))


def _to_cpu(value):
    if isinstance(value, str) and value.split(":")[0] == "cuda":
        return "cpu"
    if isinstance(value, _torch_device) and value.type == "cuda":
        return _torch_device("cpu")
    return value


def _capture(function, last):
    """Record nothing: a replay calls the function again."""
    result = last.clone()

    def replay():
        result.copy_(function())

    return replay, result


@pytest.fixture(autouse=True)
def fake_cuda(request, monkeypatch):
    """Have the tests that are marked gpu find a device."""
    if not request.node.get_closest_marker("gpu"):
        yield
        return
    from sklearn_spectral.training import cuda_graphs as _graphs

    for name, value in {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_name": lambda *args: "CUDA, faked",
        "mem_get_info": lambda *args: (2**33, 2**34),
        "synchronize": lambda *args: None,
        "Event": Nothing,
        "Stream": Nothing,
        "current_stream": Nothing,
        "stream": lambda stream: contextlib.nullcontext(),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setitem(_graphs.CAPTURES, "cpu", _capture)
    with OnTheCpu():
        yield


def pytest_configure(config):
    """Let conftest.py see a device when it chooses what to skip."""
    torch.cuda.is_available = lambda: True
