"""Fits that train together end where each would alone."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import KFold

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.training.device import own_modes
from sklearn_spectral.training.outcome import Outcome
from sklearn_spectral.training.together import (
    SharedRows,
    Together,
    can_train_beside,
    why_alone,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, DIABETES = load_iris(return_X_y=True), load_diabetes(return_X_y=True)
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 12, "random_state": 0, "n_members": 3}


def fits_of(estimators, data, n_splits=3):
    """Return each estimator on each of the training sets of a cross-validation, whose
    sizes differ by a row."""
    X, y = data[0][:-1], data[1][:-1]
    folds = [train for train, _ in KFold(n_splits, shuffle=True, random_state=1).split(X)]
    return [(clone(one), X[rows], y[rows]) for one in estimators for rows in folds]


def train_together(fits, pauses=()):
    """Train fits as a search does; return how each ended."""
    trainings = [estimator._fit_beside(X, y) for estimator, X, y in fits]
    runs = [next(training) for training in trainings]
    assert {why_alone(run.net, run.dataset) for run in runs} == {None}
    assert all(can_train_beside(runs[0].net, run.net) for run in runs)
    outcomes = {}
    with own_modes():
        for until in (*pauses, np.inf):
            left = [run for run in runs if run.net not in outcomes]
            nets, datasets = [run.net for run in left], [run.dataset for run in left]
            if nets:
                Together(nets, datasets, outcomes.__setitem__, until=until).run()
    for run, training in zip(runs, trainings, strict=True):
        if isinstance(outcomes[run.net], Outcome):
            run.outcome = outcomes[run.net]
            next(training, None)
    return [outcomes[run.net] for run in runs]


def assert_as_alone(fits, tolerance=1e-9):
    for estimator, X, y in fits:
        alone = clone(estimator).fit(X, y)
        assert estimator.n_iter_ == alone.n_iter_
        assert estimator.stop_reason_ == alone.stop_reason_
        np.testing.assert_allclose(estimator.loss_curve_, alone.loss_curve_, tolerance)
        arrays, expected = estimator._fitted.complete(), alone._fitted.complete()
        for name, values in expected.items():
            np.testing.assert_allclose(arrays[name], values, atol=tolerance, rtol=tolerance)


def variants(base, **values):
    """Return estimators that differ in one parameter."""
    ((name, given),) = values.items()
    return [clone(base).set_params(**{name: value}) for value in given]


CLASSIFIER, REGRESSOR = SpectralClassifier(**SMALL), SpectralRegressor(**SMALL)
ONE = clone(CLASSIFIER).set_params(n_members=1)
CASES = {
    "rates": (variants(CLASSIFIER, learning_rate_init=[0.003, 0.03]), IRIS),
    "seeds": (variants(CLASSIFIER, random_state=[1, 2]), IRIS),
    "penalties": (variants(CLASSIFIER, alpha=[0, 0.1]), IRIS),
    "L1": (
        variants(
            ONE,
            l1_ratio=[0.5, 1],
        ),
        IRIS,
    ),
    "weights of classes": (
        variants(CLASSIFIER, class_weight=[None, {0: 3, 1: 1, 2: 1}]),
        IRIS,
    ),
    "weights, one member": (variants(ONE, class_weight=[None, {0: 3, 1: 1, 2: 1}]), IRIS),
    "one cycle": (variants(ONE, learning_rate_init=[0.003, 0.03]), IRIS),
    "averages": (variants(CLASSIFIER, averaging=[0.9, 0.98]), IRIS),
    "adam": (variants(clone(CLASSIFIER).set_params(solver="adam"), alpha=[0, 0.1]), IRIS),
    "sgd, clipped": (
        variants(clone(CLASSIFIER).set_params(solver="sgd"), momentum=[0.5, 0.9]),
        IRIS,
    ),
    "held out": (
        variants(clone(CLASSIFIER).set_params(early_stopping=True), tol=[0, 1e-3]),
        IRIS,
    ),
    "linear layers, tanh": (
        variants(
            clone(ONE).set_params(
                activation="tanh", linear_expansion=((6,), ()), train_eigenvectors=False
            ),
            learning_rate_init=[0.01, 0.1],
        ),
        IRIS,
    ),
    "projected": (
        variants(
            clone(CLASSIFIER).set_params(
                train_eigenvalues="out",
                train_eigenvectors=False,
                linear_expansion=None,
                telescope="project",
            ),
            learning_rate_init=[0.01, 0.1],
        ),
        IRIS,
    ),
    "direct": (
        variants(DirectClassifier(8, max_iter=12, random_state=0), alpha=[0, 0.1]),
        IRIS,
    ),
    "brier": (variants(clone(CLASSIFIER).set_params(loss="brier"), alpha=[0, 0.1]), IRIS),
    "squared error": (variants(REGRESSOR, learning_rate_init=[0.003, 0.03]), DIABETES),
    "huber": (
        variants(clone(REGRESSOR).set_params(loss="huber"), alpha=[0, 0.1]),
        DIABETES,
    ),
    "huber deltas": (
        variants(clone(REGRESSOR).set_params(loss="huber"), huber_delta=[0.5, 1.5]),
        DIABETES,
    ),
    "poisson": (
        variants(clone(REGRESSOR).set_params(loss="poisson"), alpha=[0, 0.1]),
        DIABETES,
    ),
    "quantiles": (
        variants(
            clone(REGRESSOR).set_params(loss="quantile", quantile=[0.1, 0.9]),
            alpha=[0, 0.1],
        ),
        DIABETES,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_ends_where_it_would_alone(name):
    fits = fits_of(*CASES[name])
    train_together(fits)
    assert_as_alone(fits)


@pytest.mark.parametrize("name", ["rates", "one cycle", "sgd, clipped", "adam", "averages"])
def test_a_pause_changes_nothing(name):
    fits = fits_of(*CASES[name])
    train_together(fits, pauses=(2, 3, 7))
    assert_as_alone(fits)


def test_fits_that_end_early_leave_the_others_alone():
    estimators = variants(ONE, max_iter=[3, 12, 5])
    fits = fits_of([one.set_params(learning_rate="constant") for one in estimators], IRIS)
    train_together(fits)
    assert {estimator.n_iter_ for estimator, _, _ in fits} == {3, 5, 12}
    assert_as_alone(fits)


def test_one_that_diverges_keeps_its_good_weights():
    fits = fits_of(variants(ONE, learning_rate_init=[0.01, 1e300]), IRIS)
    train_together(fits)
    reasons = [estimator.stop_reason_ for estimator, _, _ in fits]
    assert reasons == ["max_iter"] * 3 + ["diverged"] * 3
    assert_as_alone(fits[:3])
    for estimator, X, y in fits[3:]:
        alone = clone(estimator).fit(X, y)
        np.testing.assert_allclose(estimator.coefs_[0], alone.coefs_[0], rtol=1e-9)


def test_what_one_raises_is_its_own():
    def scoring(estimator, X, y):
        if estimator.alpha and len(estimator.loss_curve_) >= 0:
            raise ZeroDivisionError("of a scorer")
        return estimator.score(X, y)

    base = clone(CLASSIFIER).set_params(early_stopping=True)
    fits = fits_of(variants(base.set_params(scoring=scoring), alpha=[0, 0.1]), IRIS)
    for estimator, _, _ in fits:
        estimator.loss_curve_ = []
    outcomes = train_together(fits)
    assert [type(outcome) for outcome in outcomes[3:]] == [ZeroDivisionError] * 3
    assert all(isinstance(outcome, Outcome) for outcome in outcomes[:3])


def test_same_rows_are_read_once():
    fits = fits_of(variants(CLASSIFIER, learning_rate_init=[0.01, 0.02, 0.03]), IRIS)
    runs = [next(estimator._fit_beside(X, y)) for estimator, X, y in fits]
    nets, datasets = [run.net for run in runs], [run.dataset for run in runs]
    groups = Together(nets, datasets, lambda net, outcome: None).groups
    assert [len(group.nets) for group in groups] == [3, 3, 3]
    other = next(clone(CLASSIFIER).set_params(random_state=1)._fit_beside(*fits[0][1:]))
    assert not SharedRows(nets[0], datasets[0]).takes(other.net, other.dataset)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"solver": "lbfgs"}, "all rows at once"),
        ({"loss": lambda output, target: (output[:, 0] - target) ** 2}, "function"),
        ({"train_eigenvectors": "svd"}, "autograd"),
        (
            {"train_eigenvectors": False, "linear_expansion": ((900, 900), ())},
            "cheaper in closed form",
        ),
    ],
)
def test_why_some_have_to_be_alone(parameters, reason):
    training = clone(ONE).set_params(**parameters)._fit_beside(*IRIS)
    run = next(training)
    assert reason in why_alone(run.net, run.dataset)


def test_a_folder_for_checkpoints_is_for_one(tmp_path):
    run = next(clone(ONE).set_params(checkpoint_dir=tmp_path)._fit_beside(*IRIS))
    assert "checkpoint_dir" in why_alone(run.net, run.dataset)


def test_a_training_that_is_given_up_changes_nothing():
    model = clone(ONE).fit(*IRIS)
    before = vars(model).copy()
    training = model.set_params(max_iter=3)._fit_beside(*IRIS)
    next(training)
    training.close()
    after = vars(model)
    fitted = {name for name in before if name.endswith("_") or name == "_fitted"}
    assert all(after[name] is before[name] for name in fitted)
