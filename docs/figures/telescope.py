"""A network with linear nodes, and the one that it is retracted to."""

import itertools

import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(0)
COLOURS = {"input": "0.4", "linear": "C1", "output": "C0"}


def places(n_nodes, x):
    """Return where the nodes of a layer are drawn, from top to bottom."""
    return [(x, y) for y in np.linspace(1, -1, n_nodes) * n_nodes / 10]


def draw(ax, layers, weights):
    """Draw layers of nodes from left to right, and links as strong as their weights."""
    for (_, left), (_, right), matrix in zip(layers, layers[1:], weights, strict=False):
        for (i, start), (j, end) in itertools.product(enumerate(left), enumerate(right)):
            width = 1.8 * abs(matrix[j, i]) / np.abs(matrix).max()
            colour = "C3" if matrix[j, i] < 0 else "C0"
            ends = zip(start, end, strict=True)
            ax.plot(*ends, colour, linewidth=width, alpha=0.5, zorder=1)
    for kind, nodes in layers:
        xs, ys = zip(*nodes, strict=True)
        ax.scatter(xs, ys, s=130, color=COLOURS[kind], edgecolor="white", zorder=2)
        name = f"{len(nodes)} linear nodes" if kind == "linear" else f"{len(nodes)} {kind}s"
        ax.text(xs[0], 1.25, name, ha="center")
    ax.set(xlim=(-0.3, 2.3), ylim=(-1.15, 1.45))
    ax.axis("off")


first, second = rng.normal(size=(10, 6)), rng.normal(size=(3, 10))
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5.4), layout="constrained")
ends = ("input", places(6, 0)), ("output", places(3, 2))
draw(above, [ends[0], ("linear", places(10, 1)), ends[1]], [first, second])
draw(below, ends, [second @ first])
above.set_title("while training: 6 + 10 and 10 + 3 eigenvalues", fontsize=11)
below.set_title("afterwards: one matrix of 3 x 6", fontsize=11)
