"""
Pruning that shrinks
====================

Hidden nodes can be ranked and removed. What is left is a smaller network, not a mask: fewer
weights to store and to multiply. ``SpectralPruner`` trains and prunes inside scikit-learn;
``prune_nodes`` takes a fitted network.
"""

# %%
# After training
# --------------
# By default nodes are removed one at a time, always the one whose output the others can
# best reproduce; their outgoing weights are then corrected for it. Removing half of the 200
# nodes hardly changes the score.
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.inspection import PruningDisplay
from sklearn_spectral.pruning import SpectralPruner, prune_nodes

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)
wide = SpectralClassifier(200, n_members=1, max_iter=30, random_state=0)
wide.fit(X_train, y_train)
print(f"{wide.architecture_}: {wide.score(X_test, y_test):.3f}")
for fraction in (0.5, 0.75, 0.9):
    small = prune_nodes(wide, X_train, fraction=fraction)
    print(f"{small.architecture_}: {small.score(X_test, y_test):.3f}")

figure, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
PruningDisplay.from_estimator(wide, X_test, y_test, X_rank=X_train, ax=axes[0])
axes[0].set(title="Digits, 200 nodes, no training after removal", ylabel="test accuracy")

# %%
# Before and during training
# --------------------------
# ``pre`` trains the eigenvalues, removes nodes and then trains all of the small network;
# ``gradual`` removes them in steps. How many to remove is a parameter like any other, or
# follows from the loss of score that you accept.
for strategy in ("post", "pre", "gradual"):
    pruner = SpectralPruner(wide, strategy=strategy, n_nodes=12).fit(X_train, y_train)
    print(f"{strategy:<8} 12 nodes: {pruner.score(X_test, y_test):.3f}")
pruner = SpectralPruner(wide, max_score_loss=0.01, random_state=0).fit(X_train, y_train)
print(f"at most 1 % of validation accuracy lost: {pruner.n_nodes_[0]} nodes left")

search = GridSearchCV(
    make_pipeline(MinMaxScaler(), SpectralPruner(wide, strategy="pre")),
    {"spectralpruner__n_nodes": [5, 10, 20, 40]},
    cv=3,
).fit(X_train, y_train)
for n_nodes, score in zip(
    search.cv_results_["param_spectralpruner__n_nodes"],
    search.cv_results_["mean_test_score"],
    strict=True,
):
    print(f"cross-validated with {n_nodes:>2} nodes: {score:.3f}")

# %%
# How wide is the task?
# ---------------------
# A teacher with six ReLU nodes, a student with sixty. An L2 penalty on eigenvalues and
# eigenvectors makes whole nodes vanish: a node's weights are products of the two, and the
# penalty prefers a few large products to many small ones.
rng = np.random.default_rng(0)
inputs = rng.normal(size=(3000, 5))
said = np.maximum(inputs @ rng.normal(size=(5, 6)), 0) @ rng.choice([-1.0, 1.0], 6)
said /= said.std()
counts = np.arange(1, 31)
for alpha in (0.0, 3.0):
    student = SpectralRegressor(
        60,
        train_eigenvalues="in",
        n_members=1,
        alpha=alpha,
        alpha_eigenvectors=alpha,
        max_iter=400,
        batch_size=100,
        random_state=0,
    ).fit(inputs[:2000], said[:2000])
    errors = [
        1
        - prune_nodes(
            student, inputs[:2000], n_nodes=n, node_score="variance", compensation="mean"
        ).score(inputs[2000:], said[2000:])
        for n in counts
    ]
    axes[1].semilogy(counts, errors, marker=".", label=f"alpha = {alpha:g}")
axes[1].axvline(6, color="grey", linewidth=0.8)
axes[1].set(
    title="A student of 60 nodes; its teacher has 6",
    xlabel="nodes left (ranked by variance, means)",
    ylabel="1 - R² on held-out samples",
)
axes[1].legend()
figure.savefig("pruning.png", dpi=120)
print("Saved pruning.png")
