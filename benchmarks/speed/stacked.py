"""What a step of several fits costs if all are one: the least a stacked search can take.

A step of one hidden layer by hand: both ways through the layers, gradients of eigenvalues
and eigenvectors, and Adamax on one vector. Each fit has its own eigenvectors and batch.
Told are milliseconds of a step for each fit, beside a single fit in the same run; medians.
"""

import argparse
import json
import statistics
from pathlib import Path

import harness
import torch

OUT = Path("benchmarks/results/speed/stacked.json")
COUNTS = (1, 5, 20, 60)
SHAPES = ((64, 10), (64, 30), (200, 60))  # rows of a batch, features
N_HIDDEN, N_OUT = 100, 3


def step_of(n_fits, n_members, n_rows, n_in, dtype):
    """Return a function that takes one step of all fits."""
    torch.manual_seed(0)

    def drawn(*shape):
        return torch.randn(n_fits, *shape, dtype=dtype)

    widths = ((n_in, N_HIDDEN), (N_HIDDEN, N_OUT))
    phi = [drawn(n_out, n_before) for n_before, n_out in widths]
    inner = [drawn(n_members, 1, n_before) for n_before, _ in widths]
    outer = [drawn(n_members, n_out, 1) for _, n_out in widths]
    bias, rows = drawn(n_members, N_HIDDEN, 1), drawn(n_rows, n_in)
    target = drawn(1, N_OUT, n_rows)
    trained = sum(values.numel() for values in (*phi, *inner, *outer, bias))
    vector, gradient = (torch.randn(trained, dtype=dtype) for _ in range(2))
    mean, largest = torch.zeros_like(vector), torch.zeros_like(vector)
    flat = n_fits * n_members

    def weight(layer):
        gains = inner[layer] - outer[layer]
        return gains, gains * phi[layer][:, None]

    def eigen_gradients(layer, gains, d_weight):
        (gains * d_weight).sum(1)
        scaled = d_weight * phi[layer][:, None]
        scaled.sum(2)
        scaled.sum(3)

    def step():
        gains_0, first = weight(0)
        stacked = first.reshape(n_fits, n_members * N_HIDDEN, n_in)
        hidden = torch.bmm(stacked, rows.mT).view(n_fits, n_members, N_HIDDEN, n_rows)
        hidden = torch.relu_(hidden + bias)
        gains_1, last = weight(1)
        last, hidden = last.reshape(flat, N_OUT, N_HIDDEN), hidden.view(flat, N_HIDDEN, -1)
        output = torch.bmm(last, hidden).view(n_fits, n_members, N_OUT, n_rows)
        d_output = ((output - target) / n_rows).view(flat, N_OUT, n_rows)
        d_last = torch.bmm(d_output, hidden.mT).view(gains_1.shape)
        d_hidden = torch.bmm(last.mT, d_output).mul_(hidden > 0)
        d_hidden.sum(-1)
        by_fit = d_hidden.view(n_fits, n_members * N_HIDDEN, n_rows)
        d_first = torch.bmm(by_fit, rows).view(gains_0.shape)
        eigen_gradients(0, gains_0, d_first)
        eigen_gradients(1, gains_1, d_last)
        mean.lerp_(gradient, 0.1)
        torch.maximum(largest.mul_(0.999), gradient.abs().add_(1e-8), out=largest)
        vector.addcdiv_(mean, largest, value=-0.01)

    return step


def milliseconds(step, n_steps=20):
    """Return the median of a few times of a step."""
    return 1e3 * statistics.median(harness.latencies(step, n_steps))


def main():
    """Measure, print a table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = []
    print(
        "| members | rows x features | type | " + " | ".join(map(str, COUNTS)) + " fits |"
    )
    print("|---|---|---|" + "---|" * len(COUNTS))
    with torch.no_grad():
        for n_members in (1, 8):
            for n_rows, n_in in SHAPES:
                for dtype in (torch.float32, torch.float64):
                    times = [
                        milliseconds(step_of(n, n_members, n_rows, n_in, dtype)) / n
                        for n in COUNTS
                    ]
                    name = str(dtype).removeprefix("torch.")
                    shape = f"{n_rows} x {n_in}"
                    shown = " | ".join(f"{each:.3f}" for each in times)
                    print(f"| {n_members} | {shape} | {name} | {shown} |", flush=True)
                    row = {"members": n_members, "shape": shape, "type": name}
                    found.append(row | dict(zip(map(str, COUNTS), times, strict=True)))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    told = {"threads": options.threads, "torch": torch.__version__, "rows": found}
    options.out.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
