"""Between torch networks and the numpy arrays that fitted estimators hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .nn.network import SpectralNetwork


def to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a copy of a tensor as an array."""
    return tensor.detach().cpu().numpy().copy()


def extended_arrays(network: SpectralNetwork) -> dict[str, list[NDArray[Any]]]:
    """Return what a network has while it is extended.

    Parameters
    ----------
    network : SpectralNetwork
        The network.

    Returns
    -------
    dict of str to list of ndarray
        ``eigenvalues`` (those of the input nodes first), ``eigenvectors`` and
        ``biases`` of each spectral layer, ``slopes`` of each activation that has one.
    """
    layers = list(network.layers())
    return {
        "eigenvalues": [
            to_numpy(torch.cat([layer.eigenvalues_in, layer.eigenvalues_out]))
            for layer in layers
        ],
        "eigenvectors": [to_numpy(layer.eigenvectors) for layer in layers],
        "biases": [to_numpy(layer.bias) for layer in layers if layer.bias is not None],
        "slopes": [to_numpy(parameter) for parameter in network.activations.parameters()],
    }


def retracted_arrays(
    network: SpectralNetwork,
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return the weights and biases of the retracted network.

    Parameters
    ----------
    network : SpectralNetwork
        The network.

    Returns
    -------
    coefs : list of ndarray of shape (n_in, n_out)
        One per retracted layer.
    intercepts : list of ndarray of shape (n_out,)
        Likewise; zeros where the network has no biases.
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
    config: Mapping[str, Any], dtype: Any, device: torch.device, seed: int
) -> SpectralNetwork:
    """Make a network at its start.

    Parameters
    ----------
    config : mapping
        Keyword arguments of `SpectralNetwork`.
    dtype : numpy dtype
        Type of the parameters.
    device : torch.device
        Where they live.
    seed : int
        Of the start.

    Returns
    -------
    SpectralNetwork
        A new network.
    """
    return SpectralNetwork(**config, seed=seed, dtype=_torch_dtype(dtype), device=device)


def set_dtype(network: SpectralNetwork, dtype: Any) -> SpectralNetwork:
    """Convert the parameters of a network, in place.

    Parameters
    ----------
    network : SpectralNetwork
        The network.
    dtype : numpy dtype
        The new type.

    Returns
    -------
    SpectralNetwork
        The network.
    """
    return network.to(_torch_dtype(dtype))


def _torch_dtype(dtype: Any) -> torch.dtype:
    return torch.from_numpy(np.empty(0, dtype)).dtype


@torch.no_grad()
def load_extended(
    network: SpectralNetwork, arrays: Mapping[str, Sequence[NDArray[Any]]]
) -> None:
    """Fill a network with what `extended_arrays` returned.

    Parameters
    ----------
    network : SpectralNetwork
        Of the same architecture; changed in place.
    arrays : mapping
        The arrays.
    """
    biases = iter(arrays["biases"])
    for layer, eigenvalues, eigenvectors in zip(
        network.layers(), arrays["eigenvalues"], arrays["eigenvectors"], strict=True
    ):
        layer.eigenvalues_in.copy_(torch.from_numpy(eigenvalues[: layer.in_features]))
        layer.eigenvalues_out.copy_(torch.from_numpy(eigenvalues[layer.in_features :]))
        layer.eigenvectors.copy_(torch.from_numpy(eigenvectors))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(next(biases)))
    slopes = network.activations.parameters()
    for parameter, slope in zip(slopes, arrays["slopes"], strict=True):
        parameter.copy_(torch.from_numpy(np.asarray(slope)))


def solver_arrays(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state of an optimizer as numpy, to go on from where it stopped.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer.

    Returns
    -------
    dict
        Its ``state_dict()["state"]``, with arrays for tensors.
    """
    state = optimizer.state_dict()["state"]
    return {
        index: {
            name: to_numpy(value) if isinstance(value, torch.Tensor) else value
            for name, value in entries.items()
        }
        for index, entries in state.items()
    }


def load_solver(optimizer: torch.optim.Optimizer, arrays: Mapping[str, Any]) -> None:
    """Put back what `solver_arrays` returned.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Over the same parameters; changed in place.
    arrays : mapping
        The state.
    """
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
