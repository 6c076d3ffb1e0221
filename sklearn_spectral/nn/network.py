"""Networks: stacks of linear layers with activations between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import pairwise
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..spec.activations import ACTIVATIONS
from ..spec.architecture import (
    Architecture,
    HiddenLayerSizes,
    LinearExpansion,
    eigenvalues_trained_in,
)
from ..spec.parametrizations import RANK, checked_choice, parametrize
from ..spec.plan import StackPlan, Strategy
from ..spec.random_bits import seed_sequence
from ..spec.starts import members_differ_in
from ..spec.units import UNITS
from .activations import activated, make_activation
from .layer import LinearLayer, direct_linear, seed_from_torch
from .linear import SpectralLinear, TrainEigenvectors
from .members import WeightAndBias, merge_layers
from .products import own_projection
from .seen_columns import SeenColumns
from .telescope import LinearStack


class StackedNetwork(nn.Module):
    """Base of the networks: one stack of linear layers per gap between activations."""

    input_shift: Any
    input_scale: Any
    output_shift: Any
    output_scale: Any
    stacks: Sequence[LinearStack]

    # While it trains: what gives the same outputs without a graph, in memory of its own
    # that the next call overwrites.
    passes: Callable[[Tensor], Tensor] | None = None

    def __init__(
        self,
        architecture: Architecture,
        activation: str,
        make_layer: Callable[[int, int, int], LinearLayer],
        telescope: Strategy = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        slopes: bool = True,
        n_members: int = 1,
        units: bool = False,
    ) -> None:
        super().__init__()
        self.n_members = n_members
        ends = architecture.stacks[0][0], architecture.stacks[-1][-1]
        for side, width in zip(("input", "output"), ends, strict=True):
            shift = torch.zeros(width, dtype=dtype, device=device) if units else None
            self.register_buffer(f"{side}_shift", shift)
            self.register_buffer(f"{side}_scale", None if shift is None else shift + 1)
        self.architecture = architecture
        self.activation = activation
        self.n_computed_once, self.reads_computed = 0, False
        stacks: list[LinearStack] = []
        position = 0
        for widths in architecture.stacks:
            layers = []
            for n_in, n_out in pairwise(widths):
                layers.append(make_layer(position, n_in, n_out))
                position += 1
            stacks.append(LinearStack(layers, telescope))
        self.stacks = cast("Sequence[LinearStack]", nn.ModuleList(stacks))
        self.activations = nn.ModuleList(
            make_activation(activation, slopes, device, dtype, n_members)
            for _ in stacks[:-1]
        )

    def layers(self) -> Iterator[LinearLayer]:
        """Iterate over all layers, in the order the signal passes them."""
        for stack in self.stacks:
            yield from stack

    @property
    def n_trained(self) -> int:
        """Number of parameters that train."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (n_samples, in_features) to (n_samples, out_features); within
        `use_plans`, ``x`` is the result of `precompute`.

        Several members share the rows of ``x``, or have their own, (n_members, n_samples,
        in_features); their outputs are (n_members, n_samples, out_features)."""
        if self.passes is not None and not torch.is_grad_enabled():
            x = self.passes(x)
        else:
            x = self.standardized(x)
            for position in range(self.n_computed_once, len(self.activations)):
                x = activated(self.activations[position], self.stacks[position](x))
            x = self.stacks[-1](x)
        if self.output_scale is None:
            return x
        return x * self.output_scale + self.output_shift

    def standardized(self, x: Any) -> Any:
        """Return rows as the first layer reads them; those that `precompute` made are."""
        return x if self.reads_computed else self._standardize(x)

    def _standardize(self, x: Any) -> Any:
        if self.input_scale is None:
            return x
        if isinstance(x, SeenColumns):  # which are read where nothing is shifted
            return x.divided(self.input_scale)
        return (x - self.input_shift).div_(self.input_scale)

    def units(self) -> dict[str, Tensor]:
        """Return what stands around the network, by its names; nothing if there is none."""
        if self.input_scale is None:
            return {}
        return {name: getattr(self, name) for name in UNITS}

    @torch.no_grad()
    def set_units(self, **arrays: Tensor | NDArray[Any]) -> None:
        """Set what stands around the network: ``input_shift``, ``input_scale``,
        ``output_shift`` and ``output_scale``, of a network that was made with ``units``."""
        for name, values in arrays.items():
            getattr(self, name).copy_(torch.as_tensor(values))

    # ---- the telescope's plan ----

    def plan(self, batch_size: int, n_rows: int | None = None) -> list[StackPlan]:
        """Choose how each stack is computed while training in batches; with the number of
        rows of the data, parts that never train may be computed for all of them once."""
        plans: list[StackPlan] = []
        n_once = 0 if n_rows is None else self._n_frozen_stacks()
        for position, stack in enumerate(self.stacks):
            if position < n_once:
                counts = {"once": 0}
                memory = {"once": cast("int", n_rows) * stack.widths[-1]}
                plans.append(StackPlan(stack.widths, batch_size, "once", counts, memory))
            elif position == n_once:
                plans.append(stack.plan(batch_size, into_input=False, n_rows=n_rows))
            else:
                plans.append(stack.plan(batch_size))
        return plans

    @staticmethod
    def computes_once(plans: Sequence[StackPlan]) -> bool:
        """Whether `precompute` does anything by these plans."""
        return any(plan.strategy in ("once", "project") for plan in plans)

    def set_telescope(self, strategy: Strategy) -> None:
        """Choose how linear stacks are computed; see `LinearStack`."""
        for stack in self.stacks:
            stack.set_strategy(strategy)

    def _n_frozen_stacks(self) -> int:
        """Count the stacks before the first that trains, or whose activation does."""
        for position, activation in enumerate(self.activations):
            parts = (*self.stacks[position].parameters(), *activation.parameters())
            if any(parameter.requires_grad for parameter in parts):
                return position
        return len(self.activations)

    @contextmanager
    def use_plans(self, plans: Sequence[StackPlan]) -> Iterator[None]:
        """Compute by plans within a ``with`` block, from the result of `precompute`."""
        for stack, plan in zip(self.stacks, plans, strict=True):
            stack.active_plan = plan
        self.n_computed_once = sum(plan.strategy == "once" for plan in plans)
        self.reads_computed = self.computes_once(plans)
        try:
            yield
        finally:
            self.n_computed_once, self.reads_computed = 0, False
            for stack in self.stacks:
                stack.active_plan = None

    @torch.no_grad()
    def precompute(self, x: Tensor, plans: Sequence[StackPlan]) -> Tensor:
        """Pass rows of data through the parts that training by these plans never changes;
        the rows themselves if there are none."""
        if not self.computes_once(plans):
            return x
        x = self._standardize(x)
        for position, (stack, plan) in enumerate(zip(self.stacks, plans, strict=True)):
            if plan.strategy == "once":
                x = self.activations[position](stack(x))
            else:
                factor = None
                if plan.strategy == "project":
                    factor = stack.layers[0].frozen_factor()
                return x if factor is None else x @ factor.T
        return x

    def rows_of_members(self, x: Tensor, index: Tensor) -> Tensor:
        """Return rows of the data for each member, of numbers ``index`` (n_members, m);
        within `use_plans` of what `precompute` made of the data."""
        stack = self.stacks[self.n_computed_once]
        plan = stack.active_plan
        if plan is None or plan.strategy != "project":
            return x[index]
        return own_projection(x, index, stack.layers[0].out_features)

    @torch.no_grad()
    def retract(self, fold_units: bool = True) -> nn.Sequential:
        """Return a copy in ordinary layers, one per linear stack: the network that is used.
        Slopes are folded into the weights, and units unless not asked. Several members are
        the one network whose output is the mean of theirs; see `BlockLinear`."""
        return self._sequence([[stack.contract()] for stack in self.stacks], fold_units)

    @torch.no_grad()
    def to_linear(self, fold_units: bool = True) -> nn.Sequential:
        """Return a copy in ordinary layers, as many as here: the extended network.
        Slopes are folded into the weights, and units unless not asked."""
        return self._sequence(
            [[(layer.weight, layer.bias) for layer in stack] for stack in self.stacks],
            fold_units,
        )

    def _sequence(
        self, stacks: Sequence[list[WeightAndBias]], fold_units: bool
    ) -> nn.Sequential:
        """Put ordinary layers in sequence, with activations without slopes between them."""
        plain: list[WeightAndBias] = []
        for position, layers in enumerate(stacks):
            plain += layers
            slope = getattr([*self.activations, None][position], "slope", None)
            if slope is not None:
                column = slope if slope.ndim == 0 else slope[:, None]
                weight, bias = plain[-1]
                bias = None if bias is None else bias * column
                plain[-1] = weight * column.unsqueeze(-1), bias
        if self.input_scale is not None and fold_units:
            self._fold_units(plain)
        if self.n_members == 1:
            made: Sequence[nn.Module] = [direct_linear(*layer) for layer in plain]
        else:
            made = merge_layers(plain)
        modules: list[nn.Module] = []
        for position, layers in enumerate(stacks):
            modules += made[: len(layers)]
            made = made[len(layers) :]
            if position < len(self.activations):
                activation = self.activations[position]
                if getattr(activation, "slope", None) is not None:
                    activation = ACTIVATIONS[self.activation].module()
                modules.append(activation)
        return nn.Sequential(*modules)

    def _fold_units(self, plain: list[WeightAndBias]) -> None:
        """Fold the units into the first and the last of weights (n_out, n_in)."""
        weight, bias = plain[0]
        weight = weight / self.input_scale
        centre = weight @ self.input_shift
        if bias is not None or centre.any():
            bias = -centre if bias is None else bias - centre
        plain[0] = weight, bias
        weight, bias = plain[-1]
        if bias is not None or self.output_shift.any():
            scaled = 0.0 if bias is None else bias * self.output_scale
            bias = self.output_shift + scaled
            bias = bias.expand(weight.shape[:-1])
        plain[-1] = weight * self.output_scale.unsqueeze(-1), bias


class SpectralNetwork(StackedNetwork):
    """A feed-forward network trained in the spectral domain.

    Parameters
    ----------
    in_features, out_features : int
        Width of the first and of the last layer.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Widths of the non-linear layers; ``()`` is a linear network.
    activation : {"relu", "tanh", "logistic", "elu", "identity"}, default="relu"
        The non-linearity; ``"tanh"`` has a trained slope per layer. With ``"identity"``
        the whole network is one linear stack.
    linear_expansion : int, sequence of int, sequence of sequences or None, default=None
        Widths of the linear layers that are there while training and retracted
        afterwards. An int or a flat sequence stands before the first non-linear layer; a
        nested sequence has one entry per gap.
    bias : bool, default=True
        Whether the layers have biases.
    train_eigenvalues : {"both", "out", "in", "paper"}, default="both"
        Which eigenvalues train. ``"paper"`` trains both sets of the first layer, and
        only those of the output nodes afterwards.
    train_eigenvectors : bool or str, default=False
        What of the eigenvectors trains; see `SpectralLinear`. With ``"readout"`` those of
        the last layer do, all of them.
    rank : int or sequence of int, default=4
        Number of Kronecker products with ``"kronecker"``, for all layers or for each.
    init : {"scaled", "paper", "wide"}, default="scaled"
        The starting scheme.
    n_members : int, default=1
        How many networks it is: members of a population, which share eigenvectors and
        differ in eigenvalues and biases, at first in those eigenvalues that layers read
        by: of all layers, or of the first alone where eigenvectors train.
    units : bool, default=False
        Whether it has buffers for the units of its input and output, which are at first
        none: ``input_shift``, ``input_scale``, ``output_shift`` and ``output_scale``. It
        then reads ``(x - input_shift) / input_scale``, and likewise back.
    seed : int, optional
        Fixes the start on every platform and device. By default it is drawn from
        torch's global generator.
    telescope : {"auto", "layers", "contract", "closed_form", "project"}, default="auto"
        How linear stacks are computed while training; see `LinearStack`.
    device : torch.device or str, optional
        Where the parameters live.
    dtype : torch.dtype, optional
        Their type.

    Attributes
    ----------
    architecture : Architecture
        The widths, gap by gap.
    stacks : ModuleList of LinearStack
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
        activation: str = "relu",
        *,
        linear_expansion: LinearExpansion = None,
        bias: bool = True,
        train_eigenvalues: str = "both",
        train_eigenvectors: TrainEigenvectors = False,
        rank: int | Sequence[int] = RANK,
        init: str = "scaled",
        n_members: int = 1,
        units: bool = False,
        seed: int | None = None,
        telescope: Strategy = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        architecture = checked_architecture(
            in_features, out_features, hidden_layer_sizes, linear_expansion, activation
        )
        seed = seed_from_torch() if seed is None else seed
        choice = {"train_eigenvectors": checked_choice(train_eigenvectors), "rank": rank}
        forms = parametrize(choice, architecture.layer_shapes, seed)

        def make_layer(position: int, n_in: int, n_out: int) -> SpectralLinear:
            return SpectralLinear(
                n_in,
                n_out,
                bias,
                train_eigenvalues=eigenvalues_trained_in(position, train_eigenvalues),
                train_eigenvectors=forms[position],
                init=init,
                seed=seed_sequence(seed, 0, position),
                device=device,
                dtype=dtype,
                n_members=n_members,
                differ=members_differ_in(position, bool(forms[position].trained)),
            )

        super().__init__(
            architecture,
            activation,
            make_layer,
            telescope,
            device,
            dtype,
            n_members=n_members,
            units=units,
        )

    @torch.no_grad()
    def member(self, k: int) -> SpectralNetwork:
        """Return a copy of one member, as a network of its own.

        Parameters
        ----------
        k : int
            Which, from 0.

        Returns
        -------
        SpectralNetwork
            With ``n_members=1``.

        Raises
        ------
        IndexError
            If there is no such member.

        Examples
        --------
        >>> import torch
        >>> from sklearn_spectral.nn import SpectralNetwork
        >>> network = SpectralNetwork(4, 3, 20, n_members=16)
        >>> x = torch.rand(5, 4)
        >>> network(x).shape, torch.allclose(network.member(2)(x), network(x)[2], atol=1e-6)
        (torch.Size([16, 5, 3]), True)
        """
        network = SpectralNetwork.__new__(SpectralNetwork)
        nn.Module.__init__(network)
        network.architecture, network.activation = self.architecture, self.activation
        network.n_members, network.n_computed_once = 1, 0
        network.reads_computed = False
        for name, values in self.named_buffers(recurse=False):
            network.register_buffer(name, values.clone())
        for name in () if self.input_scale is not None else UNITS:
            network.register_buffer(name, None)
        stacks = [
            LinearStack(
                [cast("SpectralLinear", layer).member(k) for layer in stack], stack.strategy
            )
            for stack in self.stacks
        ]
        network.stacks = cast("Sequence[LinearStack]", nn.ModuleList(stacks))
        network.activations = deepcopy(self.activations)
        for activation in network.activations if self.n_members > 1 else ():
            if (slope := getattr(activation, "slope", None)) is not None:
                activation.slope = nn.Parameter(slope[k].clone(), slope.requires_grad)
        return network.train(self.training)

    @torch.no_grad()
    def load_nodes(self, source: StackedNetwork, nodes: Sequence[Tensor | slice]) -> None:
        """Take the values of another network at some of its nodes.

        What trains may differ between the two, and the widths as far as ``nodes`` says.

        Parameters
        ----------
        source : StackedNetwork
            A spectral network of as many layers and the same activation; it is not changed.
        nodes : sequence of Tensor of int64 or slice
            Which nodes of the source are those of this network: of the input first, then
            those that each layer feeds.
        """
        layers = cast("Iterator[SpectralLinear]", self.layers())
        others = cast("Iterator[SpectralLinear]", source.layers())
        for layer, other, (read, fed) in zip(layers, others, pairwise(nodes), strict=True):
            layer.load(
                other.eigenvalues_in[..., read],
                other.eigenvalues_out[..., fed],
                other.eigenvectors[fed][:, read],
                None if other.bias is None else other.bias[..., fed],
            )
        self.activations.load_state_dict(source.activations.state_dict())
        self.set_units(**source.units())


def checked_architecture(
    in_features: int,
    out_features: int,
    hidden_layer_sizes: HiddenLayerSizes,
    linear_expansion: LinearExpansion,
    activation: str,
) -> Architecture:
    """Lay the network out, if there is such an activation."""
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {list(ACTIVATIONS)}; got {activation!r}."
        )
    return Architecture.build(
        in_features, out_features, hidden_layer_sizes, linear_expansion, activation
    )
