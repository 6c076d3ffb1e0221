"""The telescope's plan: how a stack of linear layers is computed while it trains.

The counting is done where the layers are (``nn/telescope.py``); this is its result, without
torch, so that a loaded model can still show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import prod
from typing import Any, Literal, TypeAlias, TypeVar, get_args

T = TypeVar("T")

# Writing an entry of a matrix and of its gradient takes about as long as this many of the
# multiplications of a matrix product (benchmarks/telescope.py). With as many rows or fewer
# on its left, two thin products with the eigenvectors are cheaper than forming the weight.
ENTRY_COST = 64
THIN_ROWS = ENTRY_COST

# So many numbers are in a processor's cache, and to save some of them saves no time.
LITTLE_MEMORY = 2**19

Strategy: TypeAlias = Literal["auto", "layers", "contract", "closed_form", "project"]
STRATEGY_CHOICES: tuple[str, ...] = get_args(Strategy)
"""What the parameter ``telescope`` may be."""

STRATEGIES = {
    "layers": "layer by layer",
    "contract": "by the retracted matrix, its gradient by autograd",
    "closed_form": "by the retracted matrix, in closed form",
    "project": "from data that were projected on the frozen first layer once",
    "once": "not at all: nothing before it trains, so the data passed it once",
}
"""The strategies to compute a stack, in words. All but the last can be chosen."""


@dataclass(frozen=True)
class StackPlan:
    """How one stack is computed while training, and what the alternatives would cost.

    Parameters
    ----------
    widths : tuple of int
        Node counts of the stack, its two ends included.
    batch_size : int
        Rows of a batch.
    strategy : str
        The strategy chosen, a key of ``STRATEGIES``.
    multiplications : dict of str to int
        For each strategy that is open, the multiplications of one training step, forwards
        and backwards. Work on single entries is counted by what it takes in time.
    memory : dict of str to int
        For each of them, how many numbers it needs beside the parameters and the data.
    after_projection : str, default="layers"
        With ``strategy="project"``, the strategy for the layers after the first.

    Examples
    --------
    >>> from sklearn_spectral.nn import SpectralNetwork
    >>> network = SpectralNetwork(784, 10, (), linear_expansion=1000)
    >>> (plan,) = network.plan(batch_size=500)
    >>> print(plan)
    784-1000-10, batches of 500: by the retracted matrix, in closed form.
      layers        8.5e+08 multiplications a step, 2.09e+06 numbers held
      contract      8.22e+07 multiplications a step, 1.64e+06 numbers held
    * closed_form   3.98e+07 multiplications a step, 7.64e+04 numbers held
    """

    widths: tuple[int, ...]
    batch_size: int
    strategy: str
    multiplications: dict[str, int]
    memory: dict[str, int]
    after_projection: str = "layers"

    def __str__(self) -> str:
        widths = "-".join(map(str, self.widths))
        lines = [f"{widths}, batches of {self.batch_size}: {STRATEGIES[self.strategy]}."]
        lines += [
            f"{'*' if name == self.strategy else ' '} {name:<12}  {count:.3g} "
            f"multiplications a step, {self.memory[name]:.3g} numbers held"
            for name, count in self.multiplications.items()
        ]
        return "\n".join(lines)

    def largest_product(self, n_members: int = 1) -> int:
        """Return the multiplications of the largest product of a step.

        Parameters
        ----------
        n_members : int, default=1
            Members that are computed together.

        Returns
        -------
        int
            By it a fit chooses in how many threads it computes.
        """
        widths, strategy = self.widths, self.strategy
        if strategy in ("project", "once"):
            if strategy == "once" or len(widths) == 2:
                return 0
            widths, strategy = widths[1:], self.after_projection
        passes = [prod(pair) for pair in pairwise(widths)]
        if strategy != "layers" and len(widths) > 2:
            # A batch passes what three widths at a time are multiplied to.
            passes = [widths[0] * widths[-1]]
            triples = zip(widths, widths[1:], widths[2:], strict=False)
            contractions = max(map(prod, triples))
        else:
            contractions = 0
        return n_members * max(self.batch_size * max(passes), contractions)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as builtin types."""
        return asdict(self)


def cheapest(multiplications: Mapping[T, int], memory: Mapping[T, int]) -> T:
    """Return the key of the fewest multiplications; of about equals, of the least memory,
    or the first, where little is needed.

    Counts within a twentieth are equal: they say no more than that about the time.
    """
    bound = 1.05 * min(multiplications.values())
    equals = [key for key, count in multiplications.items() if count <= bound]
    return min(equals, key=lambda key: max(memory[key], LITTLE_MEMORY))
