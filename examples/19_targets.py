"""
Counts, quantiles, several labels
=================================

The loss decides what is predicted: means, quantiles, counts, or several labels of a row.
Everything else stays as it is.
"""

# %%
# Quantiles
# ---------
# One network predicts five quantiles. Intervals between the outer two are narrow where
# targets lie close together; out-of-bag rows tell by how much to widen them.
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import d2_tweedie_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.inspection import ConfidenceDisplay, IntervalDisplay

rng = np.random.default_rng(0)
X = rng.uniform(size=(900, 3))
y = np.sin(4 * X[:, 0]) + rng.normal(size=900) * (0.03 + 0.5 * X[:, 1])
levels = (0.05, 0.25, 0.5, 0.75, 0.95)
model = SpectralRegressor(loss="quantile", quantile=levels, random_state=0)
model.fit(X[:600], y[:600])
low, high = model.predict_interval(X[600:], coverage=0.9).T
inside = (low <= y[600:]) & (y[600:] <= high)
widths = high - low
print(f"{inside.mean():.1%} inside, {widths.min():.2f} to {widths.max():.2f} wide")

# %%
# Counts
# ------
# Their means differ by large factors and are no linear function of the features. The test
# set is large, since a single count says little.
places = rng.uniform(size=(5600, 3))
mean = np.exp(2 * np.sin(6 * places[:, 0]) * places[:, 1])
counts = rng.poisson(mean)
for name, estimator in {
    "PoissonRegressor": PoissonRegressor(alpha=0),
    "SpectralRegressor, squared error": SpectralRegressor(random_state=0),
    "SpectralRegressor, Poisson": SpectralRegressor(loss="poisson", random_state=0),
}.items():
    predicted = estimator.fit(places[:600], counts[:600]).predict(places[600:])
    predicted = np.maximum(predicted, 1e-2)  # that of squares gives negative ones
    score = d2_tweedie_score(counts[600:], predicted, power=1)
    print(f"{name}: {score:.3f} of the deviance explained")

# %%
# Several labels per row
# ----------------------
inputs, labels = make_multilabel_classification(1500, n_classes=6, random_state=0)
split = train_test_split(inputs, labels, train_size=400, random_state=0)
inputs_train, inputs_test, labels_train, labels_test = split
for estimator in (
    SpectralClassifier(random_state=0),
    MLPClassifier(max_iter=400, random_state=0),
):
    shares = estimator.fit(inputs_train, labels_train).predict_proba(inputs_test)
    found = log_loss(labels_test.ravel(), shares.ravel())
    print(f"{type(estimator).__name__}: log loss of a label {found:.3f}")

# %%
# The picture
# -----------
# The intervals, from the narrowest to the widest, and how large errors are where they are
# narrow.
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
IntervalDisplay.from_estimator(model, X[600:], y[600:], ax=axes[0])
ConfidenceDisplay.from_estimator(model, X[600:], y[600:], ax=axes[1])
figure.savefig("targets.png", dpi=120)
print("Saved targets.png")
