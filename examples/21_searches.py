"""
A whole grid in one run
=======================

``SpectralSearchCV`` is ``GridSearchCV`` whose fits train together: the scores are the same,
and less time is spent between the products. Halving by splits needs only some of the fits,
and finds the same candidate.
"""

# %%
# Twelve candidates on five folds
# -------------------------------
import time
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.model_selection import SpectralSearchCV

warnings.simplefilter("ignore", ConvergenceWarning)
X_train, X_test, y_train, y_test = train_test_split(
    *load_breast_cancer(return_X_y=True), random_state=0
)
model = SpectralClassifier(n_members=1, random_state=0)
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
grid = {"learning_rate_init": RATES, "alpha": [0, 0.01]}


def timed(search, **given):
    """Fit a search, and print how long it took and what it found."""
    start = time.perf_counter()
    search = search(model, grid, scoring="neg_log_loss", cv=5, **given)
    search.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    score = search.score(X_test, y_test)
    print(f"{type(search).__name__} {given or ''}: {seconds:.1f} s")
    print(f"  best {search.best_params_}, log loss on test rows {-score:.4f}")
    return search


alone = timed(GridSearchCV)
together = timed(SpectralSearchCV)
halved = timed(SpectralSearchCV, successive_halving=True)

# %%
# The scores are the same, to rounding:
means = [search.cv_results_["mean_test_score"] for search in (alone, together)]
print(f"largest difference of a mean score: {np.abs(means[0] - means[1]).max():.1e}")

# %%
# Halving dropped most candidates after one fold, and a few after two. Each line is a
# candidate; its scores end where it was dropped.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
results = halved.cv_results_
for place, parameters in enumerate(results["params"]):
    n_splits = results["n_resources"][place]
    folds = [-results[f"split{fold}_test_score"][place] for fold in range(n_splits)]
    is_best = place == halved.best_index_
    ax.plot(
        range(1, n_splits + 1),
        np.cumsum(folds) / np.arange(1, n_splits + 1),
        "o-",
        color="tab:blue" if is_best else "0.6",
        label=f"chosen: rate {parameters['learning_rate_init']}" if is_best else None,
        zorder=2 + is_best,
    )
ax.set(
    xlabel="folds so far",
    ylabel="mean log loss of a candidate",
    yscale="log",
    xticks=range(1, halved.n_splits_ + 1),
    title=f"{int(results['n_resources'].sum())} fits instead of {5 * len(results['iter'])}",
)
ax.grid(alpha=0.3)
ax.legend()
figure.savefig("searches.png", dpi=120)
