"""
Unknown inputs: where it works, and where not
=============================================

Members of a population agree on rows like those they have seen, and less elsewhere.
Together with the distance from the training rows, that finds many unknown rows. It does not
find wrong predictions.
"""

# %%
# Where it works: a digit that was never shown
# --------------------------------------------
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.inspection import novelty_scores


def leave_out(X, y, label):
    """Train without a class; return scores of known and unknown rows, and which are new."""
    shown = y != label
    seen, known, y_seen, _ = train_test_split(X[shown], y[shown], random_state=0)
    model = SpectralClassifier(random_state=0).fit(seen, y_seen)
    rows = np.concatenate([known, X[~shown]])
    is_new = np.arange(len(rows)) >= len(known)
    doubt = 1 - model.predict_proba(rows).max(axis=1)
    return novelty_scores(model, rows, seen), doubt, is_new


def report(found, doubt, is_new):
    """Print how well each score tells new rows from known ones."""
    parts = {"1 - largest probability": doubt, "disagreement": found.disagreement}
    parts |= {"distance": found.distance, "both": found.score}
    for name, scores in parts.items():
        print(f"  area under the ROC curve, {name}: {roc_auc_score(is_new, scores):.3f}")


print("digits, no eights shown:")
digits = leave_out(*load_digits(return_X_y=True), 8)
report(*digits)

# %%
# Where members agree on what none has seen
# -----------------------------------------
# Setosa lies far away from the other two species, beyond one of them. The further out a row
# is, the surer all members are that it belongs to that one. Only the distance shows that it
# is new.
print("iris, no setosa shown:")
iris = leave_out(*load_iris(return_X_y=True), 0)
report(*iris)

# %%
# Where it does not work: errors of rows in the midst of others
# -------------------------------------------------------------
X, y = load_diabetes(return_X_y=True)
seen, new, y_seen, y_new = train_test_split(X, y, random_state=0)
model = SpectralRegressor(random_state=0).fit(seen, y_seen)
found = novelty_scores(model, new, seen)
errors = np.abs(model.predict(new) - y_new)
rank = spearmanr(found.score, errors).statistic
print(f"diabetes: rank correlation of the score and the error {rank:.2f}")

# %%
# The picture
# -----------
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for ax, name, (scores, _, is_new) in zip(
    axes, ("eights", "setosa"), (digits, iris), strict=False
):
    ax.semilogy(
        scores.distance[~is_new],
        scores.disagreement[~is_new] + 1e-9,
        ".",
        color="C0",
        label="as seen",
    )
    ax.semilogy(
        scores.distance[is_new],
        scores.disagreement[is_new] + 1e-9,
        "x",
        color="C3",
        ms=4,
        label=name,
    )
    ax.set(xlabel="distance", ylabel="disagreement", title=f"no {name} shown")
    ax.legend()
axes[2].plot(found.score, errors, ".", color="C0")
axes[2].set(xlabel="score", ylabel="absolute error", title="diabetes: new rows as seen")
figure.savefig("unknown_inputs.png", dpi=120)
print("Saved unknown_inputs.png")
