"""A layer as a square matrix, and the three matrices that it is the product of."""

import matplotlib.pyplot as plt
import numpy as np

N_IN, N_OUT = 5, 3
N = N_IN + N_OUT
rng = np.random.default_rng(1)
phi = rng.uniform(-1, 1, (N_OUT, N_IN))
eigenvalues = rng.uniform(0.2, 1, N) * np.repeat([1, -1], [N_IN, N_OUT])
Phi = np.eye(N)
Phi[N_IN:, :N_IN] = phi
Lambda = np.diag(eigenvalues)
matrices = {
    "A": Phi @ Lambda @ (2 * np.eye(N) - Phi),
    "Φ": Phi,
    "Λ": Lambda,
    "Φ⁻¹": 2 * np.eye(N) - Phi,
}
blocks = {"A": "W", "Φ": "φ", "Φ⁻¹": "-φ"}

figure, axes = plt.subplots(1, 4, figsize=(10, 3), layout="constrained")
for ax, (name, matrix), sign in zip(
    axes, matrices.items(), ("", "=", "·", "·"), strict=True
):
    shown = np.ma.masked_where(matrix == 0, matrix)
    ax.imshow(shown, cmap="RdBu", vmin=-1.6, vmax=1.6)
    ax.set_title(f"{name}  ({N} x {N})")
    ax.set_xticks(np.arange(-0.5, N), labels=[])
    ax.set_yticks(np.arange(-0.5, N), labels=[])
    ax.grid(color="0.85", linewidth=0.5)
    ax.tick_params(length=0)
    ax.axhline(N_IN - 0.5, color="black", linewidth=1)
    ax.axvline(N_IN - 0.5, color="black", linewidth=1)
    ax.text(-0.12, 0.5, sign, transform=ax.transAxes, fontsize=18, ha="center", va="center")
    if name in blocks:
        middle = ((N_IN - 1) / 2, N_IN + (N_OUT - 1) / 2)
        box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none"}
        ax.text(*middle, blocks[name], ha="center", va="center", fontsize=13, bbox=box)
axes[0].set_ylabel("outputs     inputs")
axes[0].set_xlabel("inputs     outputs")
