"""What both commands of the league share: options, fits side by side, scores."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from joblib import Parallel, delayed
from tqdm import tqdm

from benchmarks.paper.store import Store
from benchmarks.tables import measures

from .data import Split

OUT = Path("benchmarks/results/league")
SCORES = ["accuracy", "log_loss", "train_accuracy", "numbers"]
Cell: TypeAlias = dict[str, Any]
Paths: TypeAlias = dict[str, Path | None]


def parser(command: str, doc: str | None, n_seeds: int) -> argparse.ArgumentParser:
    """Return the options that both have."""
    options = argparse.ArgumentParser(
        command, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("what", nargs="?", choices=("fit", "report"), default="fit")
    options.add_argument("--mnist", type=Path, help="file or folder; see load_mnist")
    options.add_argument("--fashion-mnist", type=Path, help="likewise")
    options.add_argument("--seeds", type=int, default=n_seeds)
    options.add_argument("--jobs", type=int, default=2, help="fits at a time")
    options.add_argument("--out", type=Path, default=OUT)
    return options


def paths_in(options: argparse.Namespace) -> Paths:
    """Return where the images are, by their names."""
    return {"mnist": options.mnist, "fashion_mnist": options.fashion_mnist}


def missing(store: Store, wanted: list[Cell]) -> list[Cell]:
    """Return those of the wanted lines that are not there."""
    done = store.keys()
    return [cell for cell in wanted if tuple(cell[n] for n in store.key) not in done]


def run(
    fit: Callable[[Cell, Path | None], Cell],
    store: Store,
    wanted: list[Cell],
    paths: Paths,
    n_jobs: int,
) -> None:
    """Fit what is missing, and write each line as it comes in."""
    todo = missing(store, wanted)
    jobs = (delayed(fit)(cell, paths.get(cell["data"])) for cell in todo)
    rows = Parallel(n_jobs, return_as="generator_unordered")(jobs)
    for row in tqdm(rows, total=len(todo), unit="fit", smoothing=0.02):
        store.append(row)


def scores(model: Any, split: Split) -> Cell:
    """Return what is told of a fitted classifier."""
    probability = model.predict_proba(split.X_scored)
    probability = measures.complete(probability, model.classes_, probability.shape[1])
    found = measures.of_classes(split.y_scored, probability)
    return {
        "accuracy": round(found["accuracy"], 6),
        "log_loss": round(found["log_loss"], 5),
        "train_accuracy": round(model.score(split.X, split.y), 6),
        "numbers": model.n_parameters_,
    }
