"""SpectralNetwork: stacks of spectral layers with activations between them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from .._architecture import Architecture, HiddenLayerSizes, LinearExpansion
from .._random import seed_sequence
from .activations import ACTIVATIONS, ScaledTanh
from .linear import SpectralLinear, direct_linear
from .telescope import SpectralStack, TelescopeMode


class SpectralNetwork(nn.Module):
    """A feed-forward network trained in the spectral domain.

    Parameters
    ----------
    in_features, out_features : int
        Width of the first and of the last layer.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Widths of the non-linear layers; ``()`` is a linear network.
    linear_expansion : int, sequence of int, sequence of sequences or None, default=None
        Widths of the linear layers that are there while training and retracted
        afterwards. An int or a flat sequence stands before the first non-linear layer; a
        nested sequence has one entry per gap.
    activation : {"relu", "tanh", "elu", "identity"}, default="relu"
        The non-linearity; ``"tanh"`` has a trained slope per layer. With ``"identity"``
        the whole network is one linear stack.
    bias : bool, default=True
        Whether the layers have biases.
    train_eigenvalues : {"both", "out", "in", "paper"}, default="both"
        Which eigenvalues train. ``"paper"`` trains both sets of the first layer, and
        only those of the output nodes afterwards.
    train_eigenvectors : bool, default=False
        Whether the eigenvectors train.
    init : {"scaled", "paper", "wide"}, default="scaled"
        The starting scheme.
    seed : int, optional
        Fixes the start on every platform and device. By default it is drawn from
        torch's global generator.
    telescope : {"auto", "layers", "contract"}, default="auto"
        How linear stacks are computed while training; see `SpectralStack`.
    device : torch.device or str, optional
        Where the parameters live.
    dtype : torch.dtype, optional
        Their type.

    Attributes
    ----------
    architecture : Architecture
        The widths, gap by gap.
    stacks : ModuleList of SpectralStack
        One per gap.
    activations : ModuleList
        One after each stack but the last.

    Raises
    ------
    ValueError
        If a width or an option is not valid.

    References
    ----------
    Giambagli et al., Nature Communications 12, 1330 (2021), figure 3.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SpectralNetwork
    >>> network = SpectralNetwork(784, 10, hidden_layer_sizes=120, linear_expansion=2000)
    >>> print(network.architecture)
    784-2000(linear)-120-10
    >>> network.n_trained
    7164
    >>> network.retract()
    Sequential(
      (0): Linear(in_features=784, out_features=120, bias=True)
      (1): ReLU()
      (2): Linear(in_features=120, out_features=10, bias=True)
    )
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        linear_expansion: LinearExpansion = None,
        activation: str = "relu",
        *,
        bias: bool = True,
        train_eigenvalues: str = "both",
        train_eigenvectors: bool = False,
        init: str = "scaled",
        seed: int | None = None,
        telescope: TelescopeMode = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if activation not in (*ACTIVATIONS, "identity"):
            raise ValueError(
                f"activation must be one of {sorted([*ACTIVATIONS, 'identity'])}; got "
                f"{activation!r}."
            )
        self.activation = activation
        self.architecture = Architecture.build(
            in_features, out_features, hidden_layer_sizes, linear_expansion, activation
        )
        if seed is None:
            seed = int(torch.randint(2**62, ()).item())

        stacks: list[SpectralStack] = []
        position = 0
        for widths in self.architecture.stacks:
            layers = []
            for n_in, n_out in pairwise(widths):
                layers.append(
                    SpectralLinear(
                        n_in,
                        n_out,
                        bias,
                        train_eigenvalues=_trained_here(train_eigenvalues, position),
                        train_eigenvectors=train_eigenvectors,
                        init=init,
                        seed=seed_sequence(seed, 0, position),
                        device=device,
                        dtype=dtype,
                    )
                )
                position += 1
            stacks.append(SpectralStack(layers, telescope))
        self.stacks = nn.ModuleList(stacks)
        self.activations = nn.ModuleList(
            ACTIVATIONS[activation](device=device, dtype=dtype) for _ in stacks[:-1]
        )

    def layers(self) -> Iterator[SpectralLinear]:
        """Iterate over all spectral layers, in the order the signal passes them."""
        for stack in self.stacks:
            yield from stack  # type: ignore[misc]

    @property
    def n_trained(self) -> int:
        """Number of parameters that train."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (n_samples, in_features) to (n_samples, out_features)."""
        for stack, activation in zip(self.stacks, self.activations, strict=False):
            x = activation(stack(x))
        return self.stacks[-1](x)

    @torch.no_grad()
    def retract(self) -> nn.Sequential:
        """Return the network that is used: ordinary layers, linear stacks contracted.

        Slopes of tanh are folded into the weights before them.

        Returns
        -------
        torch.nn.Sequential
            ``torch.nn.Linear`` modules and activations without parameters; a copy.
        """
        modules: list[nn.Module] = []
        for position, stack in enumerate(self.stacks):
            weight, bias = stack.contract()  # type: ignore[operator]
            if position == len(self.activations):
                modules.append(direct_linear(weight, bias))
                break
            activation = self.activations[position]
            if isinstance(activation, ScaledTanh):
                weight = weight * activation.slope
                bias = None if bias is None else bias * activation.slope
                activation = nn.Tanh()
            modules += [direct_linear(weight, bias), activation]
        return nn.Sequential(*modules)


def _trained_here(train_eigenvalues: str, position: int):
    """Return which eigenvalues train in the layer at ``position``."""
    if train_eigenvalues == "paper":
        return "both" if position == 0 else "out"
    return train_eigenvalues
