"""
Data larger than memory
=======================

What can be read in slices of rows can be fitted: a memory-mapped file, an HDF5 or Zarr
array, a torch Dataset, or an object of your own that makes its rows on demand. Only a few
blocks of rows are in memory at a time.
"""

# %%
# Half a gigabyte of digits
# -------------------------
# Two million noisy digits, in a file and made on demand. The object below is all that it
# takes: a shape, a dtype, and slices.
import tempfile
import threading
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_spectral import SpectralClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    (X / 16).astype(np.float32), y, random_state=0
)
N_ROWS = 2_000_000


class NoisyDigits:
    """Digits with noise, other noise in each row; nothing is stored."""

    shape, dtype = (N_ROWS, 64), np.dtype(np.float32)

    def __getitem__(self, rows):
        which = np.arange(rows.start, rows.stop)
        noise = np.random.default_rng(rows.start).standard_normal(
            (len(which), 64), np.float32
        )
        return X_train[which % len(X_train)] + 0.1 * noise


labels = y_train[np.arange(N_ROWS) % len(X_train)]
n_bytes = 4 * N_ROWS * 64


# %%
# Three ways
# ----------
# By slices, from a mapped file with ``shuffle="blocks"``, and portion by portion by
# ``partial_fit`` from a generator. Memory is sampled while each runs.
def resident():
    """Return the memory of this process in bytes, where the system tells it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    (line,) = (s for s in status.read_text().splitlines() if s.startswith("VmRSS"))
    return 1024 * int(line.split()[1])


def observed(train):
    """Run a training; return its model, its seconds and the memory that it added."""
    before, peak, done = resident(), [0], threading.Event()

    def watch():
        while not done.wait(0.01):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    model = train()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    return model, seconds, max(0, peak[0] - before)


def make(**settings):
    return SpectralClassifier(
        50,
        linear_expansion=None,
        train_eigenvectors=False,
        n_members=1,
        max_iter=1,
        batch_size=500,
        shuffle="blocks",
        random_state=0,
        **settings,
    )


def portions():
    """Yield the rows and labels of 20,000 at a time, as a query or a queue would."""
    source = NoisyDigits()
    for start in range(0, N_ROWS, 20_000):
        rows = slice(start, start + 20_000)
        yield source[rows], labels[rows]


def by_portions():
    model = make(learning_rate_init=0.03)
    for some, their_labels in portions():
        model.partial_fit(some, their_labels, classes=np.arange(10))
    return model


make().fit(X_train, y_train)  # so that everything is loaded before memory is measured
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "digits.float32")
    with open(path, "wb") as file:
        for some, _ in portions():
            some.tofile(file)
    mapped = np.memmap(path, np.float32, mode="r", shape=(N_ROWS, 64))
    ways = {
        "made by slices": lambda: make().fit(NoisyDigits(), labels),
        "mapped file": lambda: make().fit(mapped, labels),
        "partial_fit": by_portions,
    }
    results = {name: observed(train) for name, train in ways.items()}

print(f"{N_ROWS:,} rows, {n_bytes / 1e6:.0f} MB")
for name, (model, seconds, memory) in results.items():
    print(
        f"{name:<15} {seconds:5.1f} s, {memory / 1e6:5.0f} MB of memory, "
        f"accuracy on clean digits {model.score(X_test, y_test):.3f}"
    )

# %%
# What it took
# ------------
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
names = ["the data", *results]
sizes = [n_bytes, *(memory for _, _, memory in results.values())]
bars = ax.barh(names[::-1], np.array(sizes[::-1]) / 1e6, color=["C0"] * 3 + ["lightgrey"])
texts = [
    f"{seconds:.0f} s, accuracy {model.score(X_test, y_test):.3f}"
    for model, seconds, _ in results.values()
]
ax.bar_label(bars, [*texts[::-1], f"{n_bytes / 1e6:.0f} MB"], padding=4)
ax.set(xlabel="memory added while training (MB)", xlim=(0, 1.2 * n_bytes / 1e6))
ax.spines[["top", "right"]].set_visible(False)
figure.savefig("larger_than_memory.png", dpi=120)
print("Saved larger_than_memory.png")
