"""In which layers the members of a population should differ at the start.

    python benchmarks/populations/starts.py

Members share eigenvectors, and at the start their eigenvalues differ where
`spec.starts.members_differ_in` says so. Here that rule is replaced: lambda_in of the first
layer alone, or of every layer; with frozen and with trained eigenvectors, with and without
the linear layers of ``linear_expansion="auto"``. Log loss and accuracy on the tables on
which settings are chosen, means over three folds. Kept in starts.json.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "speed"))

import pandas as pd
from data import CHOSEN_ON, N_FOLDS, folds
from harness import environment, set_threads
from tables import HIDDEN, POPULATION, WITH_EIGENVECTORS, auto_layers, measure

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.training import convert  # noqa: F401  # what is patched is imported

RULES = {
    "first": lambda position, trains_eigenvectors: position == 0,
    "every": lambda position, trains_eigenvectors: True,
}
VARIANTS = [*product(RULES, ("frozen", "trained"), ("none", "auto"))]


@contextmanager
def differing_by(rule: Callable[[int, bool], bool]) -> Iterator[None]:
    """Have all of the package follow another rule."""
    name = "members_differ_in"
    users = [
        module
        for path, module in list(sys.modules.items())
        if path.startswith("sklearn_spectral") and hasattr(module, name)
    ]
    before = [getattr(module, name) for module in users]
    for module in users:
        setattr(module, name, rule)
    try:
        yield
    finally:
        for module, value in zip(users, before, strict=True):
            setattr(module, name, value)


def mean_of_folds(table: str, variant: tuple[str, str, str], seed: int) -> dict[str, float]:
    """Return the means of one variant on one table."""
    rule, eigenvectors, linear = variant
    settings = {**POPULATION, **(WITH_EIGENVECTORS if eigenvectors == "trained" else {})}
    found = []
    for fold in folds(table, seed, "float64"):
        settings["linear_expansion"] = auto_layers(fold) if linear == "auto" else None
        with differing_by(RULES[rule]):
            found.append(
                measure(SpectralClassifier(HIDDEN, **settings, random_state=seed), fold)
            )
    return pd.DataFrame(found).mean().to_dict()


def main() -> None:
    """Try all variants on all tables, and print the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", default=list(CHOSEN_ON))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/populations"))
    options = parser.parse_args()
    set_threads(1)
    warnings.simplefilter("ignore")
    rows = []
    for table, variant, seed in product(options.tables, VARIANTS, options.seeds):
        key = dict(
            zip(("differ_in", "eigenvectors", "linear_layers"), variant, strict=True)
        )
        found = mean_of_folds(table, variant, seed)
        rows.append({"table": table, "seed": seed, **key, **found})
        print(
            f"{table:<16}{'  '.join(f'{value:<8}' for value in variant)}"
            f"{found['accuracy']:>8.4f}{found['log_loss']:>9.4f}",
            flush=True,
        )
    by = ["eigenvectors", "linear_layers", "differ_in"]
    means = pd.DataFrame(rows).groupby(by)[["accuracy", "log_loss", "epochs"]].mean()
    print(means.round(4).to_string())
    options.out.mkdir(parents=True, exist_ok=True)
    content = {**environment(1), "folds": N_FOLDS, "rows": rows}
    (options.out / "starts.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
