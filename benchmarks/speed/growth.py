"""How time and memory grow with rows, features, width, members and linear expansion.

    python benchmarks/speed/growth.py [--only rows ...] [--rivals RealMLP]

Made classifications, float32, a process for each point, two threads: seconds of an epoch
(a quarter of a fit of six less one of two) and the most memory beside. Rivals are
MLPClassifier, the same network in skorch with its default loader, and with ``--rivals
RealMLP`` pytabkit's RealMLP-TD, where that is installed. The law is the straight line
through the last three points in logarithms: ``time = a * x ** b``.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

BASE = {"rows": 4000, "features": 50, "width": 100, "members": 1, "expansion": 0}
SWEEPS = {
    "rows": (1000, 4000, 16000, 64000, 256000),
    "features": (10, 50, 200, 800, 3200),
    "width": (25, 100, 400, 1600),
    "members": (1, 2, 4, 8, 16, 32),
    "expansion": (50, 200, 800, 3200),
}
METHODS = {
    "ours, eigenvectors": ("rows", "features", "width", "members"),
    "ours, eigenvalues": ("rows", "features", "width", "expansion"),
    "MLPClassifier": ("rows", "features", "width"),
    "skorch": ("rows", "features", "width", "expansion"),
    "RealMLP": ("rows", "features"),
}
EPOCHS = (2, 6)


def make(method, point, n_epochs):
    """Return an estimator that trains so many epochs on batches of 200."""
    rows, width = point["rows"], point["width"]
    never = {"tol": 0.0, "n_iter_no_change": 10**6}
    if method == "MLPClassifier":
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(width, batch_size=200, max_iter=n_epochs, **never)
    if method == "RealMLP":
        from pytabkit import RealMLP_TD_Classifier

        return RealMLP_TD_Classifier(
            n_epochs=n_epochs, batch_size=200, device="cpu", n_threads=2, random_state=0
        )
    if method == "skorch":
        import torch
        from skorch import NeuralNetClassifier

        from sklearn_spectral.nn import SpectralNetwork

        network = SpectralNetwork(
            point["features"],
            10,
            width,
            linear_expansion=point["expansion"] or None,
            train_eigenvectors=not point["expansion"],
        )
        return NeuralNetClassifier(
            network,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adamax,
            max_epochs=n_epochs,
            batch_size=200,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
    from plain import PLAIN

    from sklearn_spectral import SpectralClassifier

    settings = {
        "train_eigenvectors": method == "ours, eigenvectors",
        "linear_expansion": point["expansion"] or None,
        "n_members": point["members"],
        "batch_size": min(200, rows),
        "max_iter": n_epochs,
    }
    return SpectralClassifier(width, random_state=0, **{**PLAIN, **never, **settings})


def measure(method, point):
    """Return the seconds of an epoch and the bytes that a fit took, in this process."""
    import time
    import warnings

    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((point["rows"], point["features"]), np.float32)
    y = rng.integers(0, 10, point["rows"])
    make(method, {**point, "rows": 400}, 1).fit(X[:400], y[:400])
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the most memory is counted anew
    taken = []
    for n_epochs in EPOCHS:
        times = []
        for _ in range(1 if point["rows"] > 50000 else 2):
            model = make(method, point, n_epochs)
            start = time.perf_counter()
            model.fit(X, y)
            times.append(time.perf_counter() - start)
        taken.append(min(times))
    seconds = (taken[1] - taken[0]) / (EPOCHS[1] - EPOCHS[0])
    return {"seconds": seconds, "bytes": resident("VmHWM") - before}


def resident(name):
    """Return the bytes of this process that are in memory now, or were at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {name}: this runs on Linux only.")


def law(xs, values):
    """Return a and b of ``a * x ** b`` through the last three points."""
    b, log_a = np.polyfit(np.log(xs[-3:]), np.log(values[-3:]), 1)
    return float(np.exp(log_a)), float(b)


def draw(rows, path):
    """Draw time above memory, for each sweep."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    sweeps = [name for name in SWEEPS if any(row["sweep"] == name for row in rows)]
    figure, axes = plt.subplots(
        2,
        len(sweeps),
        figsize=(3.1 * len(sweeps), 5.6),
        sharey="row",
        layout="constrained",
        squeeze=False,
    )
    colours = {name: f"C{number}" for number, name in enumerate(METHODS)}
    for column, sweep in zip(axes.T, sweeps, strict=True):
        for row in (row for row in rows if row["sweep"] == sweep):
            how = {"marker": "o", "markersize": 3, "color": colours[row["method"]]}
            column[0].loglog(row["x"], row["seconds"], label=row["method"], **how)
            megabytes = np.maximum(row["bytes"], 1e5) / 1e6
            column[1].loglog(row["x"], megabytes, **how)
        column[1].set_xlabel(sweep)
        for ax in column:
            ax.grid(alpha=0.3)
    axes[0, 0].set_ylabel("seconds of an epoch")
    axes[1, 0].set_ylabel("megabytes of a fit")
    shown = {}
    for ax in axes[0]:
        handles, labels = ax.get_legend_handles_labels()
        shown |= dict(zip(labels, handles, strict=True))
    figure.legend(shown.values(), shown.keys(), loc="outside upper center", ncols=5)
    figure.savefig(path, dpi=110)


def main():
    """Measure, print the laws, save and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SWEEPS, default=list(SWEEPS))
    parser.add_argument("--rivals", nargs="*", choices=("RealMLP",), default=[])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speed"))
    parser.add_argument("--point", help=argparse.SUPPRESS)  # of a process of this one
    options = parser.parse_args()
    if options.point:
        print("measured:", json.dumps(measure(*json.loads(options.point))))
        return
    path = options.out / "growth.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    wanted = options.rivals or [name for name in METHODS if name != "RealMLP"]
    for sweep in options.only:
        for method in wanted:
            if sweep not in METHODS[method]:
                continue
            row = {"sweep": sweep, "method": method, "x": [], "seconds": [], "bytes": []}
            for x in SWEEPS[sweep]:
                found = _in_a_process(method, {**BASE, sweep: x})
                if found is None:
                    break
                row["x"].append(x)
                for name, value in found.items():
                    row[name].append(value)
            row["law"] = law(row["x"], row["seconds"])
            print(
                f"{sweep:<10} {method:<20} "
                + "  ".join(f"{1e3 * value:8.1f} ms" for value in row["seconds"])
                + f"   ~ {sweep}^{row['law'][1]:.2f}   "
                + " ".join(f"{value / 1e6:.0f}" for value in row["bytes"])
                + " MB",
                flush=True,
            )
            rows = [r for r in rows if (r["sweep"], r["method"]) != (sweep, method)]
            rows.append(row)
            options.out.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"base": BASE, "rows": rows}, indent=1) + "\n")
    draw(rows, options.out / "growth.png")


def _in_a_process(method, point):
    """Measure in a new process; None where it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    folder = Path(__file__).resolve().parents[1]
    environment["PYTHONPATH"] = os.pathsep.join([str(folder.parent), str(folder)])
    done = subprocess.run(
        [sys.executable, __file__, "--point", json.dumps([method, point])],
        capture_output=True,
        text=True,
        env=environment,
    )
    for line in done.stdout.splitlines():
        if line.startswith("measured:"):
            return json.loads(line.removeprefix("measured:"))
    print(method, point, "failed:", done.stderr.strip().splitlines()[-1:])
    return None


if __name__ == "__main__":
    main()
