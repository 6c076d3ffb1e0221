"""Two processes beside one: the same network, what travels, and what it costs.

    python benchmarks/scale/data_parallel.py --mnist mnist.npz

784-2000(linear)-120-10 by eigenvalues and biases alone, ``data_parallel=True`` over gloo
with one thread per process, beside the same layers trained by all their weights in torch's
own DistributedDataParallel. Bytes are those that the loopback interface counts, per step
and process.

The loss curves of 5 epochs are compared in float64, in float32, and in float32 with tanh
instead of ReLU: a sum in another order may put an input of a ReLU on the other side of
zero, and from there on the two go different ways.

Then a plain model of the time of a step,

    t(p) = a + b B / p + allreduce(bytes, p),

with a and b from fits of one process at several batch sizes and the last from a loop of
reductions alone, is compared with what two processes take, and extrapolated.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "trust"))

import numpy as np
import torch
from plain import PLAIN
from results import parser, save, set_threads
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.datasets import load_mnist

HIDDEN, EXPANSION, BATCH = 120, 2000, 500
N_TRAINED = (784 + 2000) + (2000 + 120) + (120 + 10) + (2000 + 120 + 10)  # with biases
BATCHES = (250, 500, 1000, 2000, 4000)
N_REDUCTIONS = 300
CURVES = {
    "float64, relu": ("float64", "relu"),
    "float32, tanh": ("float32", "tanh"),
    "float32, relu": ("float32", "relu"),
}
GOAL = 1e-5

# An assumed network, for the extrapolation: 10 Gb/s, 50 microseconds a message.
BANDWIDTH, LATENCY = 10e9 / 8, 50e-6


def travelled():
    """Return the bytes that went over the loopback interface so far."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "lo":
            return int(numbers.split()[0])
    raise RuntimeError("There is no loopback interface to count on.")


def fit_spectral(
    images, n_rows, batch_size, epochs, together, dtype="float32", activation="relu"
):
    """Train ours; return seconds per step, bytes per step and process, the losses."""
    X, y = images.X_train[:n_rows].astype(dtype), images.y_train[:n_rows]
    model = SpectralClassifier(
        HIDDEN,
        activation=activation,
        linear_expansion=EXPANSION,
        batch_size=batch_size,
        random_state=0,
        data_parallel=together,
        **{**PLAIN, "max_iter": epochs, "n_iter_no_change": np.inf},
    )
    model.fit(X[:batch_size], y[:batch_size])
    waited, before = _together(together), travelled()
    start = time.perf_counter()
    model.fit(X, y)
    seconds, after = time.perf_counter() - start, travelled()
    n_steps = epochs * -(-n_rows // batch_size)
    return {
        "ms_per_step": 1000 * seconds / n_steps,
        "bytes_per_step": (after - before) / n_steps / waited,
        "n_trained": model.n_parameters_,
        "losses": model.loss_curve_,
    }


def fit_direct(images, n_rows, batch_size, epochs):
    """Train the same layers by all their weights, in torch's own wrapper."""
    torch.manual_seed(0)
    widths = (784, EXPANSION, HIDDEN, 10)
    layers = [torch.nn.Linear(*pair) for pair in itertools.pairwise(widths)]
    network = torch.nn.Sequential(*layers[:2], torch.nn.ReLU(), layers[2])
    wrapped = DistributedDataParallel(network)
    optimizer = torch.optim.Adamax(network.parameters(), lr=0.003)
    own = slice(dist.get_rank(), None, dist.get_world_size())
    X = torch.from_numpy(images.X_train[:n_rows])
    y = torch.from_numpy(images.y_train[:n_rows])
    generator = torch.Generator().manual_seed(0)

    def step(rows):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(wrapped(X[rows][own]), y[rows][own]).backward()
        optimizer.step()

    step(torch.arange(batch_size))
    _together(True)
    before, start = travelled(), time.perf_counter()
    for _ in range(epochs):
        for rows in torch.randperm(n_rows, generator=generator).split(batch_size):
            step(rows)
    _together(True)
    n_steps = epochs * -(-n_rows // batch_size)
    return {
        "ms_per_step": 1000 * (time.perf_counter() - start) / n_steps,
        "bytes_per_step": (travelled() - before) / n_steps / dist.get_world_size(),
        "n_trained": sum(p.numel() for p in network.parameters()),
    }


def reduce_alone(n_numbers):
    """Return seconds per all-reduce of so many float32 numbers."""
    values = torch.zeros(n_numbers)
    for _ in range(10):
        dist.all_reduce(values)
    start = time.perf_counter()
    for _ in range(N_REDUCTIONS):
        dist.all_reduce(values)
    return (time.perf_counter() - start) / N_REDUCTIONS


def _together(together):
    """Wait for the others; return how many processes there are."""
    if not together:
        return 1
    dist.barrier()
    return dist.get_world_size()


def measure(options):
    """Run as one of the processes; the first prints what it measured."""
    set_threads(1)
    warnings.simplefilter("ignore")
    images, together = load_mnist(options.mnist), "RANK" in os.environ
    told = {}
    if together:
        dist.init_process_group("gloo")
    if options.curves:
        told["curves"] = {
            name: fit_spectral(images, 60_000, BATCH, 5, together, *kind)
            for name, kind in CURVES.items()
        }
    told["batches"] = {
        size: fit_spectral(images, 40 * size if size < 1500 else 60_000, size, 1, together)[
            "ms_per_step"
        ]
        for size in BATCHES
    }
    if together:
        told["direct"] = fit_direct(images, 10_000, BATCH, 1)
        told["reduce"] = reduce_alone(N_TRAINED)
        told["reduce_direct"] = reduce_alone(told["direct"]["n_trained"])
    if not together or dist.get_rank() == 0:
        Path(options.child).write_text(json.dumps(told))
    if together:
        dist.barrier()  # or one that leaves early may abort at its exit
        dist.destroy_process_group()


def in_processes(n, options, curves):
    """Run `measure` in so many processes."""
    out = options.out / f"told.{n}"
    command = [sys.executable]
    if n > 1:
        command += [
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            f"{n}",
        ]
    command += [__file__, "--mnist", str(options.mnist), "--child", str(out)]
    command += ["--curves"] * curves
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    subprocess.run(command, check=True, env=environment)
    told = json.loads(out.read_text())
    out.unlink()
    return told


def extrapolate(a, b, n_numbers, p):
    """Return the milliseconds of a step of p machines by the model."""
    reduction = 2 * (p - 1) * (LATENCY + 4 * n_numbers / p / BANDWIDTH)
    return a + b * BATCHES[-1] / p + 1000 * reduction


def main():
    options = parser(__doc__)
    options.set_defaults(out=Path("benchmarks/results/scale"))
    options.add_argument("--mnist", type=Path, required=True, help="mnist.npz")
    options.add_argument("--rounds", type=int, default=3, help="median of so many")
    options.add_argument("--child", help=argparse.SUPPRESS)
    options.add_argument("--curves", action="store_true", help=argparse.SUPPRESS)
    options = options.parse_args()
    if options.child:
        measure(options)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    rounds = [
        tuple(in_processes(n, options, curves=not number) for n in (1, 2))
        for number in range(options.rounds)
    ]
    one, two = (told["curves"] for told in rounds[0])
    gaps = {
        name: np.abs(np.divide(two[name]["losses"], one[name]["losses"]) - 1).tolist()
        for name in CURVES
    }
    for name, gap in gaps.items():
        print(f"{name}: relative differences of the loss", *(f"{x:.1e}" for x in gap))
    print(f"    goal {GOAL}: " + ("reached" if max(gaps["float64, relu"]) < GOAL else "NO"))
    one, two = one["float32, relu"], {**rounds[0][1], "curve": two["float32, relu"]}
    assert two["curve"]["n_trained"] == N_TRAINED
    ours, direct = two["curve"]["bytes_per_step"], two["direct"]["bytes_per_step"]
    for name, told, sent in [
        ("spectral", two["curve"], ours),
        ("direct", two["direct"], direct),
    ]:
        print(
            f"{name:<9} {told['n_trained']:>9,} trained numbers, {sent:12,.0f} bytes per "
            f"step and process ({sent / told['n_trained']:.2f} per number)"
        )
    print(f"1 / {direct / ours:.0f} of the bytes")

    def median(pick):
        return float(np.median([pick(*pair) for pair in rounds]))

    alone = [median(lambda o, _, s=str(size): o["batches"][s]) for size in BATCHES]
    both = [median(lambda _, t, s=str(size): t["batches"][s]) for size in BATCHES]
    b, a = np.polyfit(BATCHES, alone, 1)
    reduction = 1000 * median(lambda _, t: t["reduce"])
    print(
        f"one process: {a:.2f} ms + {1000 * b:.2f} us a row; a reduction {reduction:.2f} ms"
    )
    rows = []
    for size, t1, t2 in zip(BATCHES, alone, both, strict=True):
        model = a + b * size / 2 + reduction
        rows.append({"batch": size, "one": t1, "two": t2, "model_of_two": model})
        print(
            f"batch {size:>5}: one {t1:6.2f} ms, two {t2:6.2f} ms a step ({t1 / t2:.2f} x "
            f"faster), model of two {model:6.2f} ms ({model / t2:.2f})"
        )
    extrapolated = {
        p: {
            "spectral": extrapolate(a, b, N_TRAINED, p),
            "direct": extrapolate(a, b, two["direct"]["n_trained"], p),
        }
        for p in (1, 2, 4, 8, 16, 64)
    }
    print(
        f"extrapolated, batch {BATCHES[-1]}, 10 Gb/s and 50 us between machines (assumed):"
    )
    for p, each in extrapolated.items():
        print(
            f"  {p:>3} machines: {each['spectral']:7.2f} ms a step, with as many bytes as "
            f"direct space {each['direct']:7.2f} ms"
        )
    figures = {
        "loss_curve_gaps": gaps,
        "curves": [one, two["curve"]],
        "direct": two["direct"],
        "bytes_ratio": direct / ours,
        "fixed_ms": a,
        "us_per_row": 1000 * b,
        "reduction_ms": reduction,
        "reduction_direct_ms": 1000 * median(lambda _, t: t["reduce_direct"]),
        "batches": rows,
        "extrapolated_ms": extrapolated,
    }
    save(figures, options.out, "data_parallel")


if __name__ == "__main__":
    main()
