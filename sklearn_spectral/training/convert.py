"""Between torch networks and the numpy arrays of fitted estimators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..fitted.network import FittedNetwork
from ..nn.direct_network import DirectNetwork
from ..nn.network import SpectralNetwork, StackedNetwork
from ..spec.units import UNITS

NETWORKS: dict[str, Callable[..., StackedNetwork]] = {
    "spectral": SpectralNetwork,
    "direct": DirectNetwork,
}
"""The torch networks by the space that they train in."""


def to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a copy of a tensor as an array."""
    return tensor.detach().cpu().numpy().copy()


def _shared(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a tensor as an array, read-only and, on the CPU, not copied."""
    array = tensor.detach().cpu().numpy()
    array.flags.writeable = False
    return array


def network_arrays(
    network: StackedNetwork, frozen: Mapping[str, NDArray[Any]] | None = None
) -> dict[str, NDArray[Any]]:
    """Return the parameters and buffers of a network by their torch names.

    What trains is copied, as are units; what is frozen, which may be most of it, is shared
    and read-only, or taken from ``frozen``, where an earlier call gave it.
    """
    trained = {*UNITS} | {name for name, p in network.named_parameters() if p.requires_grad}
    arrays = {}
    for name, value in network.state_dict().items():
        if name in trained:
            arrays[name] = to_numpy(value)
        else:
            arrays[name] = _shared(value) if frozen is None else frozen[name]
    return arrays


def build_network(
    space: str, config: Mapping[str, Any], dtype: Any, device: Any, seed: int
) -> StackedNetwork:
    """Make the network of a space at its start, of a numpy type, on a device."""
    network_type = NETWORKS[space]
    return network_type(**config, seed=seed, dtype=torch_dtype(dtype), device=device)


def to_torch(fitted: FittedNetwork) -> StackedNetwork:
    """Build the extended network as a torch module on the CPU."""
    arrays = fitted.complete()
    network = build_network(fitted.space, fitted.config, fitted.dtype, "cpu", fitted.seed)
    load_arrays(network, arrays)
    return network


def move(network: StackedNetwork, dtype: Any, device: torch.device) -> StackedNetwork:
    """Convert a network to a type of numpy and move it, in place, and return it."""
    return network.to(device, torch_dtype(dtype))


def torch_dtype(dtype: Any) -> torch.dtype:
    """Return torch's name of a type of numpy."""
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
