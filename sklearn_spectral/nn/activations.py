"""The activations as torch modules, that of the paper with its trained slope."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..spec.activations import ACTIVATIONS


class ScaledTanh(nn.Module):
    r"""The hyperbolic tangent :math:`\tanh(\beta x)` with a trained slope.

    Parameters
    ----------
    device : torch.device or str, optional
        Where the slope lives.
    dtype : torch.dtype, optional
        Its type.
    n_members : int, default=1
        Number of members that it belongs to.

    Attributes
    ----------
    slope : Parameter of shape ()
        :math:`\beta`, one number per layer, 1 at the start; (n_members,) of several.

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
        n_members: int = 1,
    ) -> None:
        super().__init__()
        shape = () if n_members == 1 else (n_members,)
        self.slope = nn.Parameter(torch.ones(shape, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation elementwise."""
        return torch.tanh(slope_of_each(self.slope) * x)


def activated(activation: nn.Module, x: Tensor) -> Tensor:
    """Return what an activation makes of ``x``, in its memory where there is no graph."""
    if type(activation) is nn.ReLU and not torch.is_grad_enabled():
        return torch.relu_(x)
    return activation(x)


def slope_of_each(slope: Tensor) -> Tensor:
    """Return slopes as factors of signals: those of members are (K, n_rows, n_nodes)."""
    return slope if slope.ndim == 0 else slope[:, None, None]


# One for each activation with `has_slope`; the slope is its parameter of that name.
_WITH_SLOPE = {"tanh": ScaledTanh}


def make_activation(
    name: str,
    with_slope: bool = True,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    n_members: int = 1,
) -> nn.Module:
    """Make the module of an activation, with a trained slope if it has one. Networks in
    direct space do without: their weights can take its part."""
    if with_slope and ACTIVATIONS[name].has_slope:
        return _WITH_SLOPE[name](device, dtype, n_members)
    return ACTIVATIONS[name].module()
