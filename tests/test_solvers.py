"""Every solver at its automatic rate: none diverges, and none is far behind Adamax."""

import warnings

import numpy as np
import pytest
from sklearn.base import is_regressor
from sklearn.datasets import load_diabetes, load_iris, load_wine, make_friedman2
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.preprocessing import scale

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor


def scaled(data):
    return scale(data[0]), data[1]


CLASSIFICATIONS = {
    "iris": scaled(load_iris(return_X_y=True)),
    "iris, not scaled": load_iris(return_X_y=True),
    "wine": scaled(load_wine(return_X_y=True)),
}
REGRESSIONS = {  # the targets are not scaled: they are of hundreds
    "diabetes": scaled(load_diabetes(return_X_y=True)),
    "friedman": scaled(make_friedman2(500, noise=50, random_state=0)),
}


def mean_scores(data, make, **parameters):
    """Return the mean score of each solver over five seeds, each with its own split."""
    X, y = data
    split = ShuffleSplit if is_regressor(make()) else StratifiedShuffleSplit
    scores = {solver: [] for solver in ("adamax", "adam", "sgd")}
    for seed in range(5):
        [(train, test)] = split(1, test_size=0.3, random_state=seed).split(X, y)
        for solver, found in scores.items():
            model = make(solver=solver, random_state=seed, **parameters)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                model.fit(X[train], y[train])
            assert model.stop_reason_ != "diverged"
            found.append(model.score(X[test], y[test]))
    return {solver: np.mean(found) for solver, found in scores.items()}


@pytest.mark.parametrize("name", CLASSIFICATIONS)
@pytest.mark.parametrize(
    "parameters",
    [{}, {"train_eigenvectors": True}, {"loss": "brier"}, {"linear_expansion": None}],
    ids=str,
)
def test_classifiers(name, parameters):
    found = mean_scores(CLASSIFICATIONS[name], SpectralClassifier, **parameters)
    assert min(found.values()) > found["adamax"] - 0.03, found


@pytest.mark.parametrize("name", REGRESSIONS)
@pytest.mark.parametrize("parameters", [{}, {"train_eigenvectors": True}], ids=str)
def test_regressors(name, parameters):
    found = mean_scores(REGRESSIONS[name], SpectralRegressor, **parameters)
    assert min(found.values()) > found["adamax"] - 0.03, found


@pytest.mark.parametrize("parametrization", ["weights", "gains"])
def test_networks_in_direct_space(parametrization):
    found = mean_scores(
        CLASSIFICATIONS["iris"], DirectClassifier, parametrization=parametrization
    )
    assert min(found.values()) > found["adamax"] - 0.03, found
    X, y = REGRESSIONS["diabetes"]
    found = mean_scores((X, scale(y)), DirectRegressor, parametrization=parametrization)
    assert min(found.values()) > found["adamax"] - 0.03, found


def test_gradients_are_cut_at_the_automatic_rate_only():
    """A rate that a user gives is that of plain SGD, in MLPClassifier's sense."""
    X, y = REGRESSIONS["friedman"]
    model = SpectralRegressor((), None, solver="sgd", momentum=0, max_iter=1)
    model.set_params(learning_rate="constant", batch_size=len(X), random_state=0)

    def step(**parameters):
        """Return how far one step moves the trained numbers, per unit of the rate."""
        model.set_params(**parameters).fit(X, y)
        start = model.eigenvalues_ + model.biases_
        rate = model.net_.lr
        model.partial_fit(X, y)
        after = model.eigenvalues_ + model.biases_
        ways = [np.ravel(a - b) for a, b in zip(after, start, strict=True)]
        return np.linalg.norm(np.concatenate(ways)) / rate

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert step() == pytest.approx(0.14)
        assert step(learning_rate_init=1e-9) > 100
