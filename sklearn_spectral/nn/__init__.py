"""Spectral layers and networks as plain torch modules, for any torch model."""

from .._architecture import Architecture
from .._init_schemes import SCHEMES
from .activations import ScaledTanh
from .cascade import cascade_matrices, compact_adjacency
from .linear import SpectralLinear
from .losses import BrierLoss, LogLoss, SquaredError
from .network import SpectralNetwork
from .telescope import SpectralStack, contract

__all__ = [
    "SCHEMES",
    "Architecture",
    "BrierLoss",
    "LogLoss",
    "ScaledTanh",
    "SpectralLinear",
    "SpectralNetwork",
    "SpectralStack",
    "SquaredError",
    "cascade_matrices",
    "compact_adjacency",
    "contract",
]
