"""What memory the training of a population takes above the data, as members are added.

    python benchmarks/populations/memory.py --rounds 3

784-2000-10 on 5,000 made rows of float32, batches of 200, one thread. Each point is a fit
in a process of its own, whose highest resident memory is compared with that of the same
process before it trains. The slope over the members is given in bytes, beside what a member
owns: eigenvalues and biases, their gradient, and Adamax's two numbers for each; what is
above that are a batch's activations and weights while they are computed.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "speed"))

import harness
import numpy as np

WIDTHS = 784, 2000, 10
N_ROWS, BATCH_SIZE, EPOCHS = 5_000, 200, 2
MEMBERS = (1, 2, 4, 8, 16, 32)
WAYS = {"eigenvalues": {}, "eigenvectors too": {"train_eigenvectors": True}}


def measure(way: str, n_members: int, train: bool) -> None:
    """Run in a process of its own: print the peak in bytes."""
    import rivals

    harness.set_threads(1)
    rng = np.random.default_rng(0)
    X = rng.random((N_ROWS, WIDTHS[0]), dtype=np.float32)
    y = rng.integers(WIDTHS[-1], size=N_ROWS)
    settings = {"linear_expansion": None, "learning_rate": "constant", "device": "cpu"}
    # All that is loaded and started at a first fit is there in any case.
    few = {**settings, "hidden_layer_sizes": 20, "n_members": n_members}
    rivals.ours(X[:600], y[:600], BATCH_SIZE, 1, **few)
    if train:
        many = {**few, "hidden_layer_sizes": WIDTHS[1], **WAYS[way]}
        rivals.ours(X, y, BATCH_SIZE, EPOCHS, **many)
    print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def in_own_process(*arguments: object) -> int:
    """Call `measure` in a new process and return what it prints."""
    command = [sys.executable, __file__, "--measure", json.dumps(arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(answer.stdout.splitlines()[-1])


def owned() -> int:
    """Return the bytes that one member owns while Adamax trains it."""
    n_in, hidden, n_out = WIDTHS
    numbers = (n_in + 2 * hidden) + (hidden + 2 * n_out)  # eigenvalues and biases
    return 4 * 4 * numbers


def main() -> None:
    """Measure all points, print the slopes and save everything."""
    parser = harness.parser(__doc__, mnist=False)
    parser.add_argument("--measure", help="one fit in this process; used by the script")
    parser.set_defaults(out=Path("benchmarks/results/populations"))
    options = parser.parse_args()
    if options.measure:
        measure(*json.loads(options.measure))
        return
    phi = 4 * WIDTHS[1] * (WIDTHS[0] + WIDTHS[2])
    print(f"eigenvectors: {phi / 1e6:.1f} MB; a member owns {owned() / 1e3:.0f} kB")
    rows, slopes = [], {}
    for way in WAYS:
        for n_members in MEMBERS:
            peaks = [
                in_own_process(way, n_members, True) - in_own_process(way, n_members, False)
                for _ in range(options.rounds)
            ]
            above = float(np.median(peaks))
            rows.append({"trains": way, "n_members": n_members, "bytes": above})
            print(f"{way:>16}, {n_members:>2} members: {above / 1e6:>7.1f} MB", flush=True)
        mine = [row["bytes"] for row in rows if row["trains"] == way]
        slopes[way] = float(np.polyfit(MEMBERS, mine, 1)[0])
        print(f"{way:>16}: {slopes[way] / 1e3:.0f} kB per member")
    options.out.mkdir(parents=True, exist_ok=True)
    content = {**harness.environment(1), "rounds": options.rounds, "phi": phi}
    content |= {"owned": owned(), "slopes": slopes, "rows": rows}
    (options.out / "memory.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
