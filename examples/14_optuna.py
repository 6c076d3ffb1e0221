"""
Bad trials stopped early by Optuna
==================================

Optuna chooses the parameters of each trial by the scores of the trials before it. A
callback of scikit-learn reports the validation accuracy after every epoch, and Optuna stops
a trial that is worse than half of the earlier ones were at that epoch. It needs
``pip install optuna`` and scikit-learn 1.9 or later.
"""

# %%
# Told after every epoch
# ----------------------
# Each epoch is a task of the fit. What it hands over is a fitted estimator; a callback that
# returns True ends the training.
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import optuna
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sklearn_spectral import SpectralClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
torch.set_num_threads(1)  # networks of this size gain nothing from more
optuna.logging.set_verbosity(optuna.logging.WARNING)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)
X_fit, X_val, y_fit, y_val = train_test_split(
    X_train, y_train, random_state=0, stratify=y_train
)
N_EPOCHS = 40


class Reporter:
    """Report each epoch's validation accuracy, and stop where the pruner says so."""

    def __init__(self, trial):
        self.trial = trial

    def setup(self, estimator, context):
        """Nothing is needed before the fit."""

    def on_fit_task_begin(self, estimator, context):
        """Nothing is needed before an epoch."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None, **given):
        """Score the network as it is now."""
        if context.task_name != "epoch":
            return False
        self.trial.report(fitted_estimator.score(X_val, y_val), context.task_id)
        return self.trial.should_prune()

    def teardown(self, estimator, context):
        """Nothing is left to clear up."""


# %%
# The study
# ---------
# Seven parameters, 24 trials. The seed of the sampler fixes what is drawn, and
# ``random_state`` the networks, so that a second study finds the same.
def build(trial):
    """Return the network of a trial."""
    return SpectralClassifier(
        hidden_layer_sizes=trial.suggest_int("hidden nodes", 10, 200, log=True),
        linear_expansion=trial.suggest_categorical("linear nodes", [None, 200, 800]),
        train_eigenvectors=trial.suggest_categorical("eigenvectors", [False, True]),
        activation=trial.suggest_categorical("activation", ["relu", "tanh", "elu"]),
        learning_rate_init=trial.suggest_float("learning rate", 1e-3, 0.3, log=True),
        batch_size=trial.suggest_categorical("batch size", [100, 300]),
        alpha=trial.suggest_float("alpha", 1e-6, 1e-1, log=True),
        n_members=1,
        max_iter=N_EPOCHS,
        random_state=0,
    )


def objective(trial):
    """Train the network of a trial; return its validation accuracy."""
    model = build(trial).set_callbacks(Reporter(trial)).fit(X_fit, y_fit)
    if model.stop_reason_ == "callback":
        raise optuna.TrialPruned
    return model.score(X_val, y_val)


# The first five trials, and the first five epochs of each, are not stopped.
study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=5),
)
study.optimize(objective, n_trials=24)
curves = [np.array(list(t.intermediate_values.values())) for t in study.trials]
pruned = [t.state == optuna.trial.TrialState.PRUNED for t in study.trials]
n_epochs = sum(map(len, curves))
n_all = N_EPOCHS * len(curves)
print(f"{sum(pruned)} of {len(pruned)} trials were stopped early")
print(
    f"{n_epochs} of at most {n_all} epochs were trained, {1 - n_epochs / n_all:.0%} saved"
)
print(f"best: trial {study.best_trial.number}, validation accuracy {study.best_value:.3f}")
for name, value in study.best_params.items():
    print(
        f"    {name:<14}{value:.4g}"
        if isinstance(value, float)
        else f"    {name:<14}{value}"
    )

# %%
# The best, on the test set
# -------------------------
best = build(optuna.trial.FixedTrial(study.best_params)).fit(X_train, y_train)
print(f"{best.architecture_}: test accuracy {best.score(X_test, y_test):.3f}")

# %%
# Learning curves
# ---------------
figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for number, (curve, stopped) in enumerate(zip(curves, pruned, strict=True)):
    epochs = np.arange(1, len(curve) + 1)
    chosen = number == study.best_trial.number
    colour = "C3" if chosen else "0.7" if stopped else "C0"
    ax.semilogy(
        epochs, 1 - curve, color=colour, linewidth=2 if chosen else 1, zorder=2 + chosen
    )
    if stopped:
        ax.semilogy(epochs[-1], 1 - curve[-1], "x", color="black", markersize=5, zorder=2)
for colour, label in (("C3", "the best"), ("C0", "ran to the end")):
    ax.plot([], [], color=colour, label=label)
ax.plot([], [], color="0.7", marker="x", markeredgecolor="black", label="stopped early")
ax.set(title="Each line is a trial", xlabel="epoch", ylabel="validation error")
ax.set_ylim(top=3)
ax.legend(loc="upper right", ncols=3)
figure.savefig("optuna.png", dpi=120)
print("Saved optuna.png")
