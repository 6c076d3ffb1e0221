"""Where stopping out of bag goes wrong: many rows of many classes, eigenvectors that train.

Made sets of 16 features and two clusters to a class, 3,000 new rows of each; log losses.
With ``--labels`` made sets of 20 features and several labels per row, means over two.
"""

import argparse
import json
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier

OUT = Path(__file__).parents[1] / "results" / "populations" / "many_classes.json"
N_NEW = 3000


def losses(n_classes: int, n_rows: int) -> dict[str, float]:
    """Return those out of bag and of new rows if these stop training, and by default."""
    X, y = make_classification(
        n_rows + N_NEW, 16, n_informative=12, n_redundant=2, n_classes=n_classes,
        n_clusters_per_class=2, flip_y=0, random_state=5,
    )  # fmt: skip
    (X, X_new), (y, y_new) = ((rows[:n_rows], rows[n_rows:]) for rows in (X, y))
    by_bags = SpectralClassifier(early_stopping="oob", random_state=0).fit(X, y)
    default = SpectralClassifier(random_state=0).fit(X, y)
    perceptron = make_pipeline(StandardScaler(), MLPClassifier(random_state=0)).fit(X, y)
    return {
        "stopped out of bag: there": -by_bags.best_validation_score_,
        "new rows": log_loss(y_new, by_bags.predict_proba(X_new)),
        "defaults, new rows": log_loss(y_new, default.predict_proba(X_new)),
        "MLP": log_loss(y_new, perceptron.predict_proba(X_new)),
    }


def losses_of_labels(n_labels: int, n_rows: int) -> dict[str, float]:
    """Return the log loss of a label out of bag and of new rows, for ways to stop."""
    found = []
    for seed in range(2):
        X, y = make_multilabel_classification(
            n_rows + N_NEW, n_classes=n_labels, n_labels=max(2, n_labels // 4),
            random_state=seed,
        )  # fmt: skip
        (X, X_new), (y, y_new) = ((rows[:n_rows], rows[n_rows:]) for rows in (X, y))

        def loss(model, X=X, y=y, X_new=X_new, y_new=y_new):
            shares = model.fit(X, y).predict_proba(X_new)
            return log_loss(y_new.ravel(), shares.ravel())

        by_bags = SpectralClassifier(early_stopping="oob", random_state=seed)
        of_new = loss(by_bags)
        held_out = SpectralClassifier(early_stopping=True, random_state=seed)
        perceptron = make_pipeline(StandardScaler(), MLPClassifier(random_state=seed))
        found.append(
            {
                "stopped out of bag: there": -by_bags.best_validation_score_,
                "new rows": of_new,
                "rows held out, new rows": loss(held_out),
                "MLP": loss(perceptron),
            }
        )
    return {name: float(np.mean([row[name] for row in found])) for name in found[0]}


def main() -> None:
    """Fit, print a table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 5, 10, 20])
    parser.add_argument("--rows", type=int, nargs="+", default=[400, 1000, 4000])
    parser.add_argument("--labels", type=int, nargs="+", help="instead of classes")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    found = []
    of_labels = options.labels is not None
    what, measure = ("labels", losses_of_labels) if of_labels else ("classes", losses)
    if options.out is None:
        options.out = OUT.with_name(f"many_{what}.json")
    for number, n_rows in product(options.labels or options.classes, options.rows):
        row = {what: number, "rows": n_rows, **measure(number, n_rows)}
        if not found:
            print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")
        cells = [f"{v:,}" if isinstance(v, int) else f"{v:.3f}" for v in row.values()]
        print(f"| {' | '.join(cells)} |", flush=True)
        found.append(row)
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
