"""Kill fits with checkpoints at random moments, resume them, and compare every bit.

    python benchmarks/trust/kills.py [--kills 100] [--seed 0]

Each trial starts a process that fits with ``checkpoint_dir``, sends it SIGKILL after a
random time that is uniform over that of a whole fit, and fits again. What comes out is
compared with a fit that was never stopped: weights, loss curve, validation scores, and
what a population predicts out of bag.
"""

import collections
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from plain import PLAIN
from results import parser, save, set_threads
from sklearn.base import clone
from sklearn.datasets import load_digits

from sklearn_spectral import SpectralClassifier, load
from sklearn_spectral import save as save_model
from sklearn_spectral.files.integrity import digest

FORTY = {**PLAIN, "max_iter": 40}
OUT_OF_BAG = {
    "n_members": 8,
    "bag_fraction": 0.75,
    "early_stopping": "oob",
    "averaging": "auto",
}
MODELS = {
    "adamax, one cycle": SpectralClassifier(
        50, linear_expansion=100, random_state=0, **FORTY
    ),
    "adam, early stopping": SpectralClassifier(
        50,
        activation="tanh",
        solver="adam",
        random_state=1,
        **{**FORTY, "train_eigenvectors": True, "early_stopping": True},
    ),
    "sgd, constant rate": SpectralClassifier(
        50,
        linear_expansion=100,
        solver="sgd",
        random_state=2,
        **{**FORTY, "learning_rate": "constant"},
    ),
    "population, out of bag": SpectralClassifier(
        50,
        random_state=3,
        **{**FORTY, **OUT_OF_BAG},
    ),
}


def outcome_of(model):
    """Return a digest of all that a fit leaves."""
    more = [model.n_iter_, model.stop_reason_]
    for name in ("validation_scores_", "oob_decision_function_"):
        more.append(getattr(model, name, None))
    return digest(
        model.coefs_, model.intercepts_, model._fitted.arrays, model.loss_curve_, more
    )


def fit_in_child(model, X, y, result, kill_after=None):
    """Fit in a forked process, killed after some seconds; tell whether it was."""
    child = os.fork()
    if child == 0:
        try:
            warnings.simplefilter("ignore")
            fitted = clone(model).fit(X, y)
            text = outcome_of(fitted)
            save_model(fitted, result.with_suffix(".safetensors"))
            loaded = load(result.with_suffix(".safetensors"))
            assert digest(loaded.coefs_) == digest(fitted.coefs_)
            result.write_text(text)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main():
    """Run the trials and print what came of them."""
    arguments = parser(__doc__)
    arguments.add_argument("--kills", type=int, default=100)
    options = arguments.parse_args()
    set_threads(1)
    warnings.simplefilter("ignore")
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    rng = np.random.default_rng(options.seed)
    expected, seconds = {}, {}
    for name, model in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            model = clone(model).set_params(checkpoint_dir=folder)
            start = time.perf_counter()
            expected[name] = outcome_of(model.fit(X, y))
            seconds[name] = time.perf_counter() - start
            n_epochs = model.n_iter_
        plain = clone(model).set_params(checkpoint_dir=None).fit(X, y)
        assert outcome_of(plain) == expected[name], "a checkpoint changed the result"
        print(f"{name}: {n_epochs} epochs in {seconds[name]:.2f} s", flush=True)

    counts: dict[str, collections.Counter] = {n: collections.Counter() for n in MODELS}
    n_kills = 0
    while n_kills < options.kills:
        name = list(MODELS)[n_kills % len(MODELS)]
        with tempfile.TemporaryDirectory() as folder:
            checkpoints = Path(folder) / "checkpoints"
            result = Path(folder) / "result"
            model = clone(MODELS[name]).set_params(checkpoint_dir=checkpoints)
            moment = rng.uniform(0, seconds[name])
            if not fit_in_child(model, X, y, result, moment) or result.exists():
                continue  # it was done before
            n_kills += 1
            began = (
                any(checkpoints.glob("*.safetensors")) if checkpoints.exists() else False
            )
            fit_in_child(model, X, y, result)
            same = result.exists() and result.read_text() == expected[name]
            counts[name]["same bits" if same else "LOST OR OTHER BITS"] += 1
            counts[name]["killed with an epoch kept"] += began
    total = sum(counts.values(), collections.Counter())
    for name, count in {**counts, "all": total}.items():
        print(f"{name:<24} {dict(count)}")
    save({"kills": n_kills, "counts": {**counts, "all": total}}, options.out, "kills")
    assert total["same bits"] == n_kills


if __name__ == "__main__":
    main()
