"""What reading from files costs a fit, and whether shuffling by blocks costs accuracy.

    python benchmarks/scale/streaming.py --mnist mnist.npz --folder /a/disk

First, seconds per epoch of 784-120-10 by eigenvalues on the training images of MNIST as
float32 (188 MB, which the page cache holds), as a ratio to the same fit of the array in
memory. Then the accuracy on the test images after 20 epochs, for rows in their own order
and sorted by label: all shuffled, shuffled by blocks, and left in order.
"""

import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "trust"))
sys.path.append(str(Path(__file__).parents[1] / "speed"))

import h5py
import numpy as np
import torch
import zarr
from harness import take_turns
from plain import PLAIN
from results import parser, save, set_threads
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.datasets import load_mnist

EPOCHS = 4


class ByIndex(Dataset):
    """The images by their numbers, and several at once as torch's loader asks for them."""

    def __init__(self, X, y):
        self.X, self.y = torch.from_numpy(X), y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


class OneByOne(IterableDataset):
    """The images one after the other."""

    def __init__(self, X, y):
        self.X, self.y = X, y

    def __iter__(self):
        return zip(self.X, self.y, strict=True)


def files(X, folder):
    """Write the images in each form; return them as read from there."""
    X.tofile(folder / "X.float32")
    mapped = np.memmap(folder / "X.float32", np.float32, mode="r", shape=X.shape)
    store = h5py.File(folder / "X.h5", "w")
    chunks = (256, X.shape[1])
    array = zarr.create_array(
        folder / "X.zarr", shape=X.shape, chunks=chunks, dtype=X.dtype, overwrite=True
    )
    array[:] = X
    return {
        "memory map, all rows shuffled": (mapped, True),
        "memory map, by blocks": (mapped, "blocks"),
        "HDF5, contiguous": (store.create_dataset("plain", data=X), True),
        "HDF5, chunks of 256 rows, lzf": (
            store.create_dataset("lzf", data=X, chunks=chunks, compression="lzf"),
            True,
        ),
        "HDF5, chunks of 256 rows, gzip": (
            store.create_dataset("gzip", data=X, chunks=chunks, compression="gzip"),
            True,
        ),
        "Zarr, chunks of 256 rows, its default": (array, True),
    }


def speed(images, folder, rounds):
    """Return seconds per epoch of each form, and the ratios."""
    X, y = images.X_train, images.y_train
    forms = {
        "array in memory": (X, True),
        "array in memory, by blocks": (X, "blocks"),
        **files(X, folder),
    }
    of_torch = {
        "torch TensorDataset": TensorDataset(torch.from_numpy(X), torch.from_numpy(y)),
        "torch Dataset by index": ByIndex(X, y),
        "torch IterableDataset": OneByOne(X, y),
        "torch DataLoader, batches of 256": DataLoader(ByIndex(X, y), batch_size=256),
    }

    def contest(data, shuffle, labels):
        def run():
            model = SpectralClassifier(
                120,
                linear_expansion=None,
                shuffle=shuffle,
                random_state=0,
                **{**PLAIN, "max_iter": EPOCHS, "n_iter_no_change": np.inf},
            )
            model.fit(data, labels)

        return run

    contestants = {name: contest(*form, y) for name, form in forms.items()}
    contestants |= {name: contest(data, True, None) for name, data in of_torch.items()}
    seconds = take_turns(contestants, rounds)
    plain = np.array(seconds["array in memory"])
    rows = {}
    for name, taken in seconds.items():
        ratio = float(np.median(np.array(taken) / plain))
        rows[name] = {"s_per_epoch": float(np.median(taken)) / EPOCHS, "ratio": ratio}
        print(f"{name:<40} {rows[name]['s_per_epoch']:7.3f} s an epoch, {ratio:6.2f}")
    return rows


def accuracy(images, seeds):
    """Return the accuracies by order of the rows and by way of shuffling."""
    X, y = images.X_train, images.y_train
    by_label = np.argsort(y, kind="stable")
    orders = {"as they come": (X, y), "sorted by label": (X[by_label], y[by_label])}
    rows = {}
    for order, data in orders.items():
        for shuffle in (True, "blocks", False):
            scores = []
            for seed in range(seeds):
                model = SpectralClassifier(
                    120,
                    linear_expansion=None,
                    shuffle=shuffle,
                    random_state=seed,
                    **{**PLAIN, "max_iter": 20},
                )
                model.fit(*data)
                scores.append(model.score(images.X_test, images.y_test))
            rows[f"{order}, shuffle={shuffle!r}"] = scores
            print(
                f"rows {order:<16} shuffle={shuffle!r:<9} {np.mean(scores):.4f} "
                f"± {np.std(scores):.4f}",
                flush=True,
            )
    return rows


def main():
    options = parser(__doc__)
    options.set_defaults(out=Path("benchmarks/results/scale"))
    options.add_argument("--mnist", type=Path, required=True, help="mnist.npz")
    options.add_argument("--folder", type=Path, required=True, help="with 1 GB of room")
    options.add_argument("--rounds", type=int, default=3, help="median of so many")
    options.add_argument("--seeds", type=int, default=3)
    options = options.parse_args()
    set_threads(2)
    warnings.simplefilter("ignore")
    images = load_mnist(options.mnist)
    options.folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "speed": speed(images, options.folder, options.rounds),
        "accuracy": accuracy(images, options.seeds),
    }
    save(figures, options.out, "streaming")


if __name__ == "__main__":
    main()
