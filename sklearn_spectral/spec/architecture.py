"""From the sizes a user writes to the stacks of linear layers that a network is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any, TypeAlias

from numpy.typing import NDArray

HiddenLayerSizes: TypeAlias = int | Sequence[int] | NDArray[Any]
LinearExpansion: TypeAlias = HiddenLayerSizes | Sequence[Sequence[int]] | None

AUTO_LAYERS = 2
AUTO_NODES = 200
"""What ``linear_expansion="auto"`` puts into each gap: two layers of 200 nodes did better
than one of 400, which trains as many numbers (docs/defaults.md)."""


@dataclass(frozen=True, repr=False)
class Architecture:
    """The widths of a spectral network, gap by gap.

    A gap lies between two non-linear layers (or the input, or the output). Within a gap
    all layers are linear, so that it can be retracted to one matrix.

    Parameters
    ----------
    stacks : tuple of tuple of int
        The node counts of each gap, its two ends included:
        ``((784, 1000, 120), (120, 10))`` is 784-1000(linear)-120(non-linear)-10.

    Examples
    --------
    >>> from sklearn_spectral.nn import Architecture
    >>> print(Architecture.build(784, 10, hidden_layer_sizes=120, linear_expansion=1000))
    784-1000(linear)-120-10
    """

    stacks: tuple[tuple[int, ...], ...]

    @property
    def hidden_layer_sizes(self) -> tuple[int, ...]:
        """Widths of the non-linear layers."""
        return tuple(widths[-1] for widths in self.stacks[:-1])

    @property
    def linear_expansion(self) -> tuple[tuple[int, ...], ...]:
        """Widths of the linear layers, one tuple per gap."""
        return tuple(widths[1:-1] for widths in self.stacks)

    @property
    def expansion_parameter(self) -> tuple[tuple[int, ...], ...] | None:
        """The linear expansion as an estimator takes it; None if there is none."""
        expansion = self.linear_expansion
        return expansion if any(expansion) else None

    @property
    def linear_nodes(self) -> tuple[bool, ...]:
        """Whether each layer between the input and the output is linear."""
        flags = [flag for w in self.stacks for flag in (*[True] * (len(w) - 2), False)]
        return tuple(flags[:-1])

    @property
    def widths(self) -> tuple[int, ...]:
        """Node counts of all layers, the two ends included."""
        return (self.stacks[0][0], *(n_out for n_out, _ in self.layer_shapes))

    @property
    def widest(self) -> int:
        """Width of the widest layer, input and output included."""
        return max(width for widths in self.stacks for width in widths)

    @property
    def layer_shapes(self) -> tuple[tuple[int, int], ...]:
        """Shape of the weight of each layer, (n_out, n_in)."""
        return tuple(
            (n_out, n_in) for widths in self.stacks for n_in, n_out in pairwise(widths)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __str__(self) -> str:
        parts = []
        for position, widths in enumerate(self.stacks):
            parts += [f"{width}" for width in widths[:1] if position == 0]
            parts += [f"{width}(linear)" for width in widths[1:-1]]
            parts.append(f"{widths[-1]}")
        return "-".join(parts)

    @classmethod
    def build(
        cls,
        n_features: int,
        n_outputs: int,
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        linear_expansion: LinearExpansion = None,
        activation: str = "relu",
    ) -> Architecture:
        """Lay out the network that the parameters describe.

        Parameters
        ----------
        n_features, n_outputs : int
            Width of the first and of the last layer.
        hidden_layer_sizes : int or sequence of int, default=(100,)
            Widths of the non-linear layers; ``()`` is a linear network.
        linear_expansion : int, sequence of int, sequence of sequences or None
            Widths of the linear layers: an int or a flat sequence stands before the
            first non-linear layer; a nested sequence has one entry per gap, that is
            ``len(hidden_layer_sizes) + 1``.
        activation : str, default="relu"
            With ``"identity"`` no layer is non-linear and all gaps are joined to one.

        Returns
        -------
        Architecture
            The widths, gap by gap.

        Raises
        ------
        ValueError
            If a width is not a positive integer, or the nesting does not fit.
        """
        hidden = _widths("hidden_layer_sizes", hidden_layer_sizes)
        gaps = _gaps(linear_expansion, n_gaps=len(hidden) + 1)
        ends = (n_features, *hidden, n_outputs)
        stacks = tuple(
            (ends[gap], *expansion, ends[gap + 1]) for gap, expansion in enumerate(gaps)
        )
        if activation == "identity":
            joined = stacks[0] + tuple(w for widths in stacks[1:] for w in widths[1:])
            stacks = (joined,)
        return cls(stacks)


def auto_expansion(
    n_features: int, n_outputs: int, hidden_layer_sizes: HiddenLayerSizes
) -> tuple[tuple[int, ...], ...]:
    """Return linear layers, gap by gap, for a network whose eigenvalues alone train."""
    # Not fewer nodes than the narrower end, which would lower the rank; not more than leave
    # what trains, three numbers a node, at half of the gap's weights; else none.
    hidden = _widths("hidden_layer_sizes", hidden_layer_sizes)
    gaps: list[tuple[int, ...]] = []
    for n_in, n_out in pairwise((n_features, *hidden, n_outputs)):
        most = (n_in * n_out // 2 - n_in - n_out) // (3 * AUTO_LAYERS)
        least = min(n_in, n_out)
        n_nodes = min(most, max(AUTO_NODES, least))
        gaps.append((n_nodes,) * AUTO_LAYERS if n_nodes >= least else ())
    return tuple(gaps)


def eigenvalues_trained_in(position: int, train_eigenvalues: str) -> Any:
    """Return which eigenvalues train in one layer: "both", "out" or "in"."""
    if train_eigenvalues == "paper":
        return "both" if position == 0 else "out"
    return train_eigenvalues


def _gaps(linear_expansion: LinearExpansion, n_gaps: int) -> list[tuple[int, ...]]:
    """Return the widths of the linear layers of each gap."""
    if linear_expansion is None:
        return [()] * n_gaps
    if isinstance(linear_expansion, Integral):
        return [_widths("linear_expansion", linear_expansion)] + [()] * (n_gaps - 1)
    entries = _as_list("linear_expansion", linear_expansion)
    entries = [() if entry is None else entry for entry in entries]
    nested = [not isinstance(entry, Integral) for entry in entries]
    if not any(nested):
        return [_widths("linear_expansion", entries)] + [()] * (n_gaps - 1)
    if not all(nested):
        raise ValueError(
            f"linear_expansion={linear_expansion!r} mixes integers and sequences. Give "
            "either a flat sequence (linear layers before the first non-linear one) or "
            "one sequence per gap, for example ((1000,), ())."
        )
    if len(entries) != n_gaps:
        raise ValueError(
            f"linear_expansion={linear_expansion!r} has {len(entries)} entries, but a "
            f"network with {n_gaps - 1} non-linear layer(s) has {n_gaps} gaps, before, "
            "between and after them: give one sequence per gap, () where none is wanted."
        )
    return [_widths("linear_expansion", entry) for entry in entries]


def _widths(name: str, value: Any) -> tuple[int, ...]:
    """Return ``value`` as a tuple of positive ints."""
    entries = [value] if isinstance(value, Integral) else _as_list(name, value)
    for entry in entries:
        if not isinstance(entry, Integral) or isinstance(entry, bool) or entry < 1:
            raise ValueError(
                f"{name}={value!r} holds {entry!r}; every width must be an integer of "
                "at least 1."
            )
    return tuple(int(entry) for entry in entries)


def _as_list(name: str, value: Any) -> list[Any]:
    if isinstance(value, str | dict | set) or not isinstance(value, Iterable):
        hint = ""
        if value == "auto":
            hint = " 'auto' is a value of the estimators' linear_expansion as a whole."
        raise ValueError(
            f"{name}={value!r} is neither an integer nor a sequence of integers.{hint}"
        )
    return list(value)
