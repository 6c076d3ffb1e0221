"""The tables, as markdown, and the figure."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from . import figure, sets, summary
from .methods import METHODS

N_FOLDS = (sets.N_FOLDS, sets.N_FOLDS_SLOW)
ABOUT = {
    sets.N_FOLDS: "five folds",
    sets.N_FOLDS_SLOW: f"three folds, sets of at most {sets.SMALL:,} rows",
}
TITLES = {
    "classification": "Classifications",
    "regression": "Regressions",
    "wide": "Texts and wide sets",
}
DIGITS = {
    **dict.fromkeys(
        ("rank log loss", "rank accuracy", "rank R²", "worst", "log loss / MLP"), 2
    ),
    **dict.fromkeys(("fit / MLP", "ours / its fit"), 3),
    **dict.fromkeys(("numbers", "kB", "pickle kB", f"above {summary.TOO_MUCH}"), 0),
    **dict.fromkeys(
        ("predict ms", "fit s", f"longest below {summary.FEW_ROWS} rows, s"), 2
    ),
}


def title(name: str) -> str:
    """Return what a method is called in tables."""
    return METHODS[name].title if name in METHODS else name


def _cell(column: str, value) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    return f"{value:,.{DIGITS.get(column, 2 if column.startswith('P ') else 3)}f}"


def markdown(table: pd.DataFrame, ours: str | None = None) -> str:
    """Return a table, the line of ours in bold."""
    lines = [f"| | {' | '.join(table.columns)} |", "|---|" + "---|" * len(table.columns)]
    for name, row in table.iterrows():
        bold = "**" * (name == ours)
        cells = [_cell(column, value) for column, value in row.items()]
        lines.append(f"| {bold}{title(name)}{bold} | {' | '.join(cells)} |")
    return "\n".join(lines)


def notes(chosen: summary.Scope) -> list[str]:
    """Return what else is to be known of a comparison."""
    lines = []
    if chosen.left_out:
        names = ", ".join(f"{title(name)} ({n})" for name, n in chosen.left_out.items())
        lines.append(f"Left out, since not on all sets (on how many): {names}.")
    for name, failed in chosen.failed.items():
        lines.append(f"Fits of {title(name)} have failed on {', '.join(failed)}.")
    return lines


def section(chosen: summary.Scope, ours: str | None) -> str:
    """Return all that is told of one comparison."""
    found = summary.of_numbers if chosen.kind == "regression" else summary.of_classes
    quality = found(chosen, ours)
    heading = f"{TITLES[chosen.kind]}, {chosen.half}"
    parts = [
        f"### {heading}: {chosen.n_sets} sets, {ABOUT[chosen.of]}",
        markdown(quality, ours),
        markdown(summary.costs(chosen, ours).loc[quality.index], ours),
        *notes(chosen),
    ]
    return "\n\n".join(parts)


def each(chosen: summary.Scope) -> str:
    """Return a table with a line for each set."""
    measures = ("r2",) if chosen.kind == "regression" else ("log_loss", "accuracy")
    parts = []
    for measure in measures:
        values = chosen.values(measure).rename(columns=title)
        heading = f"### {measure}, {TITLES[chosen.kind]}, {chosen.half}, {ABOUT[chosen.of]}"
        lines = [f"| | {' | '.join(values.columns)} |", "|---|" + "---|" * values.shape[1]]
        for name, row in values.iterrows():
            lines.append(f"| {name} | {' | '.join(f'{value:.3f}' for value in row)} |")
        parts.append(heading + "\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def panels(scopes: Iterable[summary.Scope]) -> list[tuple]:
    """Return what the figure shows: ranks of three methods or more on five sets or more."""
    found = []
    for chosen in scopes:
        if chosen.kind == "wide" or len(chosen.methods) < 3 or chosen.n_sets < 5:
            continue
        for measure in ("r2",) if chosen.kind == "regression" else ("log_loss", "accuracy"):
            values, ranks = chosen.values(measure), chosen.ranks(measure).mean()
            # One of a method's values is missing where a fit has failed: it was the last.
            filled = chosen.ranks(measure) if values.isna().to_numpy().any() else values
            name = {"r2": "R²", "log_loss": "log loss"}.get(measure, measure)
            heading = (
                f"{TITLES[chosen.kind]}: mean rank by {name}, {chosen.n_sets} sets, "
                f"{ABOUT[chosen.of]}"
            )
            found.append((heading, filled.rename(columns=title), ranks.rename(title)))
    return found


def versions(rows: pd.DataFrame) -> str:
    """Return the versions that lines were made with."""
    found = rows.groupby("method").version.unique()
    lines = [
        f"- {title(name)}: {', '.join(map(str, all_of))}" for name, all_of in found.items()
    ]
    return "### Versions\n\n" + "\n".join(lines)


def write(
    out: Path,
    methods: Iterable[str] | None = None,
    halves: Iterable[str] | None = None,
    kinds: Iterable[str] = tuple(sets.READERS),
    ours: str = "spectral",
    common: bool = False,
) -> None:
    """Print and write the tables, write those of each set and a figure for each half."""
    rows = summary.load(out)
    halves = list(halves or ("not looked at", "chosen on"))
    scopes = [
        summary.scope(rows, kind, half, of, methods, common)
        for half in halves
        for kind in kinds
        for of in N_FOLDS
    ]
    scopes = [chosen for chosen in scopes if chosen.n_sets and chosen.methods]
    mine = rows[rows.method.isin([name for chosen in scopes for name in chosen.methods])]
    text = "\n\n".join([*(section(chosen, ours) for chosen in scopes), versions(mine)])
    print(text)
    (out / "report.md").write_text(text + "\n")
    (out / "each.md").write_text("\n\n".join(each(chosen) for chosen in scopes) + "\n")
    for half in halves:
        drawn = panels(chosen for chosen in scopes if chosen.half == half)
        figure.draw(drawn, out / f"ranks_{half.replace(' ', '_')}.png", title(ours))
    for chosen in scopes:
        if (chosen.half, chosen.of) == ("not looked at", sets.N_FOLDS):
            for panel in panels([chosen])[:1]:  # by log loss, or R²
                figure.bars(panel, out / f"front_{chosen.kind}.png", title(ours))
