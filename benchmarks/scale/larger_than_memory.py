"""Fit 20 GB in a process that may have 2 GiB.

    python benchmarks/scale/larger_than_memory.py --mnist mnist.npz --folder /a/disk

The training images of MNIST, each shifted by up to two pixels in 107 ways, as one float32
array of 6.4 million rows: written to a file of 20 GB and mapped (``shuffle="blocks"``), and
made on demand by slices, which needs no disk. Each is fitted for one epoch in a process of
its own, whose private memory is limited (RLIMIT_DATA) and, where the system lets us make a
control group, also what it has of the page cache. The same limit must refuse the array as
a whole. Reported: the highest resident memory, seconds, and accuracy on the test images,
beside a fit of the original images in memory.
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "trust"))

import numpy as np
from plain import PLAIN
from results import parser, save, set_threads

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.datasets import load_mnist

N_ROWS, N_FEATURES = 6_400_000, 784
LIMIT = 2**31
SHIFTS = [(dx, dy) for dx in range(-2, 3) for dy in range(-2, 3)]


class ShiftedImages:
    """MNIST over and over, shifted otherwise each time; made when it is sliced."""

    shape, dtype = (N_ROWS, N_FEATURES), np.dtype(np.float32)

    def __init__(self, images):
        self.images = images.reshape(-1, 28, 28)

    def __getitem__(self, rows):
        rounds, which = np.divmod(np.arange(rows.start, rows.stop), len(self.images))
        result = np.zeros((len(which), 28, 28), np.float32)
        for number in np.unique(rounds):
            dx, dy = SHIFTS[number % len(SHIFTS)]
            mine = rounds == number
            result[mine] = np.roll(self.images[which[mine]], (dx, dy), axis=(1, 2))
        return result.reshape(-1, N_FEATURES)


def memory(name):
    """Return an entry of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(name + ":"))
    return 1024 * int(line.split()[1])


def own_control_group(limit):
    """Move this process into a group with a limit on all its memory, if we may."""
    for folder, name in [("memory", "memory.limit_in_bytes"), ("", "memory.max")]:
        group = Path("/sys/fs/cgroup", folder, f"larger_than_memory_{limit}")
        with contextlib.suppress(OSError):
            group.mkdir(exist_ok=True)
            (group / name).write_text(str(limit))
            (group / "cgroup.procs").write_text(str(os.getpid()))
            return True
    return False


def fit(source, mnist, file):
    """Run in a process of its own: fit under the limit and print what it took."""
    set_threads(2)
    warnings.simplefilter("ignore")
    images = load_mnist(mnist)
    model = SpectralClassifier(
        120,
        linear_expansion=None,
        shuffle="blocks",
        random_state=0,
        **{**PLAIN, "max_iter": 1},
    )
    model.fit(images.X_train[:1000], images.y_train[:1000])  # all that is loaded is loaded
    grouped = own_control_group(LIMIT)
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    refused = False
    try:
        np.zeros((N_ROWS, N_FEATURES), np.float32)
    except MemoryError:
        refused = True
    if source == "in memory":
        X, y = images.X_train, images.y_train
    else:
        y = images.y_train[np.arange(N_ROWS) % len(images.y_train)]
        X = ShiftedImages(images.X_train)
        if source == "mapped file":
            X = np.memmap(file, np.float32, mode="r", shape=X.shape)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    accuracy = model.score(images.X_test, images.y_test)
    print(
        json.dumps(
            {
                "data_bytes": 4 * X.shape[0] * N_FEATURES,
                "limit_bytes": LIMIT,
                "limit_on_page_cache_too": grouped,
                "whole_array_refused": refused,
                "peak_resident_bytes": memory("VmHWM"),
                "seconds": seconds,
                "accuracy": accuracy,
            }
        )
    )


def write(mnist, file):
    """Write the 20 GB."""
    images = ShiftedImages(load_mnist(mnist).X_train)
    with open(file, "wb") as out:
        for start in range(0, N_ROWS, 20_000):
            images[slice(start, min(start + 20_000, N_ROWS))].tofile(out)


def main():
    options = parser(__doc__)
    options.set_defaults(out=Path("benchmarks/results/scale"))
    options.add_argument("--mnist", type=Path, required=True, help="mnist.npz")
    options.add_argument("--folder", type=Path, required=True, help="with 20 GB of room")
    options.add_argument("--child", help=argparse.SUPPRESS)
    options = options.parse_args()
    file = options.folder / "larger_than_memory.float32"
    if options.child:
        fit(options.child, options.mnist, file)
        return
    figures = {}
    try:
        print("writing 20 GB", flush=True)
        write(options.mnist, file)
        for source in ("in memory", "made by slices", "mapped file"):
            command = [sys.executable, *sys.argv, "--child", source]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            figures[source] = told = json.loads(done.stdout)
            share = told["peak_resident_bytes"] / told["data_bytes"]
            print(
                f"{source:<15} {told['data_bytes'] / 1e9:6.2f} GB, peak "
                f"{told['peak_resident_bytes'] / 1e9:.2f} GB ({share:.3f} of the data), "
                f"{told['seconds']:6.1f} s, accuracy {told['accuracy']:.4f}",
                flush=True,
            )
    finally:
        file.unlink(missing_ok=True)
    save({"rows": figures}, options.out, "larger_than_memory")


if __name__ == "__main__":
    main()
