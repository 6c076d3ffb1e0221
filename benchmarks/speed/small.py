"""Where the arithmetic is little: a small data set, the way to the first step, the import.

    python benchmarks/speed/small.py

The digits of scikit-learn (1,797 rows), 100 epochs with the defaults of both, against
`MLPClassifier`; what constructing and preparing a fit takes, as a fit of one epoch less the
time of an epoch; importing the package, in new processes.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import harness
import numpy as np
import rivals
from plain import PLAIN
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier

EPOCHS = 100
OURS = {
    "eigenvalues": {"linear_expansion": None},
    "eigenvectors too": {"train_eigenvectors": True},
    "eigenvalues, 300 linear nodes": {"linear_expansion": 300},
    "linear, eigenvalues": {"hidden_layer_sizes": (), "linear_expansion": None},
}


def fits(X, y, rounds):
    """Compare whole fits at equal epochs."""
    contestants = {
        name: lambda p=p: rivals.seconds_per_epoch(
            SpectralClassifier(
                random_state=0,
                **{**PLAIN, "max_iter": EPOCHS, **rivals.NEVER, **p},
            ),
            X,
            y,
            1,
        )
        for name, p in OURS.items()
    }
    contestants["MLPClassifier"] = lambda: rivals.seconds_per_epoch(
        MLPClassifier(max_iter=EPOCHS, random_state=0, **rivals.NEVER), X, y, 1
    )
    seconds = harness.take_turns(contestants, rounds)
    for name in OURS:
        pair = {name: seconds[name], "MLPClassifier": seconds["MLPClassifier"]}
        yield harness.row(f"digits, {EPOCHS} epochs, {name}", name, pair)


def preparation(X, y, rounds):
    """Return the seconds from the constructor to the first step, and from the last."""
    one, eleven = (
        statistics.median(
            rivals.seconds_per_epoch(
                SpectralClassifier(
                    linear_expansion=None,
                    random_state=0,
                    **{**PLAIN, "max_iter": n, **rivals.NEVER},
                ),
                X,
                y,
                1,
            )
            for _ in range(4 * rounds)
        )
        for n in (1, 11)
    )
    seconds = one - (eleven - one) / 10
    print(f"constructing, preparing and finishing a fit: {1e3 * seconds:.1f} ms")
    return {"question": "seconds around a fit", "ratios": {}, "seconds": seconds}


def imports(rounds):
    """Return the seconds that imports take in a new process, less those of Python."""
    statements = ("pass", "import sklearn_spectral", "import sklearn_spectral, torch")
    seconds = {}
    for statement in statements:
        taken = []
        for _ in range(rounds):
            start = time.perf_counter()
            code = f"{statement}\nimport sys; print('torch' in sys.modules)"
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True
            )
            taken.append(time.perf_counter() - start)
        seconds[statement] = statistics.median(taken)
        torch_too = done.stdout.strip()
        print(f"{statement}: {seconds[statement]:.2f} s, torch imported: {torch_too}")
    return {"question": "seconds of an import", "ratios": {}, "seconds": seconds}


def main():
    """Run all comparisons and save them."""
    options = harness.parser(__doc__, mnist=False).parse_args()
    harness.set_threads(options.threads)
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    rows = [*fits(X, y, options.rounds), preparation(X, y, options.rounds)]
    rows.append(imports(options.rounds))
    harness.save(rows, options, "small")


if __name__ == "__main__":
    main()
