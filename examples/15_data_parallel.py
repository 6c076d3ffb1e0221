"""
One network, several processes
==============================

``data_parallel=True`` trains one network in all processes that ``torchrun`` starts, on one
machine or on many, with or without GPUs. Each takes its part of every batch. Only the
gradient of the eigenvalues is sent; each process regrows the frozen eigenvectors from their
seed.

Run as it is, this script starts two processes of itself; or start it yourself::

    torchrun --nproc-per-node=2 examples/15_data_parallel.py
"""

# %%
# The script of each process
# --------------------------
# The parameter is all that it takes. All processes end with the same estimator, to the bit;
# the first saves it.
import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_spectral import SpectralClassifier, load, save

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)


def fit(data_parallel):
    """Fit one network, alone or with the others."""
    model = SpectralClassifier(
        50,
        linear_expansion=500,
        train_eigenvectors=False,
        n_members=1,
        max_iter=60,
        random_state=0,
        data_parallel=data_parallel,
    )
    return model.fit(X_train, y_train)


if "RANK" in os.environ:  # one of the processes of torchrun
    model = fit(data_parallel=True)
    if os.environ["RANK"] == "0":
        save(model, "data_parallel.safetensors")
        Path("data_parallel.json").write_text(json.dumps(model.loss_curve_))
    sys.exit()

# %%
# Two processes beside one
# ------------------------
# The loss curves are equal but for rounding, since the batches are the same.
subprocess.run(
    [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", "2", sys.argv[0]),
    ],
    check=True,
    env={**os.environ, "OMP_NUM_THREADS": "1"},
)
together = load("data_parallel.safetensors")
losses = np.array(json.loads(Path("data_parallel.json").read_text()))
alone = fit(data_parallel=False)
gap = np.abs(losses / alone.loss_curve_ - 1).max()
n_weights = 64 * 500 + 500 * 50 + 50 * 10 + 500 + 50 + 10
print(f"largest relative difference of the losses: {gap:.1e}")
print(f"accuracy: {together.score(X_test, y_test):.4f}, {alone.score(X_test, y_test):.4f}")
print(f"numbers sent per step: {together.n_parameters_:,}; with all weights {n_weights:,}")

# %%
# What it looks like
# ------------------
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.plot(alone.loss_curve_, linewidth=4, alpha=0.4, label="one process")
left.plot(losses, "k--", linewidth=1, label="two processes")
left.set(xlabel="epoch", ylabel="training loss", yscale="log")
left.legend()
bars = right.barh(
    ["all weights", "eigenvalues"], [n_weights, together.n_parameters_], color=["C1", "C0"]
)
right.bar_label(bars, [f"{n_weights:,}", f"{together.n_parameters_:,}"], padding=4)
right.set(xlabel="numbers sent in a step", xlim=(0, 1.25 * n_weights))
right.set_xticks([0, 20_000, 40_000, 60_000])
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
figure.savefig("data_parallel.png", dpi=120)
print("Saved data_parallel.png")
