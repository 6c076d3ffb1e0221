"""IntervalDisplay and ConfidenceDisplay."""

import numpy as np
import pytest
import scipy.sparse as sp
from matplotlib import pyplot as plt
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.inspection import (
    ConfidenceDisplay,
    CoverageDisplay,
    IntervalDisplay,
)

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(900, 2))
Y = X[:, 0] + RNG.normal(size=900) * (0.02 + 0.5 * X[:, 1])
FEW = {"max_iter": 20, "random_state": 0}


@pytest.fixture(scope="module")
def quantiles():
    model = SpectralRegressor(
        30, loss="quantile", quantile=(0.05, 0.5, 0.95), random_state=0
    )
    return model.fit(X[:600], Y[:600])


def test_losses_grow_with_the_width_of_intervals(quantiles):
    new, y = X[600:], Y[600:]
    display = ConfidenceDisplay.from_estimator(quantiles, new, y, color="k")
    errors = np.abs(quantiles.predict(new)[:, 1] - y)
    widths = np.ptp(quantiles.predict_interval(new), axis=1)
    np.testing.assert_allclose(display.losses, errors[np.argsort(widths, kind="stable")])
    assert display.mean_losses_[-1] == pytest.approx(errors.mean())
    assert display.mean_losses_[100] < errors.mean() / 2
    assert (display.least_losses_ <= display.mean_losses_ + 1e-12).all()
    assert display.line_.get_color() == "k"
    assert display.ax_.get_ylabel() == "mean absolute error"
    np.testing.assert_array_equal(display.line_.get_ydata(), display.mean_losses_[19:])


def test_losses_of_a_classifier_in_a_pipeline(digits):
    images, y = digits
    names = np.array([*"abcdefghij"])[y]
    pipeline = make_pipeline(MinMaxScaler(), SpectralClassifier(20, **FEW))
    pipeline.fit(images[:900], names[:900])
    _, ax = plt.subplots()
    display = ConfidenceDisplay.from_estimator(pipeline, images[900:], names[900:], ax=ax)
    assert display.ax_ is ax
    expected = log_loss(names[900:], pipeline.predict_proba(images[900:]))
    assert display.mean_losses_[-1] == pytest.approx(expected, rel=1e-5)
    assert display.mean_losses_[400] < expected / 3


def test_losses_of_several_labels():
    inputs, labels = make_multilabel_classification(300, random_state=0)
    model = SpectralClassifier(20, **FEW).fit(inputs[:200], labels[:200])
    display = ConfidenceDisplay.from_estimator(
        model, inputs[200:], sp.csr_array(labels[200:])
    )
    shares = model.predict_proba(inputs[200:])
    expected = log_loss(labels[200:].ravel(), shares.ravel())
    assert display.losses.mean() == pytest.approx(expected, rel=1e-5)


def test_intervals_from_the_narrowest_to_the_widest(quantiles):
    new, y = X[600:], Y[600:]
    display = IntervalDisplay.from_estimator(quantiles, new, y, coverage=0.8, color="k")
    low, high = quantiles.predict_interval(new, 0.8).T
    np.testing.assert_array_equal(display.low, low)
    np.testing.assert_array_equal(display.high, high)
    outside = (y < low) | (y > high)
    assert len(display.outside_line_.get_ydata()) == outside.sum()
    assert len(display.inside_line_.get_ydata()) == (~outside).sum()
    assert display.ax_.get_title() == f"{1 - outside.mean():.0%} inside, 80% promised"


def test_one_of_several_outputs():
    both = np.stack([Y, -10 * Y], axis=1)
    model = SpectralRegressor(10, **FEW).fit(X[:600], both[:600])
    display = IntervalDisplay.from_estimator(model, X[600:], both[600:], output=1)
    np.testing.assert_array_equal(display.y, both[600:, 1])
    np.testing.assert_array_equal(display.low, model.predict_interval(X[600:])[:, 1, 0])


def test_targets_in_one_column(quantiles, digits):
    column = ConfidenceDisplay.from_estimator(quantiles, X[600:], Y[600:, None])
    flat = ConfidenceDisplay.from_estimator(quantiles, X[600:], Y[600:])
    np.testing.assert_array_equal(column.losses, flat.losses)
    intervals = IntervalDisplay.from_estimator(quantiles, X[600:], Y[600:, None])
    np.testing.assert_array_equal(intervals.y, Y[600:])
    inside = [
        CoverageDisplay.from_estimator(quantiles, X[600:], y, promised=[0.8]).inside
        for y in (Y[600:, None], Y[600:])
    ]
    assert inside[0] == inside[1]
    images, y = digits
    model = SpectralClassifier(20, **FEW).fit(images[:900], y[:900])
    with pytest.warns(match="A column-vector y was passed"):
        column = ConfidenceDisplay.from_estimator(model, images[900:], y[900:, None])
    flat = ConfidenceDisplay.from_estimator(model, images[900:], y[900:])
    np.testing.assert_array_equal(column.losses, flat.losses)
    for display in (ConfidenceDisplay, CoverageDisplay):
        with pytest.raises(ValueError, match="labels that are not among the classes"):
            display.from_estimator(model, images, y - 5)


def test_what_cannot_be_drawn(quantiles):
    even = SpectralRegressor(10, **FEW).fit(X[:600], Y[:600])
    with pytest.raises(ValueError, match="equally wide: it is as sure of one row as of"):
        ConfidenceDisplay.from_estimator(even, X[600:], Y[600:])
    with pytest.raises(ValueError, match=r"output=1 does not exist: .* from 0 to 0"):
        IntervalDisplay.from_estimator(quantiles, X, Y, output=1)
    for display in (ConfidenceDisplay, IntervalDisplay):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            display.from_estimator(quantiles, X, Y[:5])
        with pytest.raises(NotFittedError):
            display.from_estimator(SpectralRegressor(5), X, Y)
        with pytest.raises(TypeError, match="not an estimator instance"):
            display.from_estimator("model", X, Y)
