"""Where contracting a linear stack is cheaper than passing through its layers.

Times one training step (forward, backward) of a stack N1 -> N2 -> N3 with frozen
eigenvectors, three ways: layer by layer, contracted with the weight formed, contracted
by thin products with the eigenvectors. Prints the median of several rounds, in
alternating order, each as a ratio to layer by layer, and what `LinearStack` chooses.

    python benchmarks/telescope.py --json telescope.json
"""

import argparse
import json
import platform
import statistics
import time
from itertools import pairwise
from pathlib import Path

import torch

from sklearn_spectral.nn import LinearStack, SpectralLinear, linear

SHAPES = [
    (784, 1000, 10),
    (784, 4000, 10),
    (784, 2000, 32),
    (784, 2000, 64),
    (784, 2000, 120),
    (784, 2000, 300),
    (64, 500, 100),
]
ROUNDS, STEPS = 7, 10
WAYS = {
    # name: (mode of the stack, rows up to which thin products are used)
    "layers": ("layers", 0),
    "formed": ("contract", 0),
    "thin": ("contract", 10**9),
}


def step_time(stack, x, few_rows):
    """Return the seconds of one step, averaged over a few."""
    linear.FEW_ROWS = few_rows
    start = time.perf_counter()
    for _ in range(STEPS):
        stack.zero_grad()
        stack(x).square().mean().backward()
    return (time.perf_counter() - start) / STEPS


def main():
    """Time all shapes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to save the figures")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    print(versions, f"batch {options.batch}, {options.threads} threads, float32")
    print(f"{'N1, N2, N3':>16} {'layers':>10} {'formed':>8} {'thin':>8}   chosen")
    default = linear.FEW_ROWS
    rows = []
    for widths in SHAPES:
        layers = [SpectralLinear(n_in, n_out, seed=0) for n_in, n_out in pairwise(widths)]
        stacks = {way: LinearStack(layers, mode) for way, (mode, _) in WAYS.items()}
        x = torch.randn(options.batch, widths[0])
        times = {way: [] for way in WAYS}
        for round_number in range(ROUNDS + 1):
            order = list(WAYS) if round_number % 2 else list(reversed(WAYS))
            for way in order:
                seconds = step_time(stacks[way], x, WAYS[way][1])
                if round_number:  # the first is a warm-up
                    times[way].append(seconds)
        median = {way: statistics.median(seconds) for way, seconds in times.items()}
        chosen = "layers"
        if LinearStack(layers).contracts(options.batch):
            chosen = "thin" if widths[-1] <= default else "formed"
        rows.append({"widths": widths, "seconds": median, "chosen": chosen})
        print(
            f"{widths!s:>16} {1e3 * median['layers']:>7.2f} ms "
            f"{median['formed'] / median['layers']:>8.2f} "
            f"{median['thin'] / median['layers']:>8.2f}   {chosen}",
            flush=True,
        )
    linear.FEW_ROWS = default
    if options.json:
        result = {"versions": versions, "options": vars(options) | {"json": None}}
        options.json.write_text(json.dumps(result | {"rows": rows}, indent=1))


if __name__ == "__main__":
    main()
