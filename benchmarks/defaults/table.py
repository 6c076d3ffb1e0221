"""The figures as tables in Markdown."""

import numpy as np

SCORES = {
    "spectral": "spectral",
    "MLP": "MLP",
    "linear": "linear or ridge",
    "trees": "boosted trees",
    "eigenvalues": "one network, eigenvalues alone",
}


START, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def write(figures, page):
    """Put a table of scores, and one of what they cost, into a page.

    Parameters
    ----------
    figures : dict
        What was found, by the name of the data set.
    page : Path
        A file with two lines between which the tables stand.
    """
    before, rest = page.read_text().split(START)
    after = rest.split(END)[1]
    tables = "\n".join([START, "", *scores(figures), "", *costs(figures), "", END])
    page.write_text(before + tables + after)


def scores(figures):
    """Return the lines of the table of scores."""
    lines = [
        row("data", *SCORES.values(), "spectral - MLP"),
        row("---", *["---:"] * (len(SCORES) + 1)),
    ]
    for task, told in figures.items():
        models = told["models"]
        means = {name: np.mean(models[name]["scores"]) for name in SCORES}
        main = ("spectral", "MLP", "linear", "trees")
        best = max(means[name] for name in main)
        cells = [
            f"**{number(mean)}**" if name in main and mean == best else number(mean)
            for name, mean in means.items()
        ]
        to_mlp = told["to MLP"]["spectral"]
        mark = " lost" if to_mlp["lost"] else ""
        difference = f"{signed(to_mlp['difference'])} ± {number(to_mlp['spread'])}{mark}"
        lines.append(row(task, *cells, difference))
    return lines


def costs(figures):
    """Return the lines of the table of parameters, seconds and bytes."""
    lines = [
        row("data", "", "parameters", "of the MLP", "s per fit", "of the MLP", "kB", "MLP"),
        row("---", "---", *["---:"] * 6),
    ]
    for task, told in figures.items():
        ours, mlp = told["models"]["spectral"], told["models"]["MLP"]
        shape = " x ".join(f"{n:,}" for n in told["shape"])
        lines.append(
            row(
                task,
                f"{told['about']}; {shape}",
                f"{ours['parameters']:,.0f}",
                f"{mlp['parameters']:,.0f}",
                f"{ours['seconds']:.2f}",
                f"{mlp['seconds']:.2f}",
                f"{ours['bytes'] / 1e3:.0f}",
                f"{mlp['bytes'] / 1e3:.0f}",
            )
        )
    return lines


def row(*cells):
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def number(value):
    """Return a score or a spread with as many digits as matter."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"


def signed(value):
    """Return a difference with its sign."""
    return f"{value:+.3f}" if abs(value) < 10 else f"{value:+.0f}"
