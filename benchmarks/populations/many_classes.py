"""Where stopping out of bag goes wrong: many rows of many classes, eigenvectors that train.

Made sets of 16 features and two clusters to a class, 3,000 new rows of each; log losses.
"""

import argparse
import json
import warnings
from itertools import product
from pathlib import Path

from sklearn.datasets import make_classification
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


def main() -> None:
    """Fit, print a table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 5, 10, 20])
    parser.add_argument("--rows", type=int, nargs="+", default=[400, 1000, 4000])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    found = []
    for n_classes, n_rows in product(options.classes, options.rows):
        row = {"classes": n_classes, "rows": n_rows, **losses(n_classes, n_rows)}
        if not found:
            print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")
        cells = [f"{v:,}" if isinstance(v, int) else f"{v:.3f}" for v in row.values()]
        print(f"| {' | '.join(cells)} |", flush=True)
        found.append(row)
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
