"""What calling torch's Adamax below its ``step`` brings to a small fit.

    python benchmarks/speed/step.py --threads 1 --rounds 60

20 epochs of the digits (1,797 rows, and the first 150 of them) with default settings, by
`training.flat.step_of` and by ``Optimizer.step``: the weights have to be the same bits.
"""

import sys
import time
import warnings
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import harness
import numpy as np
from plain import PLAIN
from sklearn.datasets import load_digits

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.training import net


def seconds_of(function, *args):
    """Return the processor's seconds of a call."""
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def main():
    """Run the comparison and save it."""
    options = harness.parser(__doc__, mnist=False).parse_args()
    harness.set_threads(options.threads)
    warnings.simplefilter("ignore")
    X, y = load_digits(return_X_y=True)
    steps = {"ours": net.step_of, "Optimizer.step": lambda optimizer, flat: optimizer.step}

    def fit(name, n_rows):
        net.step_of = steps[name]
        model = SpectralClassifier(random_state=0, **{**PLAIN, "max_iter": 20})
        return model.fit(X[:n_rows] / 16, y[:n_rows]).coefs_

    rows = []
    for n_rows in (len(X), 150):
        one, other = (fit(name, n_rows) for name in steps)
        assert all(map(np.array_equal, one, other))
        fits = {name: partial(seconds_of, fit, name, n_rows) for name in steps}
        seconds = harness.take_turns(fits, options.rounds, pause=0.0)
        rows.append(harness.row(f"{n_rows} digits, 20 epochs", "ours", seconds))
    harness.save(rows, options, "step")


if __name__ == "__main__":
    main()
