"""Tables and figures from the rows: Markdown and PNG, ours beside the paper's."""

from __future__ import annotations

from pathlib import Path

import figures
import numpy as np
import pandas as pd
from cells import WIDER
from claims import CURVES
from distributions import weight_distances
from methods import PREFIX
from published import FASHION, METHODS, PERCEPTRON, TABLE_1, TARGETS

FAMILIES = {
    "linear wide": lambda t: (t.family == "linear") & ~t.widths.str.contains("-"),
    "linear deep": lambda t: (t.family == "linear") & t.widths.str.contains("-"),
    "non-linear": lambda t: t.family == "non-linear",
}
"""The columns of Table 1."""


def per_cent(values: pd.Series) -> str:
    """Return mean and spread."""
    spread = f" ± {100 * values.std():.2f}" if len(values) > 1 else ""
    return f"{100 * values.mean():.2f}{spread}"


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown, its index as the first column."""
    header = [table.index.name or "", *map(str, table.columns)]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for name, row in table.iterrows():
        lines.append("| " + " | ".join([str(name), *map(str, row)]) + " |")
    return "\n".join(lines)


def table_1(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the best mean accuracy of each family, as Table 1 does.

    The best is chosen by test accuracy, as in the paper, among the networks that have
    the most seeds: means of fewer are noisier, and the noisiest would win.
    """
    table = pd.DataFrame(index=pd.Index(METHODS.values(), name="MNIST"))
    for family, belongs in FAMILIES.items():
        column, chosen = [], cells[belongs(cells)]
        for method in METHODS:
            groups = chosen[chosen.method == method].groupby("network").accuracy
            if not len(groups):
                column.append("not run")
                continue
            best = groups.mean()[groups.size() == groups.size().max()].idxmax()
            values = groups.get_group(best)
            column.append(
                f"{per_cent(values)} (paper {TABLE_1[family][method]}; {best}, "
                f"{len(values)} seeds)"
            )
        table[family] = column
    return table


def perceptron(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the perceptron's accuracies beside the paper's."""
    chosen = cells[cells.family == "perceptron"]
    rows = {}
    for method, values in chosen.groupby("method", sort=False).accuracy:
        theirs = PERCEPTRON.get(method)
        rows[METHODS.get(method, method)] = {
            "ours": per_cent(values),
            "paper": "-" if theirs is None else f"{theirs[0]} ± {theirs[1]}",
        }
    return pd.DataFrame(rows).T.rename_axis("perceptron 784-10")


def fashion(cells: pd.DataFrame) -> pd.DataFrame:
    """Return Fashion-MNIST by N2, ours and the published means."""
    rows = {}
    for method, published in FASHION.items():
        chosen = cells[cells.method == method]
        row = {}
        for n2, theirs in published.items():
            values = chosen[chosen.widths == str(n2)].accuracy
            row[f"N2 = {n2}"] = (
                f"{per_cent(values)} (published {theirs})" if len(values) else "not run"
            )
        rows[METHODS[method]] = row
    return pd.DataFrame(rows).T.rename_axis("784-N2(linear)-128-10")


def ours(cells: pd.DataFrame) -> pd.DataFrame:
    """Return what our settings reach beside what they were to reach."""
    rows = []
    for (data, family), targets in TARGETS.items():
        chosen = cells[(cells.data == data) & FAMILIES[family](cells)]
        for name, target in targets.items():
            values = chosen[chosen.method == PREFIX + name]
            if values.empty:
                continue
            rows.append(
                {
                    "data, network": f"{data}, {values.network.iloc[0]}",
                    "trains": name,
                    "parameters": f"{values.n_parameters.iloc[0]:,}",
                    "test accuracy": per_cent(values.accuracy),
                    "seeds": len(values),
                    "wanted": target,
                    "reached": "yes" if 100 * values.accuracy.mean() >= target else "no",
                }
            )
    return pd.DataFrame(rows).set_index("data, network") if rows else pd.DataFrame()


def readings(cells: pd.DataFrame) -> pd.DataFrame:
    """Return how the readings of the paper differ, by network, on the seeds they share."""
    names = (
        "eigenvalues",
        "eigenvalues, text",
        "constrained",
        "constrained, zero",
        "full",
        "full, rate 0.003",
    )
    other = {"eigenvalues, text", "constrained, zero", "full, rate 0.003"}
    rows = {}
    for network, group in cells.groupby("network", sort=False):
        by_seed = group.pivot_table(index="seed", columns="method", values="accuracy")
        present = [name for name in names if name in by_seed]
        shared = by_seed[present].dropna()
        if other & set(present) and len(shared):
            means = (100 * shared.mean()).map("{:.2f}".format).to_dict()
            rows[network] = {**means, "seeds": len(shared)}
    table = pd.DataFrame(rows).T.fillna("-").rename_axis("network")
    return table.reindex(columns=[n for n in (*names, "seeds") if n in table])


def expansion(cells: pd.DataFrame) -> pd.DataFrame:
    """Return what the widest linear layer gives over the narrowest, by method."""
    rows = {}
    for family in ("linear wide", "non-linear"):
        chosen = cells[FAMILIES[family](cells)]
        n2 = chosen.widths.where(chosen.method.isin(METHODS)).dropna().astype(int)
        if n2.empty:
            continue
        means = chosen.assign(n2=n2).dropna(subset="n2")
        means = means.pivot_table(index="n2", columns="method", values="accuracy")
        gain = 100 * (means.iloc[-1] - means.iloc[0])
        name = f"{family}, N2 = {int(means.index[0])} to {int(means.index[-1])}"
        rows[name] = {METHODS[m]: f"{gain[m]:+.2f}" for m in METHODS if m in gain}
    return pd.DataFrame(rows).T.rename_axis("points gained")


def wider(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the constrained network by N2, past the figures' range."""
    chosen = cells[(cells.family == "non-linear") & (cells.data == "mnist")]
    group = chosen[chosen.method == "constrained"]
    row = {
        f"N2 = {n2}": per_cent(group[group.widths == str(n2)].accuracy)
        for n2 in [2000, *WIDER]
    }
    rows = {METHODS["constrained"]: row}
    return pd.DataFrame(rows).T.rename_axis("784-N2(linear)-120-10")


def overfitting(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the gap of training and test accuracy by N2, full against both."""
    rows = {}
    for data, chosen in cells[cells.family == "non-linear"].groupby("data"):
        for method in ("full", "both"):
            group = chosen[chosen.method == method]
            gap = 100 * (group.train_accuracy - group.accuracy)
            test = group.groupby(group.widths.astype(int)).accuracy.mean()
            gaps = gap.groupby(group.widths.astype(int)).mean()
            rows[f"{data}, {METHODS[method]}"] = {
                f"N2 = {n2}": f"{100 * test[n2]:.2f} ({gaps[n2]:.2f})" for n2 in test.index
            }
    return pd.DataFrame(rows).T.fillna("").rename_axis("test accuracy (gap to training)")


def pretraining(claims: pd.DataFrame) -> pd.DataFrame:
    """Return after how many epochs each curve first reaches an accuracy."""
    curves = claims[(claims.claim == "pre-training") & claims.case.isin(CURVES)]
    rows = {}
    for case, group in curves.groupby("case", sort=False):
        by_seed = group.pivot_table(index="epoch", columns="seed", values="accuracy")
        row = {}
        for level in (0.95, 0.96, 0.97):
            first = [
                int(curve.index[(curve >= level).to_numpy().argmax()])
                if (curve >= level).any()
                else None
                for _, curve in by_seed.items()
            ]
            reached = [epoch for epoch in first if epoch is not None]
            mean = f"{np.mean(reached):.1f}" if reached else "never"
            some = "" if len(reached) in (0, len(first)) else f" ({len(reached)} of them)"
            row[f"epochs to {level:.0%}"] = mean + some
        row["after 20 epochs"] = per_cent(by_seed.iloc[-1])
        rows[case] = row
    return pd.DataFrame(rows).T.rename_axis("pre-training, 784-500(linear)-120-10")


def tanh(claims: pd.DataFrame) -> pd.DataFrame:
    """Return what a trained slope gives."""
    chosen = claims[claims.claim == "tanh"]
    rows = {
        case: {
            "accuracy": per_cent(group.accuracy),
            "slope": f"{group.slope.astype(float).mean():.2f}",
        }
        for case, group in chosen.groupby("case", sort=False)
    }
    return pd.DataFrame(rows).T.rename_axis("tanh(beta x), eigenvalues alone")


def candidates(settings: pd.DataFrame) -> pd.DataFrame:
    """Return the candidates for our settings, as the validation images judge them."""
    table = settings.assign(
        network=settings.data + ", " + settings.network,
        trains=settings.method.str.removeprefix(PREFIX),
        candidate=settings.candidate.str.strip("{}").str.replace('"', ""),
        accuracy=settings.validation_accuracy.astype(float),
    )
    order = table.groupby(["network", "trains"], sort=False).ngroup()
    table = table.assign(order=order).sort_values(
        ["order", "accuracy"], ascending=[True, False]
    )
    table["validation"] = (100 * table.accuracy).map("{:.2f}".format)
    return table.set_index("network")[["trains", "candidate", "validation"]]


def render(
    folder: Path,
    cells: pd.DataFrame,
    distributions: pd.DataFrame,
    claims: pd.DataFrame,
    settings: pd.DataFrame,
) -> None:
    """Write ``tables.md`` and the figures into a folder."""
    is_wider = cells.widths.isin([*map(str, WIDER)]) & (cells.method == "constrained")
    past = wider(cells) if is_wider.any() else ()
    cells = cells[~is_wider]
    paper = cells[cells.data == "mnist"]
    chosen = candidates(settings) if len(settings) else settings
    sections = [
        ("Table 1: best mean accuracy over the explored range", table_1(paper)),
        ("Wider than the paper's figures, MNIST, non-linear", past),
        ("The perceptron", perceptron(paper)),
        ("Our settings: the same families of networks, 20 epochs", ours(cells)),
        ("Fashion-MNIST", fashion(cells[cells.data == "fashion_mnist"])),
        ("Readings of the paper, MNIST, mean accuracy", readings(paper)),
        (
            "Distance of the distribution of weights from that of the full training",
            weight_distances(distributions[distributions.data == "mnist"]),
        ),
        ("Linear expansion", expansion(paper)),
        ("Overfitting of the non-linear network", overfitting(cells)),
        ("Pre-training by eigenvalues", pretraining(claims)),
        ("tanh with a slope", tanh(claims)),
        ("Candidates for our settings, accuracy on held-out training images", chosen),
    ]
    text = "# Tables\n\nWritten by `python benchmarks/paper`; accuracies in per cent.\n"
    for title, table in sections:
        if len(table):
            text += f"\n## {title}\n\n{markdown(table)}\n"
    (folder / "tables.md").write_text(text)
    print(text)
    figures.draw(folder, cells, distributions, claims)
