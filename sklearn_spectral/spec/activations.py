"""What stands between the layers: each activation for numpy, torch and ONNX.

To add one, write its three functions here and register it in ``ACTIVATIONS``: its key is
then a value of ``activation`` of estimators and networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

if TYPE_CHECKING:
    from torch import nn


class Graph(Protocol):
    """An ONNX model that is being written."""

    def emit(self, op_type: str, *inputs: str) -> str:
        """Write an operator; return the name of what it gives."""

    def number(self, value: float) -> str:
        """Write a number of the network's type; return its name."""


@dataclass(frozen=True)
class Activation:
    """One activation, by what prediction, training and export need of it."""

    apply: Callable[[NDArray[Any]], Any]
    """Takes an array and overwrites it. It predicts, without torch."""
    module: Callable[[], nn.Module]
    """Returns a torch module, and imports torch itself. Its gradient is autograd's, unless
    ``nn/backprop.py`` has a faster one for modules of its type."""
    write: Callable[[Graph, str], str]
    """Takes a `Graph` and the name of some values; returns that of the values after it."""
    has_slope: bool = False
    """Whether spectral networks multiply its input by a trained slope, one per layer; the
    module with one is in ``nn/activations.py``. Retracted weights contain the slopes."""


def _identity_module() -> nn.Module:
    from torch import nn

    return nn.Identity()


def _relu(values: NDArray[Any]) -> None:
    np.maximum(values, 0, out=values)


def _relu_module() -> nn.Module:
    from torch import nn

    return nn.ReLU()


def _tanh(values: NDArray[Any]) -> None:
    np.tanh(values, out=values)


def _tanh_module() -> nn.Module:
    from torch import nn

    return nn.Tanh()


def _logistic(values: NDArray[Any]) -> None:
    expit(values, out=values)


def _logistic_module() -> nn.Module:
    from torch import nn

    return nn.Sigmoid()


def _elu(values: NDArray[Any]) -> None:
    below = values < 0
    values[below] = np.expm1(values[below])


def _elu_module() -> nn.Module:
    from torch import nn

    return nn.ELU()


def _write_elu(graph: Graph, values: str) -> str:
    # Elu is not there in double everywhere. exp(x) - 1 would be nothing for small x; it is
    # tanh(x / 2) (exp(x) + 1).
    zero, one, half = (graph.number(value) for value in (0.0, 1.0, 0.5))
    below = graph.emit("Min", values, zero)
    tanh_of_half = graph.emit("Tanh", graph.emit("Mul", below, half))
    onward = graph.emit("Add", graph.emit("Exp", below), one)
    below = graph.emit("Mul", tanh_of_half, onward)
    return graph.emit("Add", below, graph.emit("Relu", values))


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(lambda values: None, _identity_module, lambda graph, x: x),
    "relu": Activation(_relu, _relu_module, lambda graph, x: graph.emit("Relu", x)),
    "tanh": Activation(
        _tanh, _tanh_module, lambda graph, x: graph.emit("Tanh", x), has_slope=True
    ),
    "logistic": Activation(
        _logistic, _logistic_module, lambda graph, x: graph.emit("Sigmoid", x)
    ),
    "elu": Activation(_elu, _elu_module, _write_elu),
}
"""The activations by the value of ``activation``."""
