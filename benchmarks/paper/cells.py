"""The grid: every network, method and seed that the figures and tables need.

A cell is one fit. Figures share cells: the first five points of figure 6 are networks of
figure 5 too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

WIDE = (20, 80, 100, 500, 800, 1000, 2000)
"""N2 of the linear wide networks, 784-N2-10 (figure 5)."""

DEEP = (
    (20,),
    (80,),
    (100,),
    (500,),
    (800,),
    (800, 100),
    (800, 200),
    (800, 400),
    (800, 600),
    (800, 600, 500),
)
"""Linear layers of the ten points of figure 6."""

NON_LINEAR = (20, 100, 500, 1000, 2000)
"""N2 of 784-N2(linear)-N3(ReLU)-10 (figure 7)."""

WIDER = (2500, 3000, 4000)
"""N2 of the same network, past that range."""

N3 = {"mnist": 120, "fashion_mnist": 128}
"""Width of the ReLU layer."""

PAPER_METHODS = ("eigenvalues", "constrained", "full", "both")


@dataclass(frozen=True)
class Cell:
    """One fit: a data set, a network, a way to train it, and a seed.

    Parameters
    ----------
    data : {"mnist", "fashion_mnist"}
        The data set.
    family : {"perceptron", "linear", "non-linear"}
        What kind of network.
    widths : tuple of int
        Its linear layers.
    method : str
        How it trains; a name that ``methods.make`` knows.
    seed : int
        Of the start and of the batches.
    """

    data: str
    family: str
    widths: tuple[int, ...]
    method: str
    seed: int

    @property
    def network(self) -> str:
        """The network in words, such as 784-1000(linear)-120-10."""
        hidden = [str(N3[self.data])] if self.family == "non-linear" else []
        return "-".join(["784", *(f"{w}(linear)" for w in self.widths), *hidden, "10"])

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What tells a cell from all others."""
        return (self.data, self.network, self.method, self.seed)

    def row(self) -> dict[str, object]:
        """The columns of the table that say which cell it is."""
        columns = asdict(self) | {"network": self.network}
        columns["widths"] = "-".join(map(str, self.widths))
        return columns


def by_every_method(
    data: str, family: str, networks: Iterable[tuple[int, ...]], seed: int
) -> Iterator[Cell]:
    """Cells of the paper's four methods on each of the given networks."""
    for widths in networks:
        for method in PAPER_METHODS:
            yield Cell(data, family, widths, method, seed)


def table_1(seed: int) -> Iterator[Cell]:
    """Cells of Table 1 and of the perceptron: the networks at which methods are best."""
    yield from by_every_method("mnist", "perceptron", [()], seed)
    yield Cell("mnist", "perceptron", (), "constrained, zero", seed)
    best = [(80,), (2000,), (800, 100), (800, 600), (800, 600, 500)]
    yield from by_every_method("mnist", "linear", best, seed)
    yield from by_every_method("mnist", "non-linear", [(100,), (2000,)], seed)


def mnist_by_the_paper(seed: int) -> Iterator[Cell]:
    """Cells of figures 4 to 7."""
    linear = dict.fromkeys([*((n2,) for n2 in WIDE), *DEEP])
    yield from by_every_method("mnist", "linear", linear, seed)
    yield from by_every_method("mnist", "non-linear", [(n2,) for n2 in NON_LINEAR], seed)


def readings(seed: int) -> Iterator[Cell]:
    """Other readings of the paper: which eigenvalues, what "constrained" is, which rate."""
    yield Cell("mnist", "perceptron", (), "full, rate 0.003", seed)
    yield Cell("mnist", "linear", (1000,), "full, rate 0.003", seed)
    yield Cell("mnist", "linear", (800, 600, 500), "full, rate 0.003", seed)
    yield Cell("mnist", "non-linear", (1000,), "full, rate 0.003", seed)
    for n2 in WIDE:
        yield Cell("mnist", "linear", (n2,), "eigenvalues, text", seed)
        yield Cell("mnist", "linear", (n2,), "constrained, zero", seed)
    for n2 in NON_LINEAR:
        yield Cell("mnist", "non-linear", (n2,), "eigenvalues, text", seed)


def wider(seed: int) -> Iterator[Cell]:
    """Cells of networks wider than the paper's figures show, which name no widest."""
    for n2 in WIDER:
        yield Cell("mnist", "non-linear", (n2,), "constrained", seed)


def fashion_by_the_paper(seed: int) -> Iterator[Cell]:
    """Cells of the supplement's table."""
    networks = [(n2,) for n2 in NON_LINEAR]
    yield from by_every_method("fashion_mnist", "non-linear", networks, seed)


def ours(seed: int) -> Iterator[Cell]:
    """Networks of the same families with our settings, one size of each."""
    for trains, wide, n2 in (
        ("both sets", 1000, 4000),
        ("out", 4000, 4000),
        ("eigenvectors", 1000, 1000),
    ):
        method = f"ours, {trains}"
        yield Cell("mnist", "linear", (wide,), method, seed)
        yield Cell("mnist", "linear", (800, 600, 500), method, seed)
        yield Cell("mnist", "non-linear", (n2,), method, seed)
    for method, n2 in (("ours, both sets", 2000), ("ours, eigenvectors", 1000)):
        yield Cell("fashion_mnist", "non-linear", (n2,), method, seed)


GRIDS = {
    "table": table_1,
    "ours": ours,
    "paper": mnist_by_the_paper,
    "readings": readings,
    "wider": wider,
    "fashion": fashion_by_the_paper,
}
"""Parts of the grid, in the order in which they are run."""

TABLES = ("table", "ours", "wider")
"""Parts whose means are stated with a spread; the others draw curves."""


def grid(parts: tuple[str, ...], n_seeds: int, n_curve_seeds: int) -> list[Cell]:
    """Return the cells of the given parts, each once, the first seed of a part first."""
    cells = [
        cell
        for part in parts
        for seed in range(n_seeds if part in TABLES else n_curve_seeds)
        for cell in GRIDS[part](seed)
    ]
    return list({cell.key: cell for cell in cells}.values())
