"""The telescope: a stack of linear layers, extended while training, used as one matrix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from ..spec.plan import STRATEGY_CHOICES, THIN_ROWS, StackPlan, Strategy, cheapest
from .layer import LinearLayer, affine
from .products import BLOCK_ROWS, times_vector

# Projected data may always be this many numbers; more only where the data themselves are.
PROJECTED_NUMBERS = 2**26


def contract(
    layers: Sequence[LinearLayer], closed_form: bool = True
) -> tuple[Tensor, Tensor | None]:
    """Retract consecutive linear layers to one.

    Parameters
    ----------
    layers : sequence of LinearLayer
        In the order in which the signal passes them.
    closed_form : bool, default=True
        Whether layers multiply in closed form where they can, or by their weights.

    Returns
    -------
    weight : Tensor of shape (last.out_features, first.in_features)
        W_c = W_L ... W_2 W_1, differentiable; of several members (n_members, ...).
    bias : Tensor of shape (last.out_features,) or None
        The bias of the whole stack; None if no layer has one.

    Raises
    ------
    TypeError
        If something else than layers of this package is given.
    ValueError
        If there is none, or one does not take what the one before it gives.

    References
    ----------
    Giambagli et al., Nature Communications 12, 1330 (2021), equation 2 and figure 2b.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SpectralLinear, contract
    >>> layers = [SpectralLinear(8, 30), SpectralLinear(30, 3)]
    >>> weight, bias = contract(layers)
    >>> weight.shape, bias.shape
    (torch.Size([3, 8]), torch.Size([3]))
    """
    layers = _checked_layers(layers)
    return _contract(layers, closed_form, _starts_at_output(layers, closed_form))


def _checked_layers(layers: Iterable[LinearLayer]) -> list[LinearLayer]:
    """Check that layers can stand one after the other."""
    checked = [*layers] if isinstance(layers, Iterable) else [layers]
    for layer in checked:
        if not isinstance(layer, LinearLayer):
            raise TypeError(
                "A stack is a sequence of layers of sklearn_spectral.nn in the order in "
                "which the signal passes them, for example [SpectralLinear(8, 3)]; got "
                f"{type(layer).__name__}."
            )
    if not checked:
        raise ValueError("A stack needs at least one layer; got none.")
    for before, after in pairwise(checked):
        if before.out_features != after.in_features:
            raise ValueError(
                f"A layer with {before.out_features} outputs cannot feed one with "
                f"{after.in_features} inputs."
            )
        if before.n_members != after.n_members:
            raise ValueError(
                f"A layer with {before.n_members} members cannot feed one with "
                f"{after.n_members}."
            )
    return checked


class LinearStack(nn.Module):
    """Consecutive layers with nothing between them: one linear map.

    Parameters
    ----------
    layers : sequence of LinearLayer
        The layers, in the order in which the signal passes them.
    strategy : {"auto", "layers", "contract", "closed_form", "project"}, default="auto"
        How the forward pass is computed:

        - ``"layers"``: layer by layer;
        - ``"contract"``: the weights are multiplied to the retracted matrix first, and
          autograd finds its way back;
        - ``"closed_form"``: likewise, without forming weights whose eigenvectors are
          frozen;
        - ``"project"``: from data that passed the frozen part of the first layer
          beforehand, where a network is trained on a plan; elsewhere as ``"auto"``;
        - ``"auto"``: whichever of the first three takes the fewest multiplications for
          the batch at hand.

        The result is the same up to rounding.

    Raises
    ------
    ValueError
        If there is no layer, the widths do not fit or the strategy is unknown.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import LinearStack, SpectralLinear
    >>> stack = LinearStack([SpectralLinear(8, 30), SpectralLinear(30, 3)])
    >>> stack(torch.zeros(5, 8)).shape
    torch.Size([5, 3])
    >>> stack.plan(batch_size=500).strategy
    'closed_form'
    """

    layers: Sequence[LinearLayer]

    def __init__(self, layers: Sequence[LinearLayer], strategy: Strategy = "auto") -> None:
        super().__init__()
        modules = nn.ModuleList(_checked_layers(layers))
        self.layers = cast("Sequence[LinearLayer]", modules)
        self.active_plan: StackPlan | None = None
        # Caches: the end that a contraction starts at; the strategy for a batch size.
        self._ends: dict[tuple[int, bool], bool] = {}
        self._strategies: dict[int, str] = {}
        self.set_strategy(strategy)

    def set_strategy(self, strategy: Strategy) -> None:
        """Choose how the forward pass is computed.

        Parameters
        ----------
        strategy : str
            As in the constructor.

        Raises
        ------
        ValueError
            If it is not one of those listed there.
        """
        if strategy not in STRATEGY_CHOICES:
            raise ValueError(
                f"strategy must be one of {list(STRATEGY_CHOICES)}; got {strategy!r}."
            )
        self.strategy = strategy
        self._strategies.clear()

    def __iter__(self) -> Iterator[LinearLayer]:
        return iter(self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Node counts, the two ends included."""
        return (self.layers[0].in_features, *(layer.out_features for layer in self))

    def contract(self, closed_form: bool = True) -> tuple[Tensor, Tensor | None]:
        """Return the weight and bias of the stack as one layer; see `contract`."""
        layers = list(self)
        return _contract(layers, closed_form, self.starts_at_output(layers, closed_form))

    def starts_at_output(self, layers: Sequence[LinearLayer], closed_form: bool) -> bool:
        """Whether to contract the stack's last layers, these, from the output down."""
        key = len(layers), closed_form
        if key not in self._ends:
            self._ends[key] = _starts_at_output(layers, closed_form)
        return self._ends[key]

    def strategy_for(self, batch_size: int) -> tuple[bool, str]:
        """Whether data come projected, and the strategy for the layers they still pass."""
        plan = self.active_plan
        if plan is not None:
            projected = plan.strategy == "project"
            return projected, plan.after_projection if projected else plan.strategy
        if batch_size not in self._strategies:
            if len(self._strategies) > 100:  # batches of ever new sizes
                self._strategies.clear()
            self._strategies[batch_size] = self.plan(batch_size).strategy
        return False, self._strategies[batch_size]

    def plan(
        self, batch_size: int, into_input: bool = True, n_rows: int | None = None
    ) -> StackPlan:
        """Count what each strategy costs, and choose.

        Parameters
        ----------
        batch_size : int
            Rows of a batch.
        into_input : bool, default=True
            Whether a gradient goes on into the input: false before the first activation
            of a network.
        n_rows : int, optional
            Rows of the data, if they may be projected on the frozen part of the first
            layer beforehand.

        Returns
        -------
        StackPlan
            The choice, with all counts.

        Raises
        ------
        ValueError
            If ``strategy="project"`` and the first layer has no frozen part.
        """
        layers = list(self)
        counts, memory = _count(layers, batch_size, into_input)
        after_projection = "layers"
        if n_rows is not None:
            factor = layers[0].frozen_factor()
            if factor is None and self.strategy == "project":
                raise ValueError(
                    "telescope='project' needs a first layer with a part that never "
                    "trains, for example train_eigenvalues='out' with "
                    "train_eigenvectors=False."
                )
            if factor is not None:
                size = n_rows * len(factor)
                fits = size <= max(PROJECTED_NUMBERS, n_rows * self.widths[0])
                if fits or self.strategy == "project":
                    counts["project"] = 3 * batch_size * len(factor)
                    memory["project"] = size
                    if len(layers) > 1:
                        costs, sizes = _count(layers[1:], batch_size, True)
                        after_projection = cheapest(costs, sizes)
                        counts["project"] += costs[after_projection]
                        memory["project"] += sizes[after_projection]
        chosen = self.strategy if self.strategy in counts else cheapest(counts, memory)
        return StackPlan(self.widths, batch_size, chosen, counts, memory, after_projection)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (n_samples, n_in) to (n_samples, n_out).

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_in) or (n_members, n_samples, n_in)
            The input; while an active plan projects, its products with the frozen factor
            of the first layer. Several members share rows or have their own.

        Returns
        -------
        Tensor of shape (n_samples, n_out), or (n_members, n_samples, n_out) of several
            The output.
        """
        projected, strategy = self.strategy_for(x.shape[-2:][0])
        layers = list(self)
        if projected:
            x = layers.pop(0).from_projection(x)
        if strategy == "layers":
            for layer in layers:
                x = layer(x)
            return x
        closed_form = strategy == "closed_form"
        down = self.starts_at_output(layers, closed_form)
        return affine(x, *_contract(layers, closed_form, down))

    def to_linear(self) -> nn.Sequential:
        """Return ordinary layers with the weights and biases of these, one for each.

        Returns
        -------
        torch.nn.Sequential
            ``torch.nn.Linear`` modules; a copy, all of which trains.
        """
        return nn.Sequential(*(layer.to_linear() for layer in self))


def _contract(
    layers: Sequence[LinearLayer], closed_form: bool, starts_at_output: bool
) -> tuple[Tensor, Tensor | None]:
    weight: Tensor
    bias: Tensor | None
    if starts_at_output:
        weight, bias = layers[-1].weight, layers[-1].bias
        for layer in reversed(layers[:-1]):
            bias = _add(
                bias, None if layer.bias is None else times_vector(weight, layer.bias)
            )
            weight = layer.left_multiply(weight) if closed_form else weight @ layer.weight
        return weight, bias
    weight, bias = layers[0].weight, layers[0].bias
    for layer in layers[1:]:
        if closed_form:
            column = None if bias is None else bias.unsqueeze(-1)
            onward = None if column is None else layer.right_multiply(column)[..., 0]
            weight = layer.right_multiply(weight)
        else:
            step = layer.weight
            onward = None if bias is None else times_vector(step, bias)
            weight = step @ weight
        bias = _add(layer.bias, onward)
    return weight, bias


def _add(left: Tensor | None, right: Tensor | None) -> Tensor | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right


# ---- counting, for the plan ----


def _count(
    layers: Sequence[LinearLayer], batch_size: int, into_input: bool
) -> tuple[dict[str, int], dict[str, int]]:
    """Count the multiplications and the memory of each strategy that is open to layers."""
    counts = {
        "layers": sum(
            layer.passing_cost(batch_size, into_input or position > 0)
            for position, layer in enumerate(layers)
        )
    }
    memory = {
        "layers": sum(
            _formed(layer) + layer.n_members * batch_size * layer.out_features
            for layer in layers
        )
    }
    if len(layers) > 1:
        n_in, n_out = layers[0].in_features, layers[-1].out_features
        n_out *= layers[0].n_members
        ends = batch_size * n_in * n_out * (2 + into_input)
        for strategy in ("contract", "closed_form"):
            closed_form = strategy == "closed_form"
            start = _starts_at_output(layers, closed_form)
            cost, size = _contraction(layers, closed_form, start)
            counts[strategy] = cost + ends
            memory[strategy] = size + 2 * n_in * n_out + batch_size * n_out
    return counts, memory


def _formed(layer: LinearLayer) -> int:
    """Return how many numbers a formed weight and its gradient are."""
    times = 2 if layer.forming_cost() else layer.trains_weight
    return layer.n_members * layer.size * times


def _starts_at_output(layers: Sequence[LinearLayer], closed_form: bool) -> bool:
    """Whether contracting from the last layer down is cheaper than from the first up."""
    costs = {start: _contraction(layers, closed_form, start) for start in (True, False)}
    return cheapest(
        {start: cost for start, (cost, _) in costs.items()},
        {start: size for start, (_, size) in costs.items()},
    )


def _contraction(
    layers: Sequence[LinearLayer], closed_form: bool, starts_at_output: bool
) -> tuple[int, int]:
    """Count the multiplications and the memory of a contraction, there and back."""
    order = list(reversed(layers)) if starts_at_output else list(layers)
    n_rows = order[0].out_features if starts_at_output else order[0].in_features
    cost, memory = order[0].forming_cost(), _formed(order[0])
    for layer in order[1:]:
        product = layer.product_cost(n_rows) if closed_form else None
        if product is None:
            entries = layer.n_members * layer.size
            cost += n_rows * entries * (2 + layer.trains_weight) + layer.forming_cost()
            memory += _formed(layer)
        else:
            cost += product
            if n_rows > THIN_ROWS:
                memory += 2 * min(BLOCK_ROWS * layer.in_features, layer.size)
        ends = layer.n_members * (layer.in_features + layer.out_features)
        memory += 2 * n_rows * ends
        if layer.bias is not None:
            cost += layer.n_members * n_rows * layer.out_features
    return cost, memory
