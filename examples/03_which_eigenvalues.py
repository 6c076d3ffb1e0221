"""
Which eigenvalues to train
==========================

A layer has two sets of eigenvalues: those of the nodes that it reads (``in``) and of
those that it feeds (``out``). Training both takes twice as many parameters; training
the eigenvectors too, or one factor of them, takes more.
"""

# %%
# Every choice on the same network
# --------------------------------
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_validate

from sklearn_spectral import SpectralClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X = X / 16

choices = {
    "in": {"train_eigenvalues": "in"},
    "out": {"train_eigenvalues": "out"},
    "paper": {"train_eigenvalues": "paper"},
    "both": {"train_eigenvalues": "both"},
    "both, S-SVD": {"train_eigenvectors": "svd"},
    "both, S-QR": {"train_eigenvectors": "qr"},
    "both, all eigenvectors": {"train_eigenvectors": True},
}
results = {}
print(f"{'what trains':24}{'parameters':>12}{'accuracy, 3-fold':>18}")
for name, parameters in choices.items():
    one = {"n_members": 1, "max_iter": 50, "random_state": 0}
    parameters = {"train_eigenvectors": False, **parameters}
    model = SpectralClassifier((60,), linear_expansion=120, **one, **parameters)
    found = cross_validate(model, X, y, cv=3, return_estimator=True)
    n_parameters = found["estimator"][0].n_parameters_
    results[name] = n_parameters, found["test_score"].mean()
    print(f"{name:24}{n_parameters:12,}{results[name][1]:18.3f}")

# %%
# The picture
# -----------
figure, ax = plt.subplots(figsize=(7, 4))
for name, (n_parameters, accuracy) in results.items():
    ax.semilogx(n_parameters, accuracy, "o", label=name)
ax.set_xlabel("trained parameters")
ax.set_ylabel("accuracy, 3-fold")
ax.set_title("64-120(linear)-60-10 on the digits")
ax.legend(fontsize=8, loc="lower right")
figure.savefig("which_eigenvalues.png", dpi=120, bbox_inches="tight")
print("Saved which_eigenvalues.png")
