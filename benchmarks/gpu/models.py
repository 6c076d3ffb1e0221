"""Whether a model that was fitted on one machine loads and predicts on another.

    python benchmarks/gpu/models.py write --mnist mnist.npz --folder out --device cuda
    python benchmarks/gpu/models.py check --mnist mnist.npz --folder out

The first fits on a GPU and writes the models beside what they predict there, on the GPU and
on the CPU next to it; the second loads them where there need be no GPU and compares.
"""

import argparse
import pickle
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from plain import PLAIN

from sklearn_spectral import SpectralClassifier, load, save
from sklearn_spectral.datasets import load_mnist

N_TEST = 2000
MODELS = {
    "expanded": {"linear_expansion": 2000, "hidden_layer_sizes": 120},
    "eigenvectors": {"train_eigenvectors": True, "hidden_layer_sizes": 60},
}


def write(images, options):
    """Fit, save, and keep what is predicted."""
    kept = {}
    for name, parameters in MODELS.items():
        model = SpectralClassifier(
            batch_size=500,
            random_state=0,
            device=options.device,
            **{**PLAIN, "max_iter": 5, **parameters},
        )
        model.fit(images.X_train[: options.rows], images.y_train[: options.rows])
        X, y = images.X_test[:N_TEST], images.y_test[:N_TEST]
        print(f"{name}: {model.device_}, {model.score(X, y):.4f} right")
        kept[name] = model.predict_proba(X)
        kept[f"{name}, on the CPU"] = model.set_params(device="cpu").predict_proba(X)
        save(model, options.folder / f"{name}.safetensors")
    with open(options.folder / "expanded.pickle", "wb") as file:
        pickle.dump(load(options.folder / "expanded.safetensors"), file)
    np.savez_compressed(options.folder / "predictions.npz", **kept)


def check(images, options):
    """Load, predict and compare; return whether all is as it was."""
    kept = np.load(options.folder / "predictions.npz")
    X = images.X_test[:N_TEST]
    loaded = {name: load(options.folder / f"{name}.safetensors") for name in MODELS}
    loaded["expanded, pickled"] = pickle.loads(
        (options.folder / "expanded.pickle").read_bytes()
    )
    fine = True
    for name, model in loaded.items():
        key = name.split(",")[0]
        found = model.set_params(device="cpu").predict_proba(X)
        for where in (key, f"{key}, on the CPU"):
            difference = np.abs(found - kept[where]).max()
            same = (found.argmax(1) == kept[where].argmax(1)).mean()
            fine &= difference < 1e-3 and same > 0.999
            print(f"{name}, beside {where}: {same:.4f} of the labels, {difference:.1e}")
        before = model.loss_
        model.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-3)
        model.fit(images.X_train[:5000], images.y_train[:5000])
        fine &= bool(model.loss_ < 2 * before)
        print(f"{name}: trains on here, its loss was {before:.4f} and is {model.loss_:.4f}")
    return fine


def main():
    """Write or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("write", "check"))
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    images = load_mnist(options.mnist)
    if options.what == "write":
        write(images, options)
    elif not check(images, options):
        sys.exit("A model predicts something else here.")


if __name__ == "__main__":
    main()
