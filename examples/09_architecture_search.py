"""
Growing as far as needed
========================

One square matrix A = Phi Lambda Phi^-1 on all nodes of a network can also link layers that
are not neighbours. ``SparcsNetwork`` (arXiv 2504.00885) starts there as a linear map;
training opens as many hidden nodes as the task needs, and ``trim`` leaves those.
"""

# %%
# Three tasks
# -----------
# A linear map, a product of two inputs, and a ring.
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.metrics import r2_score

from sklearn_spectral.nn import SparcsNetwork

rng = np.random.default_rng(0)
X = rng.normal(size=(2000, 4)).astype(np.float32)
radius = np.linalg.norm(X[:, :2], axis=1)
tasks = {
    "x0 - 2 x1": X[:, 0] - 2 * X[:, 1],
    "x0 x1": X[:, 0] * X[:, 1],
    "ring": np.sin(3 * radius),
}


def train(target, n_steps=2000):
    """Train all eigenvalues and eigenvectors, with a small L2 penalty on both."""
    network = SparcsNetwork(4, 1, hidden_layer_sizes=(15, 15), seed=0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    inputs, wanted = torch.from_numpy(X[:1500]), torch.from_numpy(target[:1500, None])
    for _ in range(n_steps):
        optimizer.zero_grad()
        penalty = sum(p.square().sum() for p in network.parameters())
        loss = torch.nn.functional.mse_loss(network(inputs), wanted) + 1e-4 * penalty
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


# %%
# What is left of 4-15-15-1
# -------------------------
figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained", sharey=True)
held_out = torch.from_numpy(X[1500:])
for ax, (name, target) in zip(axes, tasks.items(), strict=True):
    network = train((target / target.std()).astype(np.float32))
    trimmed = network.trim(torch.from_numpy(X[:1500]), threshold=0.02)
    with torch.no_grad():
        said = trimmed(held_out)[:, 0].numpy()
    quality = r2_score(target[1500:] / target.std(), said)
    widths = "-".join(map(str, trimmed.widths))
    print(f"{name:<10} {widths:<10} R^2 on held-out samples {quality:.3f}")
    for layer, scores in enumerate(network.node_scores(torch.from_numpy(X[:1500]))):
        ordered = np.sort(scores.numpy())[::-1]
        ax.plot(np.arange(1, 16), ordered, marker=".", label=f"hidden layer {layer + 1}")
    ax.axhline(0.02, color="grey", linewidth=0.8)
    ax.set(yscale="log", title=f"{name}: {widths} left", xlabel="node, by rank")
axes[0].set_ylabel("what a node adds that is not linear")
axes[0].set_ylim(bottom=1e-6)
axes[0].legend()
figure.savefig("architecture_search.png", dpi=120)
print("Saved architecture_search.png")
