"""The floors of the package: what imports from what."""

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

FLOORS = [
    (
        "ground: numpy only",
        "_layers  _retraction  _forward  _files  _init_schemes",
    ),
    ("networks: torch only", "nn/  linear  telescope  network  backprop  losses"),
    ("training: skorch", "_training  _batches  _callbacks  _checkpoints  _processes"),
    ("estimators: scikit-learn", "SpectralClassifier  SpectralRegressor  baselines"),
    ("on top", "pruning  inspection  persistence  export"),
]
figure, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
for height, (name, rooms) in enumerate(FLOORS):
    room = FancyBboxPatch((0, height), 10, 0.7, boxstyle="round,pad=0.05", alpha=0.25)
    room.set_facecolor(f"C{height}")
    ax.add_patch(room)
    ax.text(0.15, height + 0.46, name, fontsize=12, va="center", weight="bold")
    ax.text(0.15, height + 0.16, rooms, fontsize=9, va="center", family="monospace")
ax.annotate("", (10.5, 0.1), (10.5, 4.6), arrowprops={"arrowstyle": "-|>", "linewidth": 2})
ax.text(10.7, 2.3, "imports", rotation=270, va="center", fontsize=11)
ax.set(xlim=(-0.2, 11.3), ylim=(-0.2, 4.9))
ax.axis("off")
