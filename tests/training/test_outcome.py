"""What fit says of a network that is no better than a constant, and of how it ended."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectRegressor
from sklearn_spectral.data.training_data import TrainingData
from sklearn_spectral.pruning import SpectralPruner

from ..plain import PLAIN

FIVE, TEN, THIRTY = ({**PLAIN, "max_iter": n} for n in (5, 10, 30))


def far_target(n_outputs=None):
    """A target without noise that is far from zero, beside what it varies by."""
    X = np.random.default_rng(0).normal(size=(1000, 8))
    y = 1990 + 10 * X[:, 0]
    return X, y if n_outputs is None else np.column_stack([y] * n_outputs)


@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize(
    "model",
    [
        SpectralRegressor(random_state=0, **THIRTY),
        SpectralRegressor(random_state=0, **{**THIRTY, "train_eigenvectors": True}),
        DirectRegressor(random_state=0, max_iter=30, standardize=False),
    ],
    ids=["eigenvalues", "eigenvectors", "direct"],
)
def test_a_regressor_worse_than_the_mean_says_so_and_the_cure_cures(model, n_outputs):
    X, y = far_target(n_outputs)
    warning = "no better than a constant.* the mean of .*Set standardize=True"
    with pytest.warns(ConvergenceWarning, match=warning):
        worse = clone(model).fit(X, y)
    assert worse.score(X, y) < 0
    assert worse.loss_ > y.var(axis=0).mean() / 2
    # What the warning says.
    cured = clone(model).set_params(standardize=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        assert cured.fit(X, y).score(X, y) > 0.99


def test_a_warm_start_and_weights_are_compared_too():
    X, y = far_target()
    weight = np.arange(len(y)) % 3
    model = SpectralRegressor(random_state=0, warm_start=True, **FIVE)
    for _ in range(2):
        with pytest.warns(ConvergenceWarning, match="no better than a constant"):
            model.fit(X, y, sample_weight=weight)


def test_a_classifier_of_huge_features_says_so():
    X, y = load_iris(return_X_y=True)
    model = SpectralClassifier(random_state=0, learning_rate_init=3.0, **TEN)
    with pytest.warns(ConvergenceWarning, match=r"Set standardize=True") as caught:
        model.fit(1e3 * X, y)
    assert any(
        "constant" in str(one.message) or "lower" in str(one.message) for one in caught
    )


@pytest.mark.parametrize("loss", ["log_loss", "brier"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_constant_of_a_classifier_is_the_loss_of_the_frequencies(loss, n_classes):
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=50) ** 2 % n_classes
    weight = rng.uniform(size=50)
    weight /= weight.mean()
    X = rng.normal(size=(50, 2))
    model = SpectralClassifier(2, linear_expansion=None, loss=loss, max_iter=1).fit(X, y)
    present = np.searchsorted(model.classes_, y)
    shares = np.bincount(present, weights=weight) / weight.sum()
    predicted = np.tile(shares, (50, 1))
    if loss == "log_loss":
        expected = log_loss(y, predicted, sample_weight=weight, labels=model.classes_)
    else:
        one_hot = np.eye(len(shares))[present]
        expected = np.average(((one_hot - predicted) ** 2).sum(axis=1), weights=weight)
    found = model._best_constant(TrainingData(X, present, weight))
    assert found.loss == pytest.approx(expected)


def test_the_constant_of_a_regressor_is_the_loss_of_the_mean():
    rng = np.random.default_rng(0)
    y, weight = rng.normal(3, size=(50, 2)), rng.uniform(size=50)
    model = SpectralRegressor(2, linear_expansion=None, max_iter=1).fit(y, y)
    mean = np.average(y, axis=0, weights=weight)
    expected = mean_squared_error(y, np.tile(mean, (50, 1)), sample_weight=weight) / 2
    data = TrainingData(y, y, weight / weight.mean())
    assert model._best_constant(data).loss == pytest.approx(expected)


def test_fits_that_learn_are_silent(diabetes, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        SpectralRegressor(random_state=0).fit(*diabetes)
        SpectralClassifier(20, random_state=0, max_iter=10).fit(*digits)
        # A target that does not vary is predicted up to rounding.
        X, y = diabetes
        SpectralRegressor(5, random_state=0).fit(X, np.ones_like(y))
        SpectralRegressor(5, random_state=0, max_iter=5).fit(X, np.zeros_like(y))
        # The loss is the larger for a penalty; the network is not the worse.
        X = scale(load_iris().data)
        model = SpectralRegressor(random_state=0, alpha=30, **{**PLAIN, "max_iter": 20})
        assert model.fit(X, X[:, 0]).score(X, X[:, 0]) > 0.9
        assert model.loss_ > 0.5
        SpectralClassifier(5, random_state=0).partial_fit(*digits, classes=range(10))


def test_epochs_of_the_last_call_are_counted_as_by_scikit_learn():
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    for kind in (SpectralClassifier, MLPClassifier):
        model = kind(5, max_iter=3, random_state=0, warm_start=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y).fit(X, y)
            assert (model.n_iter_, len(model.loss_curve_)) == (3, 6)
            model.partial_fit(X, y)
        assert (model.n_iter_, len(model.loss_curve_)) == (1, 7)


def test_a_portion_more_leaves_the_validation_scores():
    X, y = load_iris(return_X_y=True)
    model = SpectralClassifier(5, max_iter=4, random_state=0, early_stopping=True)
    scores = [*model.fit(scale(X), y).validation_scores_]
    best = model.best_validation_score_
    model.partial_fit(scale(X), y)
    assert model.validation_scores_ == scores
    assert len(scores) == 4
    assert model.best_validation_score_ == best == max(scores)


class TestTheReasonIsShown:
    def stopped(self):
        model = SpectralClassifier(10, learning_rate="constant", tol=1e-2, **PLAIN)
        return model.set_params(max_iter=2000, random_state=0, linear_expansion=None)

    def test_in_the_bar(self, cancer, capsys):
        model = self.stopped().set_params(verbose=1).fit(*cancer)
        bar = capsys.readouterr().err
        assert f"{model.n_iter_}/2000" in bar
        assert "loss=" in bar.splitlines()[-1]
        assert bar.rstrip().endswith("stopped: converged]")

    def test_in_the_last_line(self, cancer, capsys):
        model = self.stopped().set_params(verbose=2).fit(*cancer)
        last = capsys.readouterr().out.splitlines()[-1]
        assert last == f"Stopped after epoch {model.n_iter_}/2000: converged"

    def test_not_where_all_epochs_were_run(self, cancer, capsys):
        for verbose in (1, 2):
            self.stopped().set_params(verbose=verbose, max_iter=3).fit(*cancer)
            printed = capsys.readouterr()
            assert "3/3" in printed.out + printed.err
            assert "top" not in printed.out + printed.err

    def test_of_early_stopping_and_of_divergence(self, cancer, capsys):
        model = self.stopped().set_params(verbose=1, early_stopping=True)
        model.fit(*cancer)
        assert model.stop_reason_ == "early_stopping"
        assert "stopped: early_stopping" in capsys.readouterr().err
        model = SpectralRegressor(5, solver="sgd", learning_rate_init=1e9, verbose=1)
        with pytest.warns(ConvergenceWarning, match="NaN or infinite"):
            model.fit(*cancer)
        assert "stopped: diverged" in capsys.readouterr().err


def test_a_warning_shows_the_line_that_called(diabetes):
    model = SpectralRegressor(5, max_iter=1, random_state=0)
    for fit in (model.fit, SpectralPruner(model, n_nodes=3).fit):
        with pytest.warns(ConvergenceWarning) as caught:
            fit(*diabetes)
        assert {one.filename for one in caught} == {__file__}
