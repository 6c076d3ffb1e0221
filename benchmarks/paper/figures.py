"""The paper's figures 4 to 7 and their likes on Fashion-MNIST, from the rows."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from cells import DEEP, NON_LINEAR, WIDE
from claims import CURVES
from distributions import columns, scale
from matplotlib.axes import Axes
from published import FASHION, METHODS, TABLE_1
from scipy.stats import gaussian_kde

mpl.use("Agg")

COLOURS = {
    "eigenvalues": "tab:red",
    "eigenvalues, text": "tab:orange",
    "constrained": "tab:blue",
    "constrained, zero": "tab:cyan",
    "full": "black",
    "both": "tab:green",
}
"""Those of the paper: red, blue, black and green."""

LABELS = {
    **METHODS,
    "eigenvalues, text": "Train Λ, both sets of layer 1",
    "constrained, zero": "Constrained NN, rest zero",
}


def curve(ax: Axes, cells: pd.DataFrame, networks: list[str], x: list[int]) -> None:
    """Draw mean and spread of each method over a row of networks."""
    for method, colour in COLOURS.items():
        chosen = cells[(cells.method == method) & cells.network.isin(networks)]
        groups = chosen.groupby("network").accuracy
        mean, spread = groups.mean().reindex(networks), groups.std().reindex(networks)
        if mean.notna().sum() < 2:
            continue
        values, spread = 100 * mean.to_numpy(), 100 * spread.fillna(0).to_numpy()
        ax.plot(x, values, "o-", color=colour, label=LABELS[method], markersize=4)
        ax.fill_between(x, values - spread, values + spread, color=colour, alpha=0.2, lw=0)
    ax.set_ylabel("test accuracy (%)")
    ax.grid(alpha=0.3)


def density(ax: Axes, distributions: pd.DataFrame, network: str) -> None:
    """Draw the distribution of the weights of a retracted network, seed 0.

    Weights are divided by the standard deviation of their inner 99 %: the scale of a
    network's output is a matter of how long it trained.
    """
    chosen = distributions[(distributions.network == network) & (distributions.seed == 0)]
    quantiles = columns(distributions)
    grid = np.linspace(-4, 4, 400)
    for method, colour in COLOURS.items():
        rows = chosen[chosen.method == method]
        if rows.empty:
            continue
        values = rows[quantiles].to_numpy(float)[0]
        if scale(values) > 0:
            values = values / scale(values)
            # Between the quantiles the distribution is taken as flat.
            dense = np.interp(
                np.linspace(0, 1, 5000), np.linspace(0, 1, len(values)), values
            )
            height = gaussian_kde(dense, bw_method=0.1)(grid)
            ax.plot(grid, height, color=colour, label=LABELS[method], lw=1.2)
    ax.set_yscale("log")
    ax.set_ylim(1e-3, 6)
    ax.set_xlabel("weight / standard deviation")
    ax.set_ylabel("density")


def paper_line(ax: Axes, published: dict[str, float]) -> None:
    """Mark the paper's best means at the right."""
    for method, value in published.items():
        ax.axhline(value, color=COLOURS[method], ls=":", lw=1)
    ax.plot([], [], color="grey", ls=":", label="best mean in the paper")


def save(figure: plt.Figure, path: Path) -> None:
    """Write a figure and let it go."""
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


def draw(
    folder: Path, cells: pd.DataFrame, distributions: pd.DataFrame, claims: pd.DataFrame
) -> None:
    """Draw every figure for which there are rows."""
    mnist = cells[cells.data == "mnist"]
    weights = distributions[distributions.data == "mnist"]

    if len(weights):
        figure, axes = plt.subplots(1, 3, figsize=(14, 4), sharey=True)
        for ax, (title, network) in zip(
            axes,
            {
                "Figure 4: perceptron": "784-10",
                "Figure 5, inset: wide": "784-1000(linear)-10",
                "Figure 6, inset: deep": "784-800(linear)-600(linear)-500(linear)-10",
            }.items(),
            strict=True,
        ):
            density(ax, weights, network)
            ax.set_title(f"{title}\n{network}", fontsize=10)
        lines = {}
        for ax in axes:
            handles, labels = ax.get_legend_handles_labels()
            lines.update(zip(labels, handles, strict=True))
        figure.legend(
            lines.values(),
            lines.keys(),
            loc="upper center",
            bbox_to_anchor=(0.5, 0.0),
            ncols=len(lines),
            fontsize=8,
        )
        save(figure, folder / "figure4.png")

    if (mnist.family == "linear").any():
        networks = [f"784-{n2}(linear)-10" for n2 in WIDE]
        figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5))
        curve(left, mnist, networks, [n2 + 10 for n2 in WIDE])
        paper_line(left, TABLE_1["linear wide"])
        left.set_xlabel("trained parameters of the red and blue lines, N2 + N3")
        left.set_ylim(60, 94)
        left.set_title("Figure 5: linear wide, MNIST")
        left.legend(fontsize=7, loc="lower right")
        networks = [
            "-".join(["784", *(f"{w}(linear)" for w in widths), "10"]) for widths in DEEP
        ]
        curve(right, mnist, networks, [sum(widths) + 10 for widths in DEEP])
        paper_line(right, TABLE_1["linear deep"])
        right.set_xlabel("N2 + N3 + ...")
        right.set_ylim(60, 94)
        right.set_title("Figure 6: linear deep, MNIST")
        save(figure, folder / "figure5_6.png")

    for data, part in cells[cells.family == "non-linear"].groupby("data"):
        n3 = 120 if data == "mnist" else 128
        networks = [f"784-{n2}(linear)-{n3}-10" for n2 in NON_LINEAR]
        figure, ax = plt.subplots(figsize=(7, 5))
        curve(ax, part, networks, list(NON_LINEAR))
        ax.set_xlabel("N2, nodes of the linear layer")
        if data == "mnist":
            paper_line(ax, TABLE_1["non-linear"])
            ax.set_title("Figure 7: non-linear, MNIST")
        else:
            for method, values in FASHION.items():
                style = {"color": COLOURS[method], "ls": ":", "lw": 1}
                ax.plot(list(values), list(values.values()), **style)
            ax.plot([], [], color="grey", ls=":", label="published mean over 100 runs")
            ax.set_title("Fashion-MNIST, 784-N2(linear)-128-10")
        ax.legend(fontsize=8, loc="lower right")
        save(figure, folder / f"figure7_{data}.png")

    curves = claims[(claims.claim == "pre-training") & claims.case.isin(CURVES)]
    if len(curves):
        figure, ax = plt.subplots(figsize=(7, 5))
        for case, group in curves.groupby("case", sort=False):
            mean = 100 * group.groupby("epoch").accuracy.mean()
            ax.plot(mean.index, mean, "o-", markersize=3, label=case)
        ax.set(xlabel="epoch, pre-training included", ylabel="test accuracy (%)")
        ax.set_ylim(88, 99)
        ax.set_title("Pre-training by eigenvalues, then all weights")
        ax.legend(fontsize=8)
        ax.grid(alpha=0.3)
        save(figure, folder / "pretraining.png")
