"""What a batch gains by passing a Kronecker layer as grids, without its matrix.

Times one training step (forward, backward) of a layer of 784 inputs for each width and
rank, as grids and by the matrix, in alternating order. Prints the median of several
rounds, their ratio, and what the layer chooses.

    python benchmarks/kronecker_speed.py --json kronecker.json
"""

import argparse
import json
import platform
import statistics
from pathlib import Path
from unittest.mock import patch

import torch
from telescope import step_time

from sklearn_spectral.nn import SpectralLinear
from sklearn_spectral.spec.parametrizations.kronecker import Kronecker

CASES = [(81, 1), (289, 1), (576, 1), (1024, 1), (361, 2), (1024, 2), (441, 4), (1024, 4)]
ROUNDS = 9
CHOICES = {"grids": 1, "matrix": None}


def time_one_way(layer, x, cost):
    """Return the seconds of one step, as grids or by the matrix."""
    with patch.object(Kronecker, "grids_cost", lambda *_: cost):
        return step_time(layer, x)


def main():
    """Time all cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where to save the figures")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    print(versions, f"batch {options.batch}, {options.threads} threads, float32")
    print("nodes  rank   grids  matrix  matrix/grids  chosen")
    rows = []
    for n_nodes, rank in CASES:
        layer = SpectralLinear(
            784,
            n_nodes,
            train_eigenvalues="out",
            train_eigenvectors="kronecker",
            rank=rank,
            seed=0,
        )
        x = torch.rand(options.batch, 784)
        for cost in CHOICES.values():
            time_one_way(layer, x, cost)
        found = {name: [] for name in CHOICES}
        for _ in range(ROUNDS):
            for name, cost in CHOICES.items():
                found[name].append(time_one_way(layer, x, cost))
        grids, matrix = (1e3 * statistics.median(found[name]) for name in CHOICES)
        chosen = layer.form.parametrization.grids_cost(options.batch, False)
        name = "matrix" if chosen is None else "grids"
        print(
            f"{n_nodes:5d} {rank:5d} {grids:5.2f} ms {matrix:5.2f} ms {matrix / grids:9.1f}"
            f"      {name}"
        )
        row = {"nodes": n_nodes, "rank": rank, "grids_ms": grids, "matrix_ms": matrix}
        rows.append({**row, "ratio": matrix / grids, "chosen": name})
    if options.json:
        about = {"versions": versions, "batch": options.batch, "rows": rows}
        options.json.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
