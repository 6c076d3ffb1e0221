"""Three members on one set of eigenvectors, and the one network that they retract to."""

import itertools

import matplotlib.pyplot as plt
import numpy as np

N_IN, N_HIDDEN, N_OUT, N_MEMBERS = 4, 3, 2, 3
COLOURS = ("C1", "C2", "C4")
rng = np.random.default_rng(3)
phi = [rng.normal(size=(N_HIDDEN, N_IN)), rng.normal(size=(N_OUT, N_HIDDEN))]
gains = [rng.normal(size=(N_MEMBERS, n)) for n in (N_IN, N_HIDDEN)]


def column(n_nodes, x, spacing=1.0):
    """Return where the nodes of a layer are drawn, from top to bottom."""
    return [(x, y) for y in spacing * (np.arange(n_nodes)[::-1] - (n_nodes - 1) / 2)]


def links(ax, left, right, weights, colour):
    """Draw links as strong as their weights, dashed where these are negative."""
    for (i, start), (j, end) in itertools.product(enumerate(left), enumerate(right)):
        ends = zip(start, end, strict=True)
        style = "--" if weights[j, i] < 0 else "-"
        width = min(2.2, 0.4 + 0.8 * abs(weights[j, i]))
        ax.plot(*ends, style, color=colour, linewidth=width, alpha=0.6, zorder=1)


def nodes(ax, places, colour):
    """Draw the nodes of a layer."""
    ax.scatter(*zip(*places, strict=True), s=110, color=colour, edgecolor="white", zorder=2)


figure, axes = plt.subplots(
    1, 4, figsize=(11, 4.6), width_ratios=(1, 1, 1, 1.5), layout="constrained"
)
inputs = column(N_IN, 0)
for member, (ax, colour) in enumerate(zip(axes, COLOURS, strict=False)):
    hidden, outputs = column(N_HIDDEN, 1), column(N_OUT, 2)
    links(ax, inputs, hidden, gains[0][member] * phi[0], colour)
    links(ax, hidden, outputs, gains[1][member] * phi[1], colour)
    for places, of_layer in ((inputs, "0.4"), (hidden, colour), (outputs, "C0")):
        nodes(ax, places, of_layer)
    ax.set_title(f"member {member + 1}", fontsize=11)
last = axes[-1]
spread = column(N_MEMBERS * N_HIDDEN, 1, spacing=0.45)
outputs = column(N_OUT, 2)
for member, colour in enumerate(COLOURS):
    hidden = spread[member * N_HIDDEN : (member + 1) * N_HIDDEN]
    links(last, inputs, hidden, gains[0][member] * phi[0], colour)
    links(last, hidden, outputs, gains[1][member] * phi[1] / N_MEMBERS, colour)
    nodes(last, hidden, colour)
nodes(last, inputs, "0.4")
nodes(last, outputs, "C0")
last.set_title(f"used: one of {N_MEMBERS} x {N_HIDDEN} hidden nodes", fontsize=11)
for ax in axes:
    ax.set(xlim=(-0.25, 2.25), ylim=(-2.2, 2.2))
    ax.axis("off")
