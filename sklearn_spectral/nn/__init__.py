"""Linear layers, stacks and networks as plain torch modules, for any torch model."""

from ..spec.architecture import Architecture
from ..spec.starts import SCHEMES
from .activations import ScaledTanh
from .cascade import cascade_matrices, compact_adjacency
from .convert import spectralize, to_linear
from .direct import DirectLinear
from .direct_network import DirectNetwork
from .layer import LinearLayer
from .linear import SpectralLinear
from .losses import BrierLoss, LogLoss, NumberLoss, SquaredError
from .members import BlockLinear
from .network import SpectralNetwork
from .parametrized import ParametrizedMatrix
from .sparcs import SkipNetwork, SparcsNetwork
from .telescope import LinearStack, contract

__all__ = [
    "SCHEMES",
    "Architecture",
    "BlockLinear",
    "BrierLoss",
    "DirectLinear",
    "DirectNetwork",
    "LinearLayer",
    "LinearStack",
    "LogLoss",
    "NumberLoss",
    "ParametrizedMatrix",
    "ScaledTanh",
    "SkipNetwork",
    "SparcsNetwork",
    "SpectralLinear",
    "SpectralNetwork",
    "SquaredError",
    "cascade_matrices",
    "compact_adjacency",
    "contract",
    "spectralize",
    "to_linear",
]


def __dir__() -> list[str]:
    return sorted(__all__)
