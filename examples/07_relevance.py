"""
Which inputs matter
===================

In the first layer every input has one eigenvalue. Where those alone train
(``train_eigenvalues="in"``), or with the eigenvectors and a penalty on both, inputs that do
not matter lose their weight: ``feature_importances_`` is the norm of each input's weights,
``|lambda_in|`` times the norm of its eigenvector (arXiv 2406.01183).
"""

# %%
# Planted features
# ----------------
# The first five of thirty features are informative. In the second set the label is the sign
# of x0 x1 + x2 x3: no feature alone tells anything, so a filter, which looks at one feature
# at a time, finds nothing.
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, make_classification
from sklearn.feature_selection import RFE, SelectFromModel, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.inspection import RelevanceDisplay

selective = SpectralClassifier(
    50,
    train_eigenvalues="in",
    n_members=1,
    max_iter=100,
    alpha=5.0,
    alpha_eigenvectors=5.0,
    random_state=0,
)
X, y = make_classification(
    1000, 30, n_informative=5, n_redundant=0, n_repeated=0, shuffle=False, random_state=0
)
X = scale(X)
pairs = np.random.default_rng(0).normal(size=(2000, 20))
sign = (pairs[:, 0] * pairs[:, 1] + pairs[:, 2] * pairs[:, 3] > 0).astype(int)
for name, features, target, k in (("clusters", X, y, 5), ("pairs", pairs, sign, 4)):
    ours = selective.fit(features, target).feature_importances_
    theirs = mutual_info_classif(features, target, random_state=0)
    print(f"{name}: ours ranks first       {np.argsort(-ours)[:k]}")
    print(f"{name}: mutual information has {np.argsort(-theirs)[:k]}")

# %%
# Selection in scikit-learn
# -------------------------
for selector in (
    SelectFromModel(selective, max_features=5, threshold=-np.inf),
    RFE(selective.set_params(max_iter=30), n_features_to_select=5, step=5),
):
    pipeline = make_pipeline(selector, SpectralClassifier(50, random_state=0))
    score = cross_val_score(pipeline, X, y, cv=3).mean()
    print(f"{type(selector).__name__} and a network on 5 features: {score:.3f}")
for name, model in (
    ("the network", SpectralClassifier(50, random_state=0)),
    ("logistic regression", LogisticRegression()),
):
    print(f"{name} on all 30: {cross_val_score(model, X, y, cv=3).mean():.3f}")

# %%
# A map over images
# -----------------
# Which pixels tell a zero from a one? Those that are dark in one of the two only: the
# middle, where a zero is empty, and the sides of the ring.
images, digits = load_digits(n_class=2, return_X_y=True)
selective.set_params(max_iter=100, alpha=0.3, alpha_eigenvectors=0.3)
selective.fit(images / 16, digits)
figure, axes = plt.subplots(1, 4, figsize=(14, 3.4), layout="constrained")
RelevanceDisplay.from_estimator(selective, image_shape=(8, 8), ax=axes[0])
axes[0].set_title("zero or one: relevance")
for digit, ax in zip((0, 1), axes[1:], strict=False):
    ax.imshow(images[digits == digit].mean(axis=0).reshape(8, 8), cmap="gray")
    ax.set(title=f"mean {digit}", xticks=[], yticks=[])
selective.set_params(alpha=5.0, alpha_eigenvectors=5.0).fit(X, y)
RelevanceDisplay.from_estimator(selective, max_features=10, ax=axes[3])
axes[3].set_title("clusters: x0 to x4 are planted")
figure.savefig("relevance.png", dpi=120)
print("Saved relevance.png")
