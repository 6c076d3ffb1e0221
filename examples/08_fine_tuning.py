"""
Fine-tuning by eigenvalues
==========================

A trained network meets data that have changed. Instead of all weights, the eigenvalues of
its layers can go on: a few per cent of the parameters, and the trained weights stay as
eigenvectors. ``from_direct`` converts estimators, ``spectralize`` converts torch modules.
"""

# %%
# The digits, turned
# ------------------
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.nn import spectralize, to_linear

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)


def turned(images, degrees):
    """Return the images, turned."""
    square = images.reshape(-1, 8, 8)
    return rotate(square, degrees, axes=(2, 1), reshape=False, order=1).reshape(-1, 64)


trained = MLPClassifier(200, max_iter=300, random_state=0).fit(X_train, y_train)
n_weights = sum(w.size for w in (*trained.coefs_, *trained.intercepts_))
print(f"MLPClassifier, {n_weights:,} weights: {trained.score(X_test, y_test):.3f} upright")
# %%
# Two hundred images of the new kind are all there is. Where the change is small, moving the
# eigenvalues keeps what was learnt and corrects it; where it is large, the old features are
# no better than random ones, and it is better to train anew.
few = np.random.default_rng(0).choice(len(X_train), 200, replace=False)
angles = (0, 15, 30, 45, 60, 90)
settings = {"max_iter": 100, "random_state": 0}
one = {"n_members": 1, "train_eigenvectors": False}
curves: dict[str, list[float]] = {}
for angle in angles:
    new, new_test = turned(X_train[few], angle), turned(X_test, angle)
    ways = {
        "eigenvalues alone": SpectralClassifier.from_direct(trained, **settings),
        "eigenvalues, from nothing": SpectralClassifier(
            200, linear_expansion=None, **one, **settings
        ),
        "all weights, from nothing": MLPClassifier(200, max_iter=300, random_state=0),
    }
    scores = {"as it is": trained.score(new_test, y_test)}
    for name, model in ways.items():
        scores[name] = model.fit(new, y_train[few]).score(new_test, y_test)
    for name, score in scores.items():
        curves.setdefault(name, []).append(score)
    shown = ", ".join(f"{name} {score:.3f}" for name, score in scores.items())
    print(f"turned by {angle:>2} degrees: {shown}")
n_trained = ways["eigenvalues alone"].n_parameters_
print(f"trained: {n_trained:,} of {n_weights:,}, eigenvalues and biases")

# %%
# Any torch module
# ----------------
# Which layers, and whether the rest stays frozen, is a matter of choice; ``to_linear``
# gives ordinary layers again.
torch.manual_seed(0)
module = torch.nn.Sequential(
    torch.nn.Linear(64, 200), torch.nn.ReLU(), torch.nn.Linear(200, 10)
)
options = {
    "criterion": torch.nn.CrossEntropyLoss,
    "optimizer": torch.optim.Adam,
    "max_epochs": 30,
    "train_split": None,
    "verbose": 0,
}
as_float, labels = X_train.astype(np.float32), y_train.astype(np.int64)
net = NeuralNetClassifier(module, lr=0.005, **options).fit(as_float, labels)
spectral = spectralize(net.module_, train_eigenvalues="both", freeze_others=True)
print(spectral)
new, new_test = (turned(a, 45).astype(np.float32) for a in (X_train, X_test))
tuned_net = NeuralNetClassifier(spectral, lr=0.03, **options).fit(new, labels)
print(f"torch, turned by 45: {net.score(new_test, y_test):.3f} as it is", end=", ")
print(f"{tuned_net.score(new_test, y_test):.3f} by its eigenvalues")
print(to_linear(tuned_net.module_))

# %%
# The picture
# -----------
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, values in curves.items():
    ax.plot(angles, values, marker="o", label=name)
ax.set(
    xlabel="degrees by which the digits are turned",
    ylabel="test accuracy",
    title=f"64-200-10, then {len(few)} images: {n_trained:,} of {n_weights:,} numbers move",
)
ax.legend()
figure.savefig("fine_tuning.png", dpi=120)
print("Saved fine_tuning.png")
