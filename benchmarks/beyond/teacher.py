"""Does a regularised student show how wide its teacher is?

    python benchmarks/beyond/teacher.py

A teacher with 20 ReLU nodes on 10 Gaussian inputs gives one number. Students of 60 and 200
nodes learn it, with eigenvalues of the nodes that layers read and all eigenvectors trained,
with and without an L2 penalty on both; nodes are then removed, without training, as long as
R^2 on held-out samples falls by no more than 0.001. As in Giambagli et al., "How a student
becomes a teacher" (2023).

Nodes are ranked and replaced in two ways: by our default (residual, compensated), and as in
that paper by what a node sends on, its mean going into the bias. A student in direct space,
trained by its weights with the same penalty, is pruned in the same ways.
"""

import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import joblib
import numpy as np
from plain import PLAIN
from results import parser, save, set_threads

from sklearn_spectral import SpectralRegressor
from sklearn_spectral.baselines import DirectRegressor
from sklearn_spectral.pruning import prune_nodes

TEACHER, STUDENTS, INPUTS, SAMPLES = 20, (60, 200), 10, 5000
ALPHA, EPOCHS, TOLERANCE = 3.0, 600, 0.001
COUNTS = (*range(1, 61),)
WAYS = {
    "default": {},
    "variance, means": {"node_score": "variance", "compensation": "mean"},
}


def lesson(seed):
    """Return inputs and what the teacher says of them, for training and for testing."""
    rng = np.random.default_rng(seed)
    weights = 2 * rng.normal(size=(TEACHER, INPUTS)) / np.sqrt(INPUTS)
    biases = rng.normal(size=TEACHER) / 2
    # None of them so small that twenty nodes are fewer in effect.
    onward = rng.choice([-1, 1], TEACHER) * rng.uniform(0.5, 1.5, TEACHER)
    X = rng.normal(size=(2 * SAMPLES, INPUTS))
    y = np.maximum(X @ weights.T + biases, 0) @ onward
    y = (y - y.mean()) / y.std()
    return X[:SAMPLES], y[:SAMPLES], X[SAMPLES:], y[SAMPLES:]


def student(kind, width, seed):
    """Return a student by its kind."""
    settings = {"max_iter": EPOCHS, "batch_size": 100, "random_state": seed}
    if kind == "direct space, penalty":
        return DirectRegressor(width, alpha=ALPHA, standardize=False, **settings)
    alpha = ALPHA if kind == "spectral, penalty" else 0.0
    return SpectralRegressor(
        width,
        train_eigenvalues="in",
        alpha=alpha,
        alpha_eigenvectors=alpha,
        **{**PLAIN, "train_eigenvectors": True, **settings},
    )


KINDS = ("spectral, penalty", "spectral", "direct space, penalty")


def run(kind, width, seed):
    """Train a student, and count the nodes that it needs."""
    warnings.simplefilter("ignore")
    set_threads(1)
    X, y, X_test, y_test = lesson(seed)
    model = student(kind, width, seed).fit(X, y)
    whole = model.score(X_test, y_test)
    if isinstance(model, DirectRegressor):
        model = SpectralRegressor.from_direct(model)
    row = {
        "kind": kind,
        "width": width,
        "seed": seed,
        "r2": whole,
        "curves": {},
        "left": {},
    }
    for way, how in WAYS.items():
        curve = [
            prune_nodes(model, X, n_nodes=n, **how).score(X_test, y_test)
            for n in COUNTS
            if n <= width
        ]
        enough = np.flatnonzero(np.array(curve) >= whole - TOLERANCE)
        row["curves"][way] = curve
        # Not the first that happens to be enough, but the last that is not.
        short = np.flatnonzero(np.array(curve) < whole - TOLERANCE)
        row["left"][way] = int(short[-1]) + 2 if len(short) else int(enough[0]) + 1
    return row


def draw(rows, path):
    """Draw the error against the number of nodes left."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(WAYS), figsize=(12, 4.5), layout="constrained", sharey=True
    )
    for ax, way in zip(axes, WAYS, strict=True):
        for colour, kind in enumerate(KINDS):
            for width, style in zip(STUDENTS, ("-", "--"), strict=True):
                curves = [
                    1 - np.array(row["curves"][way])
                    for row in rows
                    if row["kind"] == kind and row["width"] == width
                ]
                middle = np.median(curves, axis=0)
                label = f"{kind}, {width} nodes"
                ax.plot(
                    COUNTS[: len(middle)], middle, style, color=f"C{colour}", label=label
                )
        ax.axvline(TEACHER, color="black", linewidth=0.8)
        ax.text(TEACHER, 1.2, "teacher", ha="center", fontsize=8)
        ax.set(yscale="log", xlabel="nodes left", title=way)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("1 - R² on held-out samples")
    axes[0].set_ylim(top=1.0)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def main():
    """Run all students, print the counts, save them and the picture."""
    options = parser(__doc__, seeds=5).parse_args()
    rows = joblib.Parallel(n_jobs=options.jobs)(
        joblib.delayed(run)(kind, width, seed)
        for kind in KINDS
        for width in STUDENTS
        for seed in range(options.seeds)
    )
    print(f"teacher: {TEACHER} nodes; nodes left at a loss of R^2 of at most {TOLERANCE}")
    for kind in KINDS:
        for width in STUDENTS:
            mine = [row for row in rows if row["kind"] == kind and row["width"] == width]
            r2 = np.mean([row["r2"] for row in mine])
            left = {way: [row["left"][way] for row in mine] for way in WAYS}
            shown = "; ".join(
                f"{way}: {np.mean(n):.1f} {sorted(n)}" for way, n in left.items()
            )
            print(f"  {kind:<24} {width:>4} nodes, R^2 {r2:.4f}   {shown}")
    save(rows, options, "teacher")
    draw(rows, options.out / "teacher.png")


if __name__ == "__main__":
    main()
