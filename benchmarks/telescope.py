"""Whether the telescope's plan chooses well.

Times one training step (forward, backward) of a stack N1 -> N2 -> N3 by autograd, by each
strategy that is open to it: layer by layer, by the retracted matrix with its weights
formed, and in closed form. Prints the median of several rounds, in alternating order, each
as a ratio to layer by layer; what the plan counts, likewise; and what it chooses.

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

from sklearn_spectral.nn import LinearStack, SpectralLinear

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
STRATEGIES = ("layers", "contract", "closed_form")


def step_time(stack, x):
    """Return the seconds of one step, averaged over a few."""
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
    print(
        f"{'N1, N2, N3':>16} {'layers':>10}  measured and (counted) ratios to it   chosen"
    )
    rows = []
    for widths in SHAPES:
        layers = [SpectralLinear(n_in, n_out, seed=0) for n_in, n_out in pairwise(widths)]
        stacks = {strategy: LinearStack(layers, strategy) for strategy in STRATEGIES}
        x = torch.randn(options.batch, widths[0])
        times = {strategy: [] for strategy in STRATEGIES}
        for round_number in range(ROUNDS + 1):
            for strategy in STRATEGIES if round_number % 2 else reversed(STRATEGIES):
                seconds = step_time(stacks[strategy], x)
                if round_number:  # the first is a warm-up
                    times[strategy].append(seconds)
        median = {
            strategy: statistics.median(seconds) for strategy, seconds in times.items()
        }
        plan = LinearStack(layers).plan(options.batch, into_input=False)
        counts = plan.multiplications
        rows.append(
            {"widths": widths, "seconds": median, "counts": counts, "chosen": plan.strategy}
        )
        ratios = "  ".join(
            f"{strategy} {median[strategy] / median['layers']:.2f} "
            f"({counts[strategy] / counts['layers']:.2f})"
            for strategy in STRATEGIES[1:]
        )
        print(
            f"{widths!s:>16} {1e3 * median['layers']:>7.2f} ms  {ratios}   {plan.strategy}",
            flush=True,
        )
    if options.json:
        result = {"versions": versions, "options": vars(options) | {"json": None}}
        options.json.write_text(json.dumps(result | {"rows": rows}, indent=1))


if __name__ == "__main__":
    main()
