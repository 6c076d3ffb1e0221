"""Whether what members predict out of bag is what they predict of new rows.

Members share their eigenvectors. Where these train, a row that a member left out has moved
them all the same, by the other members.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss

from benchmarks.populations.data import TABLES, folds
from sklearn_spectral import SpectralClassifier

OUT = Path(__file__).parents[1] / "results" / "populations" / "honesty.json"


def main() -> None:
    """Fit, write the losses, and print them as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=TABLES)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {}
    print(
        "| set | eigenvalues, out of bag | new rows | eigenvectors, out of bag | new rows |"
    )
    print("|---|---|---|---|---|")
    for name in options.sets:
        found[name] = {}
        for trained in (False, True):
            pairs = []
            for fold in folds(name, 0, "float64"):
                model = SpectralClassifier(
                    linear_expansion=None,
                    train_eigenvectors=trained,
                    temperature=1.0,
                    random_state=0,
                ).fit(fold.X_train, fold.y_train)
                new = log_loss(fold.y_test, model.predict_proba(fold.X_test))
                pairs.append((-model.best_validation_score_, new))
            found[name]["eigenvectors" if trained else "eigenvalues"] = np.mean(
                pairs, axis=0
            ).tolist()
        cells = [f"{value:.3f}" for pair in found[name].values() for value in pair]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
