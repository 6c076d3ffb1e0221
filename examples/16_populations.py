"""
Sixteen networks in one fit
===========================

The members of a population share eigenvectors and differ in eigenvalues. Each leaves out
some rows, which the others use, so that no row is lost. The mean of all members is one
ordinary network, which can be pruned to a small one.
"""

# %%
# A population beside a single network
# ------------------------------------
# ``early_stopping="oob"`` ends training where the members' predictions of rows that they
# were not trained on are best. ``oob_score_`` is their accuracy: no validation data needed.
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklearn_spectral import SpectralClassifier, save
from sklearn_spectral.inspection import MemberDiversityDisplay
from sklearn_spectral.pruning import prune_nodes

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0)

one = {"n_members": 1, "train_eigenvectors": False, "max_iter": 100, "random_state": 0}
single = SpectralClassifier(30, **one).fit(X_train, y_train)
population = SpectralClassifier(
    30,
    n_members=16,
    bag_fraction=7 / 8,
    early_stopping="oob",
    learning_rate_init=0.1,
    train_eigenvectors=False,
    linear_expansion=None,
    random_state=0,
).fit(X_train, y_train)
for name, model in {"single": single, "population": population}.items():
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(f"{name:<12}{model.score(X_test, y_test):.3f} accuracy, log loss {loss:.3f}")
print(f"out of bag: {population.oob_score_:.3f}, after {population.n_iter_} epochs")

# %%
# All members retract to one network
# ----------------------------------
# It has the hidden nodes of all of them. numpy alone predicts with it.
first, last = population.coefs_
print("weights:", first.shape, last.shape)
hidden = np.maximum(X_test @ first + population.intercepts_[0], 0)
logits = (hidden @ last + population.intercepts_[1])[:, 0]
print("the same:", np.allclose(expit(logits), population.predict_proba(X_test)[:, 1]))

# %%
# How much they differ
# --------------------
# On the left a point for each two members: how often they differ, and how often they err.
# On the right the loss of the mean of the first members, as more are added.
figure, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
MemberDiversityDisplay.from_estimator(population, X_test, y_test, ax=axes[0])
axes[0].set_title("pairs of members, test data")
members = population.member_decision_function(X_test)
counts = np.arange(1, len(members) + 1)
means = np.cumsum(members, axis=0) / counts[:, None]
axes[1].plot(counts, [log_loss(y_test, expit(mean)) for mean in means], marker=".")
axes[1].set(title="mean of the first members", xlabel="members", ylabel="test log loss")
figure.savefig("populations.png", dpi=120)
print("Saved populations.png")

# %%
# Pruned to a small network
# -------------------------
# The nodes of all members are ranked together. The weights of those that are kept are
# corrected for those that are removed.
small = prune_nodes(population, X_train, n_nodes=20)
print(f"{small.architecture_}: {small.score(X_test, y_test):.3f} accuracy")
with tempfile.TemporaryDirectory() as folder:
    for name, model in {"population": population, "pruned": small}.items():
        path = Path(folder, f"{name}.safetensors")
        save(model, path, compact=model is small)
        print(f"{name:<12}{path.stat().st_size:>8,} bytes")
