"""What training takes, in time and in memory, as the data and the network grow.

    python benchmarks/speed/memory.py

Random data in float32. Each point is a fit in a process of its own, whose highest resident
memory is compared with that of the same fit stopped before it trains. Four curves: rows,
width of the expansion, its depth, and batch size; beside ours, the same layers in a bare
torch loop that passes through them one by one. The slope over the width is given in bytes
per frozen eigenvector entry: 4 is one copy of them.
"""

import json
import resource
import subprocess
import sys
import time

import harness
import numpy as np

BASE = {"n_samples": 10_000, "width": 1000, "depth": 1, "batch_size": 500}
CURVES = {
    "n_samples": [2_500, 5_000, 10_000, 20_000, 40_000],
    "width": [500, 1000, 2000, 4000, 8000],
    "depth": [1, 2, 3],
    "batch_size": [50, 200, 500, 2000],
}
N_FEATURES, N_CLASSES, EPOCHS = 784, 10, 2


def measure(who, n_samples, width, depth, batch_size, train):
    """Run in a process of its own: print the seconds per epoch and the peak in bytes."""
    import rivals
    import torch

    harness.set_threads(2)
    rng = np.random.default_rng(0)
    X = rng.random((n_samples, N_FEATURES), dtype=np.float32)
    y = rng.integers(N_CLASSES, size=n_samples)
    expansion = (width,) * depth
    # All that is loaded and started at a first fit is there in any case.
    rivals.ours(X[:600], y[:600], 500, 1, hidden_layer_sizes=(), linear_expansion=50)
    start, seconds = time.perf_counter(), None
    if train and who == "ours":
        settings = {"hidden_layer_sizes": (), "linear_expansion": expansion}
        seconds = rivals.ours(X, y, batch_size, EPOCHS, **settings)
    elif train:
        widths = (N_FEATURES, *expansion, N_CLASSES)
        tensors = torch.from_numpy(X), torch.from_numpy(y)
        seconds = rivals.layer_by_layer(*tensors, widths, (), batch_size, EPOCHS)
    seconds = time.perf_counter() - start if seconds is None else seconds
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "peak": peak}))


def in_own_process(who, point, train):
    """Call `measure` in a new process and return what it prints."""
    arguments = json.dumps({"who": who, "train": train, **point})
    command = [sys.executable, __file__, "--measure", arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def point_row(curve, value, rounds):
    """Measure one point of a curve for ours and for layer by layer."""
    point = {**BASE, curve: value}
    row = {"curve": curve, "value": value}
    floor = in_own_process("ours", point, train=False)["peak"]
    for who in ("ours", "layers"):
        answers = [in_own_process(who, point, train=True) for _ in range(rounds)]
        row[who] = {
            "seconds": float(np.median([answer["seconds"] for answer in answers])),
            "bytes": float(np.median([answer["peak"] for answer in answers])) - floor,
        }
    ours, layers = row["ours"], row["layers"]
    texts = [
        f"{1e3 * one['seconds']:>8.1f} ms per epoch, {one['bytes'] / 1e6:>7.1f} MB"
        for one in (ours, layers)
    ]
    print(f"{curve:>10} = {value:>6}: ours {texts[0]}; by layers {texts[1]}", flush=True)
    return row


def bytes_per_entry(rows, who):
    """Return the slope of the memory over the frozen entries, as the width grows."""
    points = [row for row in rows if row["curve"] == "width"]
    entries = [row["value"] * (N_FEATURES + N_CLASSES) for row in points]
    return float(np.polyfit(entries, [row[who]["bytes"] for row in points], 1)[0])


def plot(rows, path):
    """Draw time and memory of each curve."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, len(CURVES), figsize=(13, 6), layout="constrained")
    for column, curve in zip(axes.T, CURVES, strict=True):
        points = [row for row in rows if row["curve"] == curve]
        for who, label in (("ours", "ours"), ("layers", "layer by layer")):
            values = [row["value"] for row in points]
            column[0].plot(
                values, [row[who]["seconds"] for row in points], "o-", label=label
            )
            column[1].plot(values, [row[who]["bytes"] / 1e6 for row in points], "o-")
        column[0].set_yscale("log")
        column[1].set_xlabel(curve.replace("_", " "))
    axes[0, 0].set_ylabel("seconds per epoch")
    axes[1, 0].set_ylabel("memory above the data, MB")
    axes[0, 0].legend()
    figure.savefig(path, dpi=110)


def main():
    """Measure all points, print the slope and save everything."""
    parser = harness.parser(__doc__, mnist=False)
    parser.add_argument("--measure", help="one fit in this process; used by the script")
    options = parser.parse_args()
    if options.measure:
        measure(**json.loads(options.measure))
        return
    rows = [
        point_row(curve, value, options.rounds)
        for curve, values in CURVES.items()
        for value in values
    ]
    slopes = {who: bytes_per_entry(rows, who) for who in ("ours", "layers")}
    for who, slope in slopes.items():
        print(f"{who}: {slope:.2f} bytes per frozen entry (float32: 4 is one copy)")
    options.out.mkdir(parents=True, exist_ok=True)
    content = {**harness.environment(2), "rounds": options.rounds, "slopes": slopes}
    text = json.dumps({**content, "rows": rows}, indent=1)
    (options.out / "memory.json").write_text(text + "\n")
    plot(rows, options.out / "memory.png")


if __name__ == "__main__":
    main()
