"""The floors of the package, as pyproject.toml has them: what imports from what."""

import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

above = (Path.cwd() / "here").parents
root = next(folder for folder in above if (folder / "pyproject.toml").exists())
with open(root / "pyproject.toml", "rb") as file:
    contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
floors = next(each["layers"] for each in contracts if each["type"] == "layers")
figure, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
for height, rooms in enumerate(reversed(floors)):
    names = rooms.split(" | ")
    for place, name in enumerate(names):
        left, width = 10 * place / len(names), 10 / len(names) - 0.3
        style = "round,pad=0.03"
        box = FancyBboxPatch((left, height), width, 0.6, boxstyle=style, alpha=0.25)
        box.set_facecolor(f"C{height}")
        ax.add_patch(box)
        ax.text(left + 0.2, height + 0.3, name, va="center", family="monospace")
top = len(floors)
ax.annotate("", (10.2, 0.1), (10.2, top - 0.3), arrowprops={"arrowstyle": "-|>"})
ax.text(10.4, top / 2, "imports", rotation=270, va="center", fontsize=11)
ax.set(xlim=(-0.2, 11), ylim=(-0.2, top))
ax.axis("off")
