"""
How sure: intervals and sets
============================

Rows that members of a population left out show how far off it is on new rows. So intervals
of a regressor, and sets of classes of a classifier, contain the share of targets that you
ask for, without another fit.
"""

# %%
# Intervals
# ---------
# How far diabetes has progressed after a year. Nine of ten new targets lie inside.
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import train_test_split

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.inspection import CoverageDisplay

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
regressor = SpectralRegressor(random_state=0).fit(X_train, y_train)
low, high = regressor.predict_interval(X_test, coverage=0.9).T
inside = (low <= y_test) & (y_test <= high)
print(f"{inside.mean():.1%} inside, {high[0] - low[0]:.0f} wide; targets from 25 to 346")

# %%
# Sets
# ----
# Digits, with only a few rows for training. Most sets have one class; those of two or
# three say which digits it may be.
images, labels = load_digits(return_X_y=True)
split = train_test_split(images, labels, train_size=300, random_state=0, stratify=labels)
images_train, images_test, labels_train, labels_test = split
classifier = SpectralClassifier(random_state=0).fit(images_train, labels_train)
sets = classifier.predict_set(images_test, coverage=0.98)
right = sets[np.arange(len(sets)), labels_test].mean()
print(
    f"{right:.1%} inside; {classifier.score(images_test, labels_test):.1%} predicted right"
)
print("sets by their size:", np.bincount(sets.sum(axis=1))[1:])

# %%
# The picture
# -----------
# What is promised, and what new data hold; the least sure digits, with their sets.
figure = plt.figure(figsize=(10, 6.5), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1.6, 1])
axes = above.subplots(1, 2)
CoverageDisplay.from_estimator(regressor, X_test, y_test, ax=axes[0])
axes[0].set_title("intervals: diabetes")
CoverageDisplay.from_estimator(classifier, images_test, labels_test, ax=axes[1])
axes[1].set_title("sets: digits")
largest = np.argsort(-sets.sum(axis=1), kind="stable")[:8]
for ax, row in zip(below.subplots(1, 8), largest, strict=True):
    ax.imshow(images_test[row].reshape(8, 8), cmap="gray_r")
    believed = ", ".join(str(each) for each in classifier.classes_[sets[row]])
    ax.set(title=believed, xlabel=f"it is {labels_test[row]}", xticks=[], yticks=[])
figure.savefig("intervals.png", dpi=120)
print("Saved intervals.png")
