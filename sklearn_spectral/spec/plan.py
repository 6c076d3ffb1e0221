"""The telescope's plan: how a stack of linear layers is computed while it trains.

The counting is done where the layers are (``nn/telescope.py``); this says what came out,
without torch, so that a loaded model can still show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

T = TypeVar("T")

# Writing an entry of a matrix and of its gradient takes about as long as this many of the
# multiplications of a matrix product (benchmarks/telescope.py). With as many rows or fewer
# on its left, two thin products with the eigenvectors are cheaper than forming the weight.
ENTRY_COST = 64
THIN_ROWS = ENTRY_COST

WAYS = {
    "layers": "layer by layer",
    "contract": "by the retracted matrix, its gradient by autograd",
    "closed_form": "by the retracted matrix, in closed form",
    "project": "from data that were projected on the frozen first layer once",
    "once": "not at all: nothing before it trains, so the data passed it once",
}
"""The ways to compute a stack, and the words for them. The first four can be chosen."""

TELESCOPES = ("auto", "layers", "contract", "closed_form", "project")
"""What the parameter ``telescope`` may be."""


@dataclass(frozen=True)
class StackPlan:
    """How one stack is computed while training, and what the alternatives would cost.

    Parameters
    ----------
    widths : tuple of int
        Node counts of the stack, its two ends included.
    batch_size : int
        Rows of a batch.
    way : str
        The way chosen, a key of ``WAYS``.
    multiplications : dict of str to int
        For each way that is open, the multiplications of one training step, forwards and
        backwards. Work on single entries is counted by what it takes in time.
    memory : dict of str to int
        For each of them, how many numbers are held beside the parameters and the data.
    rest : str, default="layers"
        How the layers after a projected one are computed.

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
    way: str
    multiplications: dict[str, int]
    memory: dict[str, int]
    rest: str = "layers"

    def __str__(self) -> str:
        widths = "-".join(map(str, self.widths))
        lines = [f"{widths}, batches of {self.batch_size}: {WAYS[self.way]}."]
        lines += [
            f"{'*' if way == self.way else ' '} {way:<12}  {count:.3g} multiplications a "
            f"step, {self.memory[way]:.3g} numbers held"
            for way, count in self.multiplications.items()
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as builtin types."""
        return asdict(self)


def cheapest(multiplications: Mapping[T, int], memory: Mapping[T, int]) -> T:
    """Return the way with the fewest multiplications; of equals, with the least memory.

    Counts that differ by less than a twentieth are equal: they say no more than that about
    the time.
    """
    bound = 1.05 * min(multiplications.values())
    equals = [way for way, count in multiplications.items() if count <= bound]
    return min(equals, key=lambda way: memory[way])
