"""DirectNetwork: the rivals of the spectral network, trained by their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..spec.architecture import Architecture, HiddenLayerSizes, LinearExpansion
from ..spec.parametrizations import parametrize, weight_choices
from ..spec.plan import Strategy
from ..spec.random_bits import seed_sequence, uniform
from ..spec.starts import WEIGHT_SCHEMES
from .direct import DirectLinear
from .layer import seed_from_torch
from .network import StackedNetwork, checked_architecture
from .parametrized import ParametrizedMatrix


class DirectNetwork(StackedNetwork):
    r"""A feed-forward network in direct space, of which all or part of the weights train.

    Linear stacks are contracted while training where that is cheaper, as those of a
    spectral network are.

    Parameters
    ----------
    in_features, out_features : int
        Width of the first and of the last layer.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        As in `SpectralNetwork`.
    activation : {"relu", "tanh", "logistic", "elu", "identity"}, default="relu"
        The non-linearity; a tanh has no trained slope.
    linear_expansion : int, sequence of int, sequence of sequences or None, default=None
        As in `SpectralNetwork`.
    bias : bool, default=True
        Whether the layers have biases.
    parametrization : str, default="weights"
        What trains beside the biases:

        - ``"weights"``: all weights;
        - ``"subset"``: ``n_weights`` of them, drawn at random over all layers;
        - ``"gains"``: one factor per node that a layer feeds;
        - ``"readout"``: the weights and biases of the last layer only, the rest being
          random features;
        - ``"low_rank"``: the factors of W = U V of rank ``rank``;
        - ``"singular_values"``: s of W = U diag(s) V^T;
        - ``"qr"``: R of W = Q R, or of W^T = Q R where that is the narrower one;
        - ``"biases"``, ``"half"``, ``"hashed"``, ``"lora"``, ``"covariance"``,
          ``"kronecker"`` or ``"random_subspace"``: see
          `sklearn_spectral.baselines.DirectClassifier`.
    n_weights : int or sequence of int, optional
        How many weights train with ``"subset"``, ``"hashed"`` and ``"random_subspace"``.
        The last two take one number for each layer, too.
    frozen_init : {"start", "zero"}, default="start"
        What the other weights are with ``"subset"``.
    rank : int or sequence of int, default=10
        The rank for ``"low_rank"``, ``"lora"`` and ``"covariance"``, and the number of
        terms for ``"kronecker"``: for all layers, or one for each.
    init : {"glorot", "scaled"}, default="glorot"
        Uniform weights of variance 2 / (n_in + n_out), or 1 / n_in. The latter are, seed
        by seed, the weights of a `SpectralNetwork` started by its ``"scaled"``.
    units : bool, default=False
        Whether it has buffers for the units of its input and output; see
        `SpectralNetwork`.
    seed : int, optional
        Fixes the start and the subset. By default it is drawn from torch's generator.
    telescope : {"auto", "layers", "contract", "closed_form", "project"}, default="auto"
        How linear stacks are computed while training; see `LinearStack`.
    device : torch.device or str, optional
        Where the parameters live.
    dtype : torch.dtype, optional
        Their type.

    Raises
    ------
    ValueError
        If an option is not one of those listed, or ``n_weights`` is missing, or larger
        than the number of weights.

    References
    ----------
    Giambagli et al., Nature Communications 12, 1330 (2021), "Testing the performance of
    the method": the constrained and the unconstrained neural network.

    Examples
    --------
    >>> from sklearn_spectral.nn import DirectNetwork
    >>> DirectNetwork(784, 10, ()).n_trained
    7850
    >>> some = {"parametrization": "subset", "n_weights": 794}
    >>> DirectNetwork(784, 10, (), bias=False, **some).n_trained
    794
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        activation: str = "relu",
        *,
        linear_expansion: LinearExpansion = None,
        bias: bool = True,
        parametrization: str = "weights",
        n_weights: int | Sequence[int] | None = None,
        frozen_init: str = "start",
        rank: int | Sequence[int] = 10,
        init: str = "glorot",
        units: bool = False,
        seed: int | None = None,
        telescope: Strategy = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if parametrization not in weight_choices():
            raise ValueError(
                f"parametrization must be one of {weight_choices()}; got "
                f"{parametrization!r}."
            )
        if init not in WEIGHT_SCHEMES:
            raise ValueError(f"init must be one of {sorted(WEIGHT_SCHEMES)}; got {init!r}.")
        architecture = checked_architecture(
            in_features, out_features, hidden_layer_sizes, linear_expansion, activation
        )
        seed = seed_from_torch() if seed is None else seed
        config = {
            "parametrization": parametrization,
            "n_weights": n_weights,
            "frozen_init": frozen_init,
            "rank": rank,
        }
        parametrizations = parametrize(config, architecture.layer_shapes, seed)

        def make_layer(position: int, n_in: int, n_out: int) -> DirectLinear:
            bits = np.random.PCG64(seed_sequence(seed, 0, position))

            def draw(bound: float, shape: tuple[int, int]) -> Tensor:
                return torch.from_numpy(uniform(bits, -bound, bound, shape))

            chosen, bound = parametrizations[position], WEIGHT_SCHEMES[init](n_in, n_out)
            arrays = chosen.draw(draw, bound, torch.linalg)
            layer = DirectLinear(ParametrizedMatrix.of_arrays(chosen, arrays), bias)
            return layer.to(device=device, dtype=dtype or torch.get_default_dtype())

        super().__init__(
            architecture,
            activation,
            make_layer,
            telescope,
            device,
            dtype,
            slopes=False,
            units=units,
        )
        if not self.n_trained:
            raise ValueError(
                f"Nothing of the network would train: parametrization={parametrization!r} "
                "leaves biases alone to train, and there are none."
            )

    @classmethod
    def from_layers(
        cls,
        architecture: Architecture,
        activation: str,
        layers: Sequence[nn.Linear],
        units: Mapping[str, Tensor] | None = None,
    ) -> DirectNetwork:
        """Make a network all of whose weights train from given ones.

        Parameters
        ----------
        architecture : Architecture
            The widths.
        activation : {"relu", "tanh", "logistic", "elu", "identity"}
            The non-linearity.
        layers : sequence of torch.nn.Linear
            One per layer of the architecture; they are copied. If any has a bias, all
            get one, which trains.
        units : dict of str to Tensor, optional
            Those of another network's ``units()``. Without, it has none.

        Returns
        -------
        DirectNetwork
            On the device and of the type of the first layer.

        Raises
        ------
        ValueError
            If the layers are not those of the architecture.
        """
        given = tuple(tuple(layer.weight.shape) for layer in layers)
        if given != architecture.layer_shapes:
            raise ValueError(
                f"The network {architecture} has weights of the shapes "
                f"{list(architecture.layer_shapes)}; got {list(given)}."
            )
        like = layers[0].weight
        network = cls(
            architecture.stacks[0][0],
            architecture.stacks[-1][-1],
            architecture.hidden_layer_sizes,
            activation,
            linear_expansion=architecture.linear_expansion,
            bias=any(layer.bias is not None for layer in layers),
            units=bool(units),
            seed=0,
            device=like.device,
            dtype=like.dtype,
        )
        network.set_units(**(units or {}))
        with torch.no_grad():
            for layer, linear in zip(network.layers(), layers, strict=True):
                assert isinstance(layer, DirectLinear)
                layer.form.load(linear.weight)
                if linear.bias is not None:
                    assert layer.bias is not None
                    layer.bias.copy_(linear.bias)
        return network
