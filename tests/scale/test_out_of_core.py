"""Data five times as large as the memory that the process may have."""

import sys

import pytest

from ..plain import PLAIN

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="RLIMIT_DATA counts memory on Linux only"
)

SCRIPT = """
import mmap, resource, warnings
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.datasets import load_digits
from sklearn_spectral import SpectralClassifier

# One epoch of few rows, or of rows that are mostly empty, is no better than a constant.
warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
wide = np.tile((X / 16).astype(np.float32), 32)
make = lambda: SpectralClassifier((), shuffle="blocks", random_state=0, **SETTINGS)
make().fit(wide[:50], y[:50])

def memory(name):
    (line,) = (s for s in open("/proc/self/status") if s.startswith(name + ":"))
    return 1024 * int(line.split()[1])

limit = memory("VmData") + 2**28
n_rows = int(5.2 * limit / wide[0].nbytes)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
n_bytes = n_rows * wide[0].nbytes

class Repeated:
    shape, dtype = (n_rows, wide.shape[1]), wide.dtype

    def __getitem__(self, rows):
        return wide[np.arange(rows.start, rows.stop) % len(wide)]

def mapped():
    with open("X", "wb") as file:
        file.truncate(n_bytes)
    X = np.memmap("X", np.float32, mode="r+", shape=(n_rows, wide.shape[1]))
    for start in range(0, n_rows, 20 * len(wide)):
        X[start : start + len(wide)] = wide[: n_rows - start]
    X.flush()
    return np.memmap("X", np.float32, mode="r", shape=X.shape)

data = Repeated() if SOURCE == "slices" else mapped()
labels = y[np.arange(n_rows) % len(y)]
try:  # asked of the kernel: malloc, once refused, serves this thread from scattered heaps
    mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
except OSError:
    print("it does not fit into memory")
peak_before = memory("VmHWM")
model = make().fit(data, labels)
print(n_bytes / limit, (memory("VmHWM") - peak_before) / n_bytes, memory("VmHWM") / n_bytes)
print(model.score(wide, y), (model.predict(data)[: len(y)] == model.predict(wide)).mean())
"""


@pytest.mark.parametrize("source", ["slices", "memmap"])
def test_data_of_five_times_the_memory_train(fresh_python, source):
    # What is standardised and held out by default is read more often.
    settings = {**(PLAIN if source == "memmap" else {}), "max_iter": 1}
    names = f"SOURCE, SETTINGS = {source!r}, {settings!r}\n"
    said = fresh_python(names + SCRIPT).splitlines()
    assert said[0] == "it does not fit into memory"
    times_the_limit, more, peak = map(float, said[1].split())
    assert times_the_limit > 5
    assert more < 0.1
    assert peak < 0.2
    accuracy, same = map(float, said[2].split())
    assert accuracy > (0.9 if source == "slices" else 0.5)  # most of the file is empty
    assert same == 1
