"""Run the paper: fit every cell of the grid, then write its tables and figures.

    python benchmarks/paper --mnist mnist.npz --fashion-mnist fashion_mnist.npz

Rows are kept in ``cells.csv`` of the output folder as they come in. A run that was killed
goes on from there; a finished one only renders.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core per cell

import claims
import report
import settings
from cells import GRIDS, grid
from fits import COLUMNS, DISTRIBUTION_COLUMNS, KEY, fit, load
from joblib import Parallel, delayed
from methods import digest
from store import Store
from tqdm import tqdm

OTHER_PARTS = ("claims", "settings")


def current(table):
    """Return the rows that were fitted with the settings that cells have now."""
    n_seeds = int(table.seed.max()) + 1 if len(table) else 0
    cells = grid(tuple(GRIDS), n_seeds, n_seeds)
    expected = {cell.key: digest(cell) for cell in cells}
    keys = table[KEY].itertuples(index=False, name=None)
    found = zip(keys, table.parameters, strict=True)
    return table[[expected.get(key) == parameters for key, parameters in found]]


def main() -> None:
    """Read the options, fit what is missing, and render."""
    parser = argparse.ArgumentParser(
        "python benchmarks/paper",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mnist", type=Path, help="file or folder; see load_mnist")
    parser.add_argument("--fashion-mnist", type=Path, help="likewise")
    parser.add_argument("--seeds", type=int, default=5, help="of Table 1 and of ours")
    parser.add_argument("--curve-seeds", type=int, default=2, help="of all else")
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time")
    parser.add_argument(
        "--parts", nargs="*", choices=[*GRIDS, *OTHER_PARTS], default=[*GRIDS, *OTHER_PARTS]
    )
    parser.add_argument(
        "--only", default="", help='of settings, such as "non-linear, eigenvectors"'
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/paper"))
    options = parser.parse_args()
    paths = {"mnist": options.mnist, "fashion_mnist": options.fashion_mnist}

    store = Store(options.out / "cells.csv", COLUMNS, KEY)
    distributions = Store(options.out / "distributions.csv", DISTRIBUTION_COLUMNS, KEY)
    parts = tuple(part for part in options.parts if part in GRIDS)
    cells = grid(parts, options.seeds, options.curve_seeds)
    done = set(current(store.read())[KEY].itertuples(index=False, name=None))
    missing = [cell for cell in cells if cell.key not in done]
    print(f"{len(cells) - len(missing)} of {len(cells)} cells are done already")
    jobs = Parallel(options.jobs, return_as="generator_unordered")(
        delayed(fit)(cell, paths) for cell in missing
    )
    for row, quantiles in tqdm(jobs, total=len(missing), unit="cell", smoothing=0.02):
        # The weights first: a cell is done when its row is there.
        if quantiles is not None:
            distributions.append(quantiles)
        store.append(row)
    load_from = partial(load, paths=paths)
    if "claims" in options.parts:
        claims.run(options.out, load_from, options.curve_seeds, options.jobs)
    if "settings" in options.parts:
        settings.run(options.out, load_from, options.jobs, options.only)
    report.render(
        options.out,
        current(store.read()),
        distributions.read(),
        claims.open_store(options.out).read(),
        settings.open_store(options.out).read(),
    )


if __name__ == "__main__":
    main()
