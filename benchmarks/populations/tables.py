"""Whether a population is better than single networks and other models on real tables.

    python benchmarks/populations/tables.py [--method population mlp] [--tables heart sonar]
    python benchmarks/populations/tables.py report

Ten tables of KEEL (`data.py`), N-100-C, three folds, each with three seeds, which decide
the folds and the start. Features are standardised and categories one-hot for all. Accuracy,
log loss and the seconds of a fit, in one thread. Nothing else should run.

Each fit is a line of tables.jsonl, written when it is done: a run that was ended goes on
where it was, and what is there already is not fitted again. Move the file away to begin
anew, as after a change of the package. ``report`` prints the means over the tables, the
mean ranks of what was fitted to all of them, and the time beside `MLPClassifier`'s, a
median over the tables; these go into tables.json.
"""

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "speed"))

import numpy as np
import pandas as pd
from data import N_FOLDS, TABLES, folds
from harness import environment, set_threads
from plain import PLAIN
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.spec.architecture import auto_expansion

POPULATION = {
    **PLAIN,
    "batch_size": 200,
    "temperature": 1.0,
    "n_members": 16,
    "bag_fraction": 7 / 8,
    "early_stopping": "oob",
    "averaging": 0.98,
    "learning_rate": "constant",
    "learning_rate_init": 0.1,
    "max_iter": 256,
    "n_iter_no_change": 40,
}
WITH_EIGENVECTORS = {"train_eigenvectors": True, "learning_rate_init": 0.01}


def auto_layers(fold) -> tuple[tuple[int, ...], ...]:
    """Return the linear layers of "auto", which has none where eigenvectors train."""
    n_classes = len(np.unique(fold.y_train))
    n_outputs = 1 if n_classes == 2 else n_classes
    return auto_expansion(fold.X_train.shape[1], n_outputs, HIDDEN)


HIDDEN = (100,)
# In the settings of starts.py that do best on the tables that it takes, with linear layers;
# and without these ("bare"), which takes a third of the time.
METHODS = {
    "population": lambda seed, fold: SpectralClassifier(**POPULATION, random_state=seed),
    "population_eigenvectors": lambda seed, fold: SpectralClassifier(
        **{**POPULATION, **WITH_EIGENVECTORS},
        linear_expansion=auto_layers(fold),
        random_state=seed,
    ),
    "population_bare": lambda seed, fold: SpectralClassifier(
        **POPULATION, linear_expansion=None, random_state=seed
    ),
    "population_eigenvectors_bare": lambda seed, fold: SpectralClassifier(
        **{**POPULATION, **WITH_EIGENVECTORS}, linear_expansion=None, random_state=seed
    ),
    "mlp": lambda seed, fold: MLPClassifier(random_state=seed),
    "trees": lambda seed, fold: HistGradientBoostingClassifier(random_state=seed),
    "logistic": lambda seed, fold: LogisticRegression(),
    "spectral": lambda seed, fold: SpectralClassifier(random_state=seed, **PLAIN),
    "spectral_eigenvectors": lambda seed, fold: SpectralClassifier(
        random_state=seed, **{**PLAIN, "train_eigenvectors": True}
    ),
}
SEEDS = (1, 2, 3)
KEY = ["table", "method", "seed", "fold", "dtype"]


def kept(path: Path) -> list[dict]:
    """Return the lines of a file; what a kill has left of the last one is cut off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def append(path: Path, row: dict) -> None:
    """Add a line, and see to it that it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())


def measure(model, fold) -> dict[str, float]:
    """Fit to one fold and score on the rest."""
    start = time.perf_counter()
    model.fit(fold.X_train, fold.y_train)
    seconds = time.perf_counter() - start
    # A float32 probability of one would be clipped elsewhere than one of float64.
    probabilities = model.predict_proba(fold.X_test).astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = model.classes_[probabilities.argmax(axis=1)]
    found = {
        "accuracy": accuracy_score(fold.y_test, predicted),
        "log_loss": log_loss(fold.y_test, probabilities, labels=model.classes_),
        "seconds": seconds,
        "epochs": int(np.max(getattr(model, "n_iter_", 0))),
    }
    if hasattr(model, "oob_score_"):
        found["oob_score"] = float(model.oob_score_)
    return found


def run(options: argparse.Namespace, path: Path) -> None:
    """Fit what is asked for and not there yet."""
    set_threads(1)
    warnings.simplefilter("ignore")
    done = {tuple(row[name] for name in KEY) for row in kept(path)}
    first = METHODS["spectral"](0, None).set_params(max_iter=1)
    first.fit(np.eye(4), [0, 1, 0, 1])  # imports
    for table in options.tables:
        for method in options.method:
            for seed in options.seeds:
                for number, fold in enumerate(folds(table, seed, options.dtype)):
                    key = (table, method, seed, number, options.dtype)
                    if key in done:
                        continue
                    found = measure(METHODS[method](seed, fold), fold)
                    append(path, {**dict(zip(KEY, key, strict=True)), **found})
            shown(kept(path), table, method)


def shown(rows: list[dict], table: str, method: str) -> None:
    """Print the means of one method on one table."""
    mine = [row for row in rows if row["table"] == table and row["method"] == method]
    means = pd.DataFrame(mine)[["accuracy", "log_loss", "seconds"]].mean()
    print(
        f"{table:<16}{method:<26}{means.accuracy:>8.4f}{means.log_loss:>9.4f}"
        f"{means.seconds:>9.2f} s",
        flush=True,
    )


def report(options: argparse.Namespace, path: Path) -> None:
    """Print the table of the methods that were fitted to all tables, and keep it."""
    rows = pd.DataFrame(kept(path))
    if rows.empty:
        raise SystemExit(f"There is nothing in {path} yet.")
    rows = rows[rows.table.isin(options.tables) & rows.seed.isin(options.seeds)]
    rows = rows[rows["dtype"] == options.dtype]
    complete = len(options.tables) * len(options.seeds) * N_FOLDS
    counts = rows.groupby("method").size()
    methods = [name for name in options.method if counts.get(name, 0) == complete]
    for name in options.method:
        if name not in methods:
            print(f"left out: {name} ({counts.get(name, 0)} of {complete} fits)")
    if not methods:
        return
    means = rows[rows.method.isin(methods)].groupby(["method", "table"])
    means = means[["accuracy", "log_loss", "seconds"]].mean()
    of_tables = {name: means[name].unstack("table").loc[methods] for name in means}
    table = pd.DataFrame(
        {
            "accuracy": of_tables["accuracy"].mean(axis=1),
            "log_loss": of_tables["log_loss"].mean(axis=1),
            "rank_accuracy": of_tables["accuracy"].rank(ascending=False).mean(axis=1),
            "rank_log_loss": of_tables["log_loss"].rank().mean(axis=1),
        }
    )
    if "mlp" in methods:
        ratios = of_tables["seconds"] / of_tables["seconds"].loc["mlp"]
        table["time_beside_mlp"] = ratios.median(axis=1)
    print(f"{len(options.tables)} tables, ranks of {len(methods)}")
    print(table.round(4).to_string())
    for name, values in of_tables.items():
        print(f"\n{name}\n{values.T.round(4).to_string()}")
    content = {
        **environment(1),
        "tables": list(options.tables),
        "seeds": list(options.seeds),
        "dtype": options.dtype,
        "folds": N_FOLDS,
        "means": table.to_dict("index"),
        **{name: values.to_dict("index") for name, values in of_tables.items()},
    }
    target = path.with_suffix(".json")
    target.write_text(json.dumps(content, indent=1) + "\n")


def main() -> None:
    """Fit, or print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("fit", "report"), default="fit")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/populations"))
    options = parser.parse_args()
    path = options.out / "tables.jsonl"
    (report if options.what == "report" else run)(options, path)


if __name__ == "__main__":
    main()
