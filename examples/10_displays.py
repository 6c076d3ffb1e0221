"""
Pictures of a network
=====================

``sklearn_spectral.inspection`` has displays by scikit-learn's convention: each is made by
``from_estimator``, also from a pipeline or a search, and drawn again by ``plot``.
"""

# %%
# Two networks
# ------------
# A non-linear one with a linear expansion, and a linear one, which retracts to the paper's
# matrix A_c.
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.inspection import (
    AdjacencyDisplay,
    PruningDisplay,
    RelevanceDisplay,
    SpectrumDisplay,
    TrainingCurveDisplay,
    WeightDistributionDisplay,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
model = make_pipeline(
    MinMaxScaler(),
    SpectralClassifier(
        80,
        linear_expansion=300,
        train_eigenvectors=False,
        n_members=1,
        learning_rate="one_cycle",
        max_iter=100,
        early_stopping=True,
        n_iter_no_change=np.inf,
        random_state=0,
    ),
).fit(X_train, y_train)
linear = make_pipeline(
    MinMaxScaler(),
    SpectralClassifier(
        (),
        linear_expansion=300,
        train_eigenvectors=False,
        n_members=1,
        max_iter=100,
        random_state=0,
    ),
).fit(X_train, y_train)
rival = make_pipeline(MinMaxScaler(), MLPClassifier(80, max_iter=600, random_state=0))
rival.fit(X_train, y_train)

# %%
# All displays
# ------------
figure, axes = plt.subplots(2, 3, figsize=(16, 9), layout="constrained")
SpectrumDisplay.from_estimator(model, ax=axes[0, 0])
axes[0, 0].set_title("eigenvalues of each layer")
WeightDistributionDisplay.from_estimator(
    model, others={"MLPClassifier": rival}, name="spectral", ax=axes[0, 1]
)
axes[0, 1].set_title("weights of the retracted network")
AdjacencyDisplay.from_estimator(linear, ax=axes[0, 2])
axes[0, 2].set_title("A_c of the linear network")
RelevanceDisplay.from_estimator(model, image_shape=(8, 8), ax=axes[1, 0])
axes[1, 0].set_title("relevance of the pixels")
TrainingCurveDisplay.from_estimator(model, ax=axes[1, 1])
axes[1, 1].set_title("training")
PruningDisplay.from_estimator(model, X_test, y_test, X_rank=X_train, ax=axes[1, 2])
axes[1, 2].set_title("nodes removed after training")
figure.savefig("displays.png", dpi=110)
print("Saved displays.png")

# %%
# In a notebook
# -------------
# Below its parameters, a fitted estimator shows its network, drawn, and facts of the fit.
with open("network.html", "w", encoding="utf-8") as file:
    file.write(model[-1]._repr_html_())
print("Saved network.html")
