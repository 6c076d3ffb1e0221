"""Pruning that shrinks: networks with fewer hidden nodes, not masks over them.

`SpectralPruner` trains and prunes; `prune_nodes` prunes what is fitted already, and
`score_nodes` says what each node is worth.
"""

from ._functions import prune_nodes, score_nodes
from ._pruner import SpectralPruner

__all__ = ["SpectralPruner", "prune_nodes", "score_nodes"]

# Pickles hold where users import it from.
SpectralPruner.__module__ = __name__


def __dir__() -> list[str]:
    return sorted(__all__)
