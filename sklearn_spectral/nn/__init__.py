"""Linear layers, stacks and networks as plain torch modules, for any torch model."""

from ..spec.architecture import Architecture
from ..spec.starts import SCHEMES
from .activations import ScaledTanh
from .cascade import cascade_matrices, compact_adjacency
from .convert import spectralize, to_linear
from .direct import (
    DirectLinear,
    GainLinear,
    LowRankLinear,
    SingularValueLinear,
    SubsetLinear,
)
from .direct_network import DirectNetwork
from .forms import FactoredForm, FreeForm
from .layer import LinearLayer
from .linear import SpectralLinear
from .losses import BrierLoss, LogLoss, SquaredError
from .network import SpectralNetwork
from .sparcs import SkipNetwork, SparcsNetwork
from .telescope import LinearStack, contract

__all__ = [
    "SCHEMES",
    "Architecture",
    "BrierLoss",
    "DirectLinear",
    "DirectNetwork",
    "FactoredForm",
    "FreeForm",
    "GainLinear",
    "LinearLayer",
    "LinearStack",
    "LogLoss",
    "LowRankLinear",
    "ScaledTanh",
    "SingularValueLinear",
    "SkipNetwork",
    "SparcsNetwork",
    "SpectralLinear",
    "SpectralNetwork",
    "SquaredError",
    "SubsetLinear",
    "cascade_matrices",
    "compact_adjacency",
    "contract",
    "spectralize",
    "to_linear",
]


def __dir__() -> list[str]:
    return sorted(__all__)
