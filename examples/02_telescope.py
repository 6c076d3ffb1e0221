"""
The telescope: extend, train, retract
=====================================

Linear layers between two layers of a network add eigenvalues to train, and nothing to
the network that is used: a product of matrices is a matrix. The data are the digits that
scikit-learn ships.
"""

# %%
# A linear classifier, extended further and further
# -------------------------------------------------
# Each network retracts to the same 10 x 64 matrix. The rival extends too, but trains its
# weights: there the extension gives nothing.
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, random_state=0, stratify=y
)

expansions = [None, 20, 80, 200, 500, 1000]
spectral, direct, n_eigenvalues = [], [], []
for expansion in expansions:
    settings = {"linear_expansion": expansion, "max_iter": 60, "random_state": 0}
    few = {"n_members": 1, "train_eigenvectors": False}
    model = SpectralClassifier((), **settings, **few).fit(X_train, y_train)
    rival = DirectClassifier((), **settings).fit(X_train, y_train)
    spectral.append(model.score(X_test, y_test))
    direct.append(rival.score(X_test, y_test))
    n_eigenvalues.append(model.n_parameters_)
    print(
        f"{expansion or 0:5} linear nodes: {model.n_parameters_:5} trained, accuracy "
        f"{spectral[-1]:.3f}; by weights {rival.n_parameters_:6} trained, {direct[-1]:.3f}"
    )

# %%
# Extended and retracted
# ----------------------
# ``to_network()`` is the network as it was trained, ``coef_`` what is left of it.
extended = model.to_network()
print(extended)
inputs = torch.from_numpy(X_test)
by_the_extended = extended(inputs).detach().numpy()
by_the_retracted = X_test @ model.coef_.T + model.intercept_
print("largest difference:", np.abs(by_the_extended - by_the_retracted).max())

# %%
# The picture
# -----------
figure, ax = plt.subplots(figsize=(6, 4))
ax.plot(n_eigenvalues, spectral, "o-", color="tab:red", label="by eigenvalues")
ax.plot(n_eigenvalues, direct, "o-", color="black", label="by all weights")
ax.set_xlabel("trained eigenvalues and biases (red line)")
ax.set_ylabel("test accuracy")
ax.set_title("One 10 x 64 matrix, trained through wider and wider linear layers")
ax.legend()
figure.savefig("telescope.png", dpi=120, bbox_inches="tight")
print("Saved telescope.png")
