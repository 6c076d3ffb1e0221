"""The tables and the figure of the league."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from . import data
from .methods import METHODS

OURS = [name for name in METHODS if name.startswith("spectral")]
TITLES = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "tables": "eight tables, mean",
}
COLOURS = (
    *("tab:orange", "tab:red", "tab:green", "tab:blue", "tab:purple", "tab:brown"),
    *("tab:pink", "tab:gray", "tab:olive", "tab:cyan", "black", "tan"),
)
"""Of the methods, in their order."""

MEASURES = ["accuracy", "log_loss", "numbers", "bytes", "seconds"]


def current(table: pd.DataFrame) -> pd.DataFrame:
    """Return the test rows of the settings chosen last, of each set, method and count."""
    tested = table[table.stage == "test"].copy()
    last = tested.groupby(["data", "method", "count"]).settings.transform("last")
    return tested[tested.settings == last]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds of test rows by group, method and count.

    Of tables first the mean over the eight sets of each seed, where all eight are there.
    """
    tested = current(table)
    tested[MEASURES] = tested[MEASURES].astype(float)
    is_image = tested.data.isin(data.IMAGES)
    tested["group"] = tested.data.where(is_image, "tables")
    by = ["group", "method", "count", "seed"]
    whole = tested.groupby(by).data.nunique().rename("n_sets").reset_index()
    each = tested.groupby(by)[MEASURES].mean().reset_index().merge(whole, on=by)
    n_wanted = np.where(each.group == "tables", len(data.TABLES), 1)
    each = each[each.n_sets == n_wanted]
    grouped = each.groupby(["group", "method", "count"])
    means = grouped[MEASURES].mean()
    means["spread"] = grouped.accuracy.std().fillna(0.0)
    means["n_seeds"] = grouped.seed.nunique()
    return means.reset_index()


def _cells(part: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a measure by method, in their order, and count."""
    found = part.pivot(index="method", columns="count", values=column)
    return found.reindex([name for name in METHODS if name in found.index])


def _markdown(cells: pd.DataFrame) -> list[str]:
    """Return lines of Markdown of cells that are text already."""
    counts = [f"{count:,}" for count in cells.columns]
    rows = [[name, *row] for name, row in zip(cells.index, cells.to_numpy(), strict=True)]
    lines = ["| " + " | ".join(row) + " |" for row in [["", *counts], *rows]]
    lines[0] = lines[0].replace("|  |", "| |", 1)
    return [lines[0], "|" + "---|" * (1 + len(counts)), *lines[1:]]


def accuracy_table(part: pd.DataFrame) -> list[str]:
    """Return lines of Markdown: accuracies in per cent, in bold those that are not worse
    than the best by more than the spreads of both."""
    means, spreads = _cells(part, "accuracy"), _cells(part, "spread")
    texts = pd.DataFrame("", means.index, means.columns)
    for count in means.columns:
        best = means[count].idxmax()
        for method, mean in means[count].dropna().items():
            spread = spreads.loc[method, count]
            within = np.hypot(spread, spreads.loc[best, count])
            text = f"{100 * mean:.2f} ± {100 * spread:.2f}"
            is_best = mean >= means.loc[best, count] - within
            texts.loc[method, count] = f"**{text}**" if is_best else text
    return _markdown(texts)


def other_table(part: pd.DataFrame, column: str, form: str) -> list[str]:
    """Return lines of Markdown of another measure."""
    values = _cells(part, column)
    return _markdown(values.map(lambda v: "" if np.isnan(v) else format(v, form)))


def chosen_table(table: pd.DataFrame, group: str) -> list[str]:
    """Return lines of Markdown: the settings that were chosen for an image set."""
    part = current(table)
    part = part[part.data == group]
    part = part.drop_duplicates(["method", "count"]).sort_values(["method", "count"])
    lines = ["| method | count | settings |", "|---|---|---|"]
    for row in part.rename(columns={"count": "count_"}).itertuples():
        lines.append(f"| {row.method} | {row.count_:,} | `{row.settings}` |")
    return lines


def draw(means: pd.DataFrame, path: Path) -> None:
    """Draw errors by trained numbers, and by the bytes of a saved model."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    groups = [group for group in TITLES if group in set(means.group)]
    figure, axes = plt.subplots(
        len(groups),
        2,
        figsize=(11, 3.9 * len(groups)),
        layout="constrained",
        squeeze=False,
    )
    for row, group in zip(axes, groups, strict=True):
        part = means[means.group == group]
        for position, method in enumerate(METHODS):
            line = part[part.method == method].sort_values("count")
            if not len(line):
                continue
            is_ours = method in OURS
            look = {
                "color": COLOURS[position],
                "linewidth": 2.6 if is_ours else 1.2,
                "marker": "o" if is_ours else ".",
                "zorder": 3 if is_ours else 2,
                "label": method,
            }
            error = 100 * (1 - line.accuracy)
            row[0].errorbar(line.numbers, error, 100 * line.spread, capsize=2, **look)
            row[1].plot(line.bytes / 1000, error, **look)
        for ax in row:
            ax.set_xscale("log")
            ax.set_yscale("log")
            ax.grid(alpha=0.3, which="both")
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            ax.yaxis.set_minor_formatter(
                lambda value, _: f"{value:g}" if f"{value:g}"[0] in "235" else ""
            )
        row[0].set_ylabel(f"{TITLES[group]}: test error in %")
        row[0].set_xlabel("numbers that train")
        row[1].set_xlabel("kilobytes of a saved model")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)


def render(table: pd.DataFrame, out: Path) -> None:
    """Write tables.md and league.png."""
    means = summary(table)
    if not len(means):
        raise SystemExit(f"There is nothing to report in {out} yet: fit first.")
    lines = ["# The league", "", "Written by `python -m benchmarks.league report`."]
    for group, title in TITLES.items():
        part = means[means.group == group]
        if not len(part):
            continue
        seeds = sorted(set(part.n_seeds.astype(int)))
        shown = " or ".join(map(str, seeds))
        lines += ["", f"## {title}", ""]
        lines += [
            f"Test accuracy in per cent, mean ± standard deviation of {shown} seeds, by "
            "the most numbers that may train. Bold: not worse than the best of a column by "
            "more than the spread of both.",
            "",
            *accuracy_table(part),
        ]
        for column, what, form in (
            ("log_loss", "Log loss of the same", ".3f"),
            ("numbers", "Numbers that train", ",.0f"),
            ("bytes", "Bytes of a saved model", ",.0f"),
            (
                "seconds",
                "Seconds of a fit, in one thread of a machine that did others",
                ".0f",
            ),
        ):
            lines += ["", f"{what}:", "", *other_table(part, column, form)]
    for group in (group for group in data.IMAGES if group in set(means.group)):
        lines += ["", f"## Settings chosen for {TITLES[group]}", ""]
        lines += chosen_table(table, group)
    (out / "tables.md").write_text("\n".join(lines) + "\n")
    draw(means, out / "league.png")
