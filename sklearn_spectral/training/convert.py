"""Between torch networks and the numpy arrays of fitted estimators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ..nn.network import StackedNetwork

Network = TypeVar("Network", bound=StackedNetwork)


def to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a copy of a tensor as an array."""
    return tensor.detach().cpu().numpy().copy()


def _shared(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a tensor as an array, read-only and, on the CPU, not copied."""
    array = tensor.detach().cpu().numpy()
    array.flags.writeable = False
    return array


def network_arrays(network: StackedNetwork) -> dict[str, NDArray[Any]]:
    """Return parameters and buffers by their torch names.

    What trains is copied; what is frozen, perhaps most of it, is shared and read-only.
    """
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    return {
        name: to_numpy(value) if name in trained else _shared(value)
        for name, value in network.state_dict().items()
    }


def retracted_arrays(
    network: StackedNetwork,
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return the retracted network's weights (n_in, n_out) and biases (n_out,).

    Where the network has no biases, they are zeros.
    """
    coefs, intercepts = [], []
    for module in network.retract():
        if isinstance(module, torch.nn.Linear):
            coefs.append(np.ascontiguousarray(to_numpy(module.weight).T))
            bias = module.bias
            n_out, dtype = module.out_features, coefs[-1].dtype
            intercepts.append(np.zeros(n_out, dtype) if bias is None else to_numpy(bias))
    return coefs, intercepts


def build_network(
    network_type: Callable[..., Network],
    config: Mapping[str, Any],
    dtype: Any,
    device: Any,
    seed: int,
) -> Network:
    """Make a network at its start."""
    return network_type(**config, seed=seed, dtype=_torch_dtype(dtype), device=device)


def set_dtype(network: StackedNetwork, dtype: Any) -> StackedNetwork:
    """Convert the parameters of a network, in place, and return it."""
    return network.to(_torch_dtype(dtype))


def _torch_dtype(dtype: Any) -> torch.dtype:
    return torch.from_numpy(np.empty(0, dtype)).dtype


def load_arrays(network: StackedNetwork, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Fill a network of the same architecture with what `network_arrays` returned."""
    # A copy, since torch does not take read-only memory; load_state_dict copies again.
    network.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
    )


def solver_arrays(optimizer: torch.optim.Optimizer) -> dict[Any, Any]:
    """Return an optimizer's ``state_dict()["state"]``, with arrays for tensors."""
    state = optimizer.state_dict()["state"]
    return {
        index: {
            name: to_numpy(value) if isinstance(value, torch.Tensor) else value
            for name, value in entries.items()
        }
        for index, entries in state.items()
    }


def load_solver(optimizer: torch.optim.Optimizer, arrays: Mapping[Any, Any]) -> None:
    """Put back what `solver_arrays` returned, of an optimizer over the same parameters."""
    state = {
        index: {
            name: torch.from_numpy(np.array(value))
            if isinstance(value, np.ndarray)
            else value
            for name, value in entries.items()
        }
        for index, entries in arrays.items()
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    # It casts all but the number of steps to the type of what trains, scalars too.
    for loaded, entries in zip(optimizer.state.values(), state.values(), strict=True):
        for name, value in entries.items():
            if isinstance(value, torch.Tensor) and value.ndim == 0:
                loaded[name] = loaded[name].to(value.dtype)
