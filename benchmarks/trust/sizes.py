"""Sizes of saved models, and the time to load them, beside MLPClassifier and torch.

    python benchmarks/trust/sizes.py --mnist mnist.npz [--rounds 9]

The network is 784-2000(linear)-120-10 on float32, eigenvalues alone trained. The rivals
hold the network that is used, 784-120-10. Loading is timed in a fresh process: the imports,
the call, and all until ten rows are predicted.
"""

import pickle
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import joblib
import numpy as np
import skops.io
import torch
from plain import PLAIN
from results import parser, save, set_threads
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier
from sklearn_spectral import save as save_model
from sklearn_spectral.datasets import load_mnist
from sklearn_spectral.export import to_onnx

LOAD = """
import sys, time
start = time.perf_counter()
{imports}
import numpy as np
imported = time.perf_counter()
{load}
loaded = time.perf_counter()
predict(np.load({rows!r}))
done = time.perf_counter()
assert {torch} or "torch" not in sys.modules
print(imported - start, loaded - imported, done - start)
"""
WAYS = {
    "load": ("from sklearn_spectral import load", "predict = load({path!r}).predict"),
    "joblib": ("import joblib", "predict = joblib.load({path!r}).predict"),
    "pickle": (
        "import pickle",
        "with open({path!r}, 'rb') as file: predict = pickle.load(file).predict",
    ),
    "skops": (
        "import skops.io",
        "predict = skops.io.load({path!r}, trusted=["
        "'sklearn_spectral.SpectralClassifier']).predict",
    ),
    "onnx": (
        "import onnxruntime",
        "session = onnxruntime.InferenceSession({path!r})\n"
        "predict = lambda X: session.run(None, {{'X': X}})",
    ),
    "torch": (
        "import torch",
        "network = torch.nn.Sequential(torch.nn.Linear(784, 120), torch.nn.ReLU(), "
        "torch.nn.Linear(120, 10))\n"
        "network.load_state_dict(torch.load({path!r}))\n"
        "predict = lambda X: network(torch.from_numpy(X)).argmax(1)",
    ),
}


def time_to_load(way, path, rows, rounds):
    """Return medians of seconds: of the imports, of the call, of the whole process."""
    imports, load = WAYS[way]
    script = LOAD.format(
        imports=imports,
        load=load.format(path=str(path)),
        rows=str(rows),
        torch=way in ("torch", "skops"),
    )
    seconds = []
    for _ in range(rounds + 1):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            capture_output=True,
            text=True,
            check=True,
        )
        seconds.append([float(number) for number in done.stdout.split()])
    return [statistics.median(column) for column in zip(*seconds[1:], strict=True)]


def main():
    """Fit, save in all formats, and print the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--mnist", type=Path, required=True)
    arguments.add_argument("--rounds", type=int, default=9)
    options = arguments.parse_args()
    set_threads(2)
    warnings.simplefilter("ignore")
    data = load_mnist(options.mnist)
    X, y = data.X_train[:10_000], data.y_train[:10_000]
    model = SpectralClassifier(
        120, linear_expansion=2000, random_state=0, **{**PLAIN, "max_iter": 2}
    ).fit(X, y)
    mlp = MLPClassifier(120, max_iter=2, random_state=0).fit(X, y)
    retracted = model.to_network().retract()
    n_trained = model.n_parameters_
    n_retracted = sum(array.size for array in (*model.coefs_, *model.intercepts_))
    table = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rows = folder / "rows.npy"
        np.save(rows, data.X_test[:10])
        writers = {
            "save": ("load", lambda path: save_model(model, path)),
            "save, compact=True": (
                "load",
                lambda path: save_model(model, path, compact=True),
            ),
            "joblib": ("joblib", lambda path: joblib.dump(model, path)),
            "pickle": ("pickle", lambda path: path.write_bytes(pickle.dumps(model))),
            "skops": ("skops", lambda path: skops.io.dump(model, path)),
            "ONNX": (
                "onnx",
                lambda path: path.write_bytes(to_onnx(model).SerializeToString()),
            ),
            "MLPClassifier, pickle": (
                "pickle",
                lambda path: path.write_bytes(pickle.dumps(mlp)),
            ),
            "torch state_dict": (
                "torch",
                lambda path: torch.save(retracted.state_dict(), path),
            ),
        }
        for number, (name, (way, write)) in enumerate(writers.items()):
            path = folder / f"model{number}"
            write(path)
            table.append(
                (name, path.stat().st_size, *time_to_load(way, path, rows, options.rounds))
            )
    print(f"{n_trained} trained numbers, {n_retracted} retracted ones")
    print(f"{'':<24}{'bytes':>9}  imports    load   whole process")
    for name, size, imports, load, whole in table:
        print(f"{name:<24}{size:>9}  {imports:6.2f} s {1e3 * load:6.1f} ms {whole:6.2f} s")
    sizes = {row[0]: row[1] for row in table}
    print("beyond 4 bytes a trained number:", sizes["save"] - 4 * n_trained)
    print(
        "beyond 4 bytes a retracted number:", sizes["save, compact=True"] - 4 * n_retracted
    )
    names = ("name", "bytes", "import_s", "load_s", "process_s")
    figures = [dict(zip(names, row, strict=True)) for row in table]
    figures = {"n_trained": n_trained, "n_retracted": n_retracted, "files": figures}
    save(figures, options.out, "sizes")
    assert sizes["save"] <= 4 * n_trained + 8000
    assert sizes["save, compact=True"] <= 4 * n_retracted + 8000


if __name__ == "__main__":
    main()
