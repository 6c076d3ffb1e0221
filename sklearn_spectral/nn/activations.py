"""The activations of a spectral network, by the names scikit-learn gives them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class ScaledTanh(nn.Module):
    r"""The hyperbolic tangent :math:`\tanh(\beta x)` with a trained slope.

    Parameters
    ----------
    device : torch.device or str, optional
        Where the slope lives.
    dtype : torch.dtype, optional
        Its type.

    Attributes
    ----------
    slope : Parameter of shape ()
        :math:`\beta`, one number per layer, 1 at the start.

    References
    ----------
    Giambagli et al., Nature Communications 12, 1330 (2021), before equation 8.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import ScaledTanh
    >>> ScaledTanh()(torch.zeros(2))
    tensor([0., 0.], grad_fn=<TanhBackward0>)
    """

    def __init__(
        self,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.ones((), device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation elementwise."""
        return torch.tanh(self.slope * x)


ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {
    "relu": lambda **_: nn.ReLU(),
    "tanh": ScaledTanh,
    "elu": lambda **_: nn.ELU(),
}
"""Makers of each non-linear activation; they take ``device`` and ``dtype``."""

PLAIN_ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {
    **ACTIVATIONS,
    "tanh": lambda **_: nn.Tanh(),
}
"""The same for networks in direct space, where weights can do what a slope does."""
