"""
Pre-training by eigenvalues
===========================

The eigenvalues are few and reach every weight, so the paper proposes them for a first
phase of training: a few epochs by eigenvalues, then all weights of the network that came of
them. ``DirectClassifier.from_spectral`` goes on from a fitted spectral estimator.
"""

# %%
# Two ways to spend thirty epochs
# -------------------------------
# ``early_stopping`` with infinite patience never stops; it records the accuracy on the
# validation data after each epoch.
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(
    X / 16, y, test_size=0.3, random_state=0, stratify=y
)
validation = {"X_val": X_val, "y_val": y_val}
watched = {
    "hidden_layer_sizes": (50,),
    "early_stopping": True,
    "scoring": "accuracy",
    "n_iter_no_change": np.inf,
    "learning_rate": "constant",
}
rate = 0.003

plain = DirectClassifier(**watched, learning_rate_init=rate, max_iter=30, random_state=0)
plain.fit(X_train, y_train, **validation)

one = {"n_members": 1, "train_eigenvectors": False, "random_state": 0}
first = SpectralClassifier(**watched, linear_expansion=200, max_iter=5, **one)
first.fit(X_train, y_train, **validation)
curves = {"all weights from the start": plain.validation_scores_}
for extended in (False, True):
    model = DirectClassifier.from_spectral(
        first, extended=extended, learning_rate_init=rate, max_iter=25
    )
    assert np.allclose(model.predict_proba(X_val), first.predict_proba(X_val))
    model.fit(X_train, y_train, **validation)
    name = "5 epochs of eigenvalues, then " + ("unfolded" if extended else "retracted")
    curves[name] = first.validation_scores_ + model.validation_scores_
    print(f"{name}: {model.n_parameters_:,} trained in the second phase")

for name, curve in curves.items():
    reached = np.flatnonzero(np.array(curve) >= 0.95)
    epoch = reached[0] + 1 if len(reached) else "more than 30"
    print(f"{name}: 95 % after {epoch} epochs, {curve[-1]:.3f} at the end")

# %%
# The picture
# -----------
figure, ax = plt.subplots(figsize=(7, 4))
for name, curve in curves.items():
    ax.plot(np.arange(1, len(curve) + 1), curve, label=name)
ax.axvline(5, color="grey", ls=":", lw=1)
ax.set_xlabel("epoch")
ax.set_ylabel("accuracy on validation data")
ax.set_title("The first five epochs train eigenvalues, or weights")
ax.legend(fontsize=8)
figure.savefig("pretraining.png", dpi=120, bbox_inches="tight")
print("Saved pretraining.png")
