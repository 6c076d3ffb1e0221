"""
The distribution of the weights
===============================

Trained by its few eigenvalues, a perceptron ends with weights that are distributed much
as if all of them had been trained; trained by as many weights drawn at random, it does
not (figure 4 of the paper, which shows the first two).
"""

# %%
# Three perceptrons
# -----------------
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import wasserstein_distance
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X = X / 16

settings = {"fit_intercept": False, "max_iter": 100, "random_state": 0}
settings["standardize"] = False  # the weights of pixels as they are, as in the paper
one = {"linear_expansion": None, "n_members": 1, "train_eigenvectors": False}
spectral = SpectralClassifier((), **one, **settings).fit(X, y)
n_eigenvalues = spectral.n_parameters_
models = {
    f"{n_eigenvalues} eigenvalues": spectral,
    "all 640 weights": DirectClassifier((), **settings).fit(X, y),
    f"{n_eigenvalues} weights drawn at random": DirectClassifier(
        (), parametrization="subset", n_weights=n_eigenvalues, **settings
    ).fit(X, y),
}

# %%
# How far apart they are
# ----------------------
# The Wasserstein distance, after dividing by the standard deviation: it compares
# shapes, since the scale of the weights depends on how long a network trained.


def shape(model):
    """Return the weights that are not of a constant pixel, in standard deviations."""
    weights = model.coef_[:, X.std(axis=0) > 0].ravel()
    return weights / weights.std()


reference = shape(models["all 640 weights"])
for name, model in models.items():
    distance = wasserstein_distance(shape(model), reference)
    print(f"{name:32} accuracy {model.score(X, y):.3f}, distance {distance:.3f}")

# %%
# The picture
# -----------
figure, ax = plt.subplots(figsize=(7, 4))
bins = np.linspace(-4, 4, 41)
colours = ("tab:red", "black", "tab:blue")
for (name, model), colour in zip(models.items(), colours, strict=True):
    ax.hist(shape(model), bins, density=True, histtype="step", color=colour, label=name)
ax.set_yscale("log")
ax.set_xlabel("weight / standard deviation")
ax.set_ylabel("density")
ax.set_title("Weights of three perceptrons on the digits")
ax.legend(fontsize=8)
figure.savefig("weight_distributions.png", dpi=120, bbox_inches="tight")
print("Saved weight_distributions.png")
