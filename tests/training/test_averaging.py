"""The running average of the weights: what it is, and that it is what is kept."""

from contextlib import suppress

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.estimators.fit_run import FitRun
from sklearn_spectral.nn import SpectralNetwork
from sklearn_spectral.training.batches import ArrayDataset
from sklearn_spectral.training.run import train
from sklearn_spectral.training.steps import AdamaxSteps, Steps

from ..plain import PLAIN

FEW = {**PLAIN, "max_iter": 4, "random_state": 0}


@pytest.fixture
def steps(monkeypatch):
    """The weights after each step, and those before the first."""
    seen = []

    def seeing(take):
        def seen_by(self, *numbers):
            if not seen:
                seen.append(self.values[0].clone())
            take(self, *numbers)
            seen.append(self.values[0].clone())

        return seen_by

    for solver in (Steps, AdamaxSteps):
        monkeypatch.setattr(solver, "_take", seeing(solver._take))
    return seen


def average_of(steps, decay):
    average, *others = steps
    for number, weights in enumerate(others, 1):
        now = min(decay, (1 + number) / (10 + number))
        average = now * average + (1 - now) * weights
    return average


@pytest.mark.parametrize(
    ("n_members", "solver"), [(1, "adamax"), (3, "adamax"), (3, "adam")]
)
def test_what_is_kept_is_the_average_of_the_steps(
    digits, net_for, steps, n_members, solver
):
    X, y = digits[0][:200], digits[1][:200]
    network = SpectralNetwork(64, 10, 9, seed=0, dtype=torch.float64, n_members=n_members)
    net = net_for(network, ArrayDataset(X, y), averaging=0.6, solver=solver)
    train(net, ArrayDataset(X, y))
    assert len(steps) == 15
    torch.testing.assert_close(net.flat.copy(), average_of(steps, 0.6))
    assert not torch.allclose(net.flat.copy(), steps[-1])


def test_it_does_not_change_how_training_goes(digits):
    model = SpectralClassifier(9, linear_expansion=12, averaging=0.0, **FEW)
    plain = clone(model).fit(*digits)
    averaged = clone(model).set_params(averaging=0.9).fit(*digits)
    assert averaged.loss_curve_ == plain.loss_curve_
    assert not np.allclose(averaged.coefs_[0], plain.coefs_[0])
    same = clone(model).set_params(averaging="auto").fit(*digits)
    np.testing.assert_array_equal(same.coefs_[0], plain.coefs_[0])


def test_the_average_is_what_stops_early_and_is_kept(cancer):
    X, y = cancer
    model = SpectralClassifier(
        9, averaging=0.9, scoring="accuracy", max_iter=15, random_state=0
    )
    model.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert model.score(X[400:], y[400:]) == model.best_validation_score_


def test_callbacks_are_shown_what_would_be_kept(digits, monkeypatch):
    shown, fitted_now = [], FitRun._fitted_now
    model = SpectralClassifier(9, averaging=0.9, **FEW)
    last = clone(model).fit(*digits)

    def seeing(self, network):
        shown.append(fitted_now(self, network))
        return shown[-1]

    monkeypatch.setattr(FitRun, "_fitted_now", seeing)
    model.fit(*digits)
    np.testing.assert_array_equal(shown[-1].coefs[0], last.coefs_[0])


@pytest.mark.parametrize("ends", ["diverged", "interrupted"])
def test_a_bad_end_leaves_the_average_of_the_last_good_epoch(
    digits, ends, steps, monkeypatch
):
    model = SpectralClassifier(9, averaging=0.9, learning_rate="constant", **FEW)
    two = clone(model).set_params(max_iter=2).fit(*digits)
    steps.clear()
    move = AdamaxSteps.move

    def ending(self, *numbers):
        move(self, *numbers)
        if len(steps) > 2 * 9 + 4:  # in the third epoch
            if ends == "interrupted":
                raise KeyboardInterrupt
            self.values.fill_(np.nan)

    monkeypatch.setattr(AdamaxSteps, "move", ending)
    raised = KeyboardInterrupt if ends == "interrupted" else ()
    with suppress(raised), pytest.warns(ConvergenceWarning):
        model.fit(*digits)
    assert model.stop_reason_ == ends
    np.testing.assert_array_equal(model.coefs_[0], two.coefs_[0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_portions_and_full_batches_are_not_averaged(cancer):
    for solver in ("adamax", "lbfgs"):
        model = SpectralClassifier(9, solver=solver, averaging=0.0, **FEW)
        averaged = clone(model).set_params(averaging=0.9)
        train_one = "fit" if solver == "lbfgs" else "partial_fit"
        more = {} if solver == "lbfgs" else {"classes": [0, 1]}
        one, other = (
            getattr(each, train_one)(*cancer, **more) for each in (model, averaged)
        )
        np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])
