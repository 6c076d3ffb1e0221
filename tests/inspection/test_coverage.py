"""CoverageDisplay: what intervals and sets promise and hold."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.datasets import make_friedman1
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.inspection import CoverageDisplay

FEW = {"max_iter": 20, "random_state": 0}


@pytest.fixture(scope="module")
def friedman():
    return make_friedman1(2000, noise=1.0, random_state=0)


def test_of_a_regressor(friedman):
    X, y = friedman
    model = SpectralRegressor(20, **FEW).fit(X[:500], y[:500])
    display = CoverageDisplay.from_estimator(model, X[500:], y[500:], color="k")
    np.testing.assert_allclose(display.promised, np.arange(1, 20) / 20)
    np.testing.assert_allclose(display.inside, display.promised, atol=0.08)
    low, high = model.predict_interval(X[500:], 0.95).T
    assert display.inside[-1] == ((low <= y[500:]) & (y[500:] <= high)).mean()
    assert display.sizes[-1] == pytest.approx((high - low).mean())
    np.testing.assert_array_equal(display.line_.get_ydata(), display.inside)
    np.testing.assert_array_equal(display.size_line_.get_ydata(), display.sizes)
    assert display.line_.get_color() == "k"
    assert display.size_ax_.get_ylabel() == "mean width"


def test_of_a_classifier_in_a_pipeline(digits):
    X, y = digits
    names = np.array([*"abcdefghij"])[y]
    pipeline = make_pipeline(MinMaxScaler(), SpectralClassifier(20, **FEW))
    pipeline.fit(X[:900], names[:900])
    _, ax = plt.subplots()
    display = CoverageDisplay.from_estimator(
        pipeline, X[900:], names[900:], promised=[0.8, 0.95], ax=ax
    )
    assert display.ax_ is ax
    sets = pipeline[-1].predict_set(pipeline[:-1].transform(X[900:]), 0.8, allow_empty=True)
    assert display.inside[0] == sets[np.arange(897), y[900:]].mean()
    assert display.sizes[0] == sets.sum(axis=1).mean()
    np.testing.assert_allclose(display.inside, [0.8, 0.95], atol=0.1)
    assert display.size_ax_.get_ylabel() == "mean number of classes"


def test_of_several_outputs(friedman):
    X, y = friedman
    y = np.column_stack([y, -y])
    model = SpectralRegressor(5, **FEW).fit(X[:500], y[:500])
    display = CoverageDisplay.from_estimator(model, X[500:], y[500:], promised=[0.9])
    assert display.inside == pytest.approx(0.9, abs=0.06)


def test_what_it_does_not_take(friedman):
    X, y = friedman
    for model, error in (
        (LinearRegression().fit(X, y), TypeError),
        (SpectralRegressor(), NotFittedError),
        (SpectralRegressor(5, n_members=1, **FEW).fit(X, y), AttributeError),
    ):
        with pytest.raises(error):
            CoverageDisplay.from_estimator(model, X, y)
    model = SpectralRegressor(5, **FEW).fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        CoverageDisplay.from_estimator(model, X, y[:5])
