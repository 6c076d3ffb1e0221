"""Critical differences: mean ranks, and bars over those that a test does not tell apart.

Friedman's test asks whether there is any difference, then Wilcoxon's signed ranks for each
pair, with Holm's correction, at 0.05.
"""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, wilcoxon

LEVEL = 0.05
OURS = "tab:blue"


def told_apart(values: pd.DataFrame) -> pd.DataFrame:
    """Return which pairs of columns differ."""
    names = list(values.columns)
    apart = pd.DataFrame(False, names, names)
    if friedmanchisquare(*values.to_numpy().T).pvalue >= LEVEL:
        return apart
    pairs = list(combinations(names, 2))
    found = []
    for first, second in pairs:
        difference = (values[first] - values[second]).to_numpy()
        found.append(wilcoxon(difference).pvalue if difference.any() else 1.0)
    order = np.argsort(found)
    for position, index in enumerate(order):
        if found[index] * (len(pairs) - position) >= LEVEL:
            break
        first, second = pairs[index]
        apart.loc[first, second] = apart.loc[second, first] = True
    return apart


def groups(ranks: pd.Series, apart: pd.DataFrame) -> list[tuple[float, float]]:
    """Return where bars go: the widest runs of ranks with no pair told apart."""
    names = list(ranks.sort_values().index)
    found: list[tuple[int, int]] = []
    for start in range(len(names)):
        end = start
        while (
            end + 1 < len(names)
            and not apart.loc[names[start : end + 1], names[end + 1]].any()
        ):
            end += 1
        if end > start and not any(end <= other for _, other in found):
            found.append((start, end))
    return [(ranks[names[start]], ranks[names[end]]) for start, end in found]


def panel(ax, values: pd.DataFrame, ranks: pd.Series, title: str, ours: str | None) -> None:
    """Draw methods on a line of ranks, half of their names on each side."""
    ranks = ranks.sort_values()
    n_methods = len(ranks)
    bars = groups(ranks, told_apart(values))
    first_name = 0.6 + 0.32 * len(bars)
    n_left = (n_methods + 1) // 2
    lowest = first_name + 0.5 * n_left
    ax.plot([1, n_methods], [0, 0], color="black", linewidth=1)
    for rank in range(1, n_methods + 1):
        ax.plot([rank, rank], [0, -0.15], color="black", linewidth=1)
        ax.text(rank, -0.25, str(rank), ha="center", va="bottom", fontsize=9)
    for position, (name, rank) in enumerate(ranks.items()):
        left = position < n_left
        row = position if left else n_methods - 1 - position
        height = first_name + 0.5 * row
        edge = 0.6 if left else n_methods + 0.4
        strong = name == ours
        colour = OURS if strong else "black"
        ax.plot([rank, rank, edge], [0, height, height], color=colour, linewidth=1)
        ax.text(
            edge + (-0.1 if left else 0.1), height, f"{name} ({rank:.2f})",
            ha="right" if left else "left", va="center", fontsize=9,
            color=colour, fontweight="bold" if strong else "normal",
        )  # fmt: skip
    for number, (start, end) in enumerate(bars):
        height = 0.35 + 0.32 * number
        ax.plot([start - 0.05, end + 0.05], [height, height], color="black", linewidth=4)
    ax.set_xlim(-0.35 * n_methods, 1.35 * n_methods + 1)
    ax.set_ylim(lowest, -1)
    ax.set_title(title, fontsize=10)
    ax.axis("off")


def draw(panels: list[tuple], path: Path, ours: str | None) -> None:
    """Draw panels of (title, values, mean ranks), one below the other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    if not panels:
        return
    heights = [1.5 + 0.27 * len(ranks) for _, _, ranks in panels]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(9, sum(heights)), height_ratios=heights,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for ax, (title, values, ranks) in zip(axes[:, 0], panels, strict=True):
        panel(ax, values, ranks, title, ours)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def bars(panel: tuple, path: Path, ours: str) -> None:
    """Draw mean ranks as bars, the shortest on top: what the first page shows."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    title, _, ranks = panel
    ordered = ranks.sort_values(ascending=False)
    figure, ax = plt.subplots(figsize=(4.6, 2.8), layout="constrained")
    colours = [OURS if name == ours else "0.7" for name in ordered.index]
    ax.bar_label(ax.barh(ordered.index, ordered, color=colours), fmt="%.1f", padding=3)
    figure.suptitle(title.replace(", five folds", ", lower is better"), fontsize=10)
    ax.set_xlim(0, 1.1 * ordered.max())
    ax.xaxis.set_visible(False)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    figure.savefig(path, dpi=160)
    plt.close(figure)
