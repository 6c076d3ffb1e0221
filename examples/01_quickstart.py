"""
Quickstart: handwritten digits
==============================

Search over networks, compare the best with other classifiers, draw what was learnt, save
the model and use it in another process. The data are the 1,797 digits of scikit-learn.
"""

# %%
# The data, and a network
# -----------------------
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, random_state=0, stratify=y
)

network = SpectralClassifier(random_state=0)

# %%
# A search over the network
# -------------------------
# One network trained by its eigenvalues alone, or a population of eight with eigenvectors;
# a linear classifier or one hidden layer; and which rows training stops by: some that are
# held out ("auto", for data of this size), or those that members leave out ("oob").
eigenvalues = {
    "n_members": [1],
    "train_eigenvectors": [False],
    "hidden_layer_sizes": [(), (100,)],
}
population = {"early_stopping": ["auto", "oob"], "hidden_layer_sizes": [(), (100,)]}
search = GridSearchCV(network, [eigenvalues, population], cv=3, n_jobs=2, verbose=1)
search.fit(X_train, y_train)

for parameters, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(
        f"{score:.4f}", ", ".join(f"{name}={value}" for name, value in parameters.items())
    )

# %%
# Training with a progress bar
# ----------------------------
# The best of the search, and the small networks that train eigenvalues only.
print()
best = search.best_estimator_.set_params(verbose=1)
best.fit(X_train, y_train)

few = {"n_members": 1, "train_eigenvectors": False, "max_iter": 100, "random_state": 0}

rivals = {
    "spectral, best of the search": best,
    "spectral, linear, eigenvalues": SpectralClassifier((), linear_expansion=500, **few),
    "spectral, 100 ReLU, eigenvalues": SpectralClassifier(linear_expansion=500, **few),
    "MLPClassifier": make_pipeline(
        StandardScaler(), MLPClassifier(max_iter=200, random_state=0)
    ),
    "LogisticRegression": make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000)
    ),
}


def n_trained(model):
    """Count the numbers that training moved."""
    model = model[-1] if hasattr(model, "steps") else model
    if hasattr(model, "n_parameters_"):
        return model.n_parameters_
    if hasattr(model, "coefs_"):
        return sum(a.size for a in (*model.coefs_, *model.intercepts_))
    return model.coef_.size + model.intercept_.size


print(f"\n{'':33}{'trained parameters':>18}{'test accuracy':>15}{'log loss':>10}")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, model in rivals.items():
        if model is not best:
            model.fit(X_train, y_train)
        accuracy = model.score(X_test, y_test)
        loss = log_loss(y_test, model.predict_proba(X_test))
        print(f"{name:33}{n_trained(model):>18,}{accuracy:>15.4f}{loss:>10.3f}")

# %%
# What was learnt
# ---------------
# The linear network has 500 linear nodes while it trains. Retracted, it is one matrix:
# ten images, here of pixels of equal spread. Beside them the eigenvalues that give it.
linear = rivals["spectral, linear, eigenvalues"]
images = linear.coef_ * X_train.std(axis=0)

figure = plt.figure(figsize=(10.5, 4.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.35, 1])
left.suptitle("Retracted weights of each digit (coef_)")
limit = np.abs(images).max()
for digit, axes in enumerate(left.subplots(2, 5).ravel()):
    image = axes.imshow(images[digit].reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_title(str(digit), fontsize=9)
    axes.set_axis_off()
left.colorbar(image, ax=left.axes, shrink=0.6, label="weight")

right.suptitle("Eigenvalues after training (eigenvalues_)")
for axes, layer, eigenvalues in zip(
    right.subplots(2, 1), ("64 → 500", "500 → 10"), linear.eigenvalues_, strict=True
):
    n_in = int(layer.split()[0])
    bins = np.linspace(eigenvalues.min(), eigenvalues.max(), 60)
    axes.hist(eigenvalues[:n_in], bins, alpha=0.7, label=f"input nodes ({n_in})")
    n_out = len(eigenvalues) - n_in
    axes.hist(eigenvalues[n_in:], bins, alpha=0.7, label=f"output nodes ({n_out})")
    axes.set(title=f"layer {layer}", ylabel="nodes", yscale="log")
    axes.legend(fontsize=8)
axes.set_xlabel("eigenvalue")
figure.savefig("quickstart.png", dpi=150)
print(f"\nPicture saved to {Path('quickstart.png').resolve()}")

# %%
# Saved, and used by another process
# ----------------------------------
# The file holds numpy arrays; the other process does not import torch.
joblib.dump(best, "quickstart.joblib")
np.savez("quickstart.npz", X=X_test, expected=best.predict_proba(X_test))
other = """
import sys, joblib, numpy as np
model, data = joblib.load("quickstart.joblib"), np.load("quickstart.npz")
same = np.array_equal(model.predict_proba(data["X"]), data["expected"])
print("Loaded in another process; the same bits:", same)
print("torch imported there:", "torch" in sys.modules)
"""
subprocess.run([sys.executable, "-c", other], check=True)
Path("quickstart.npz").unlink()
