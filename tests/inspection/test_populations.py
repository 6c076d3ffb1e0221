"""Displays of populations: of their eigenvalues, and of the networks they merge to."""

import numpy as np
import pytest

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.inspection import (
    AdjacencyDisplay,
    PruningDisplay,
    RelevanceDisplay,
    SpectrumDisplay,
    TrainingCurveDisplay,
    WeightDistributionDisplay,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def model(cancer):
    model = SpectralClassifier((6, 5), linear_expansion=None, n_members=4, max_iter=3)
    return model.set_params(random_state=0).fit(*cancer)


def test_the_spectrum_is_that_of_all_members(model):
    display = SpectrumDisplay.from_estimator(model, layers=[0, 2])
    assert [v.shape for v in display.eigenvalues_in] == [(4, 30), (4, 5)]
    assert [v.shape for v in display.eigenvalues_out] == [(4, 6), (4, 1)]
    first = display.lines_[0]
    np.testing.assert_array_equal(
        first.get_ydata(), np.sort(model.eigenvalues_in_[0].ravel())
    )
    assert len(first.get_xdata()) == 120
    assert first.get_xdata().max() < 1
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "30 to 6",
        "5 to 1",
    ]


def test_the_adjacency_matrix_has_members_along_the_diagonal(model, diabetes, path):
    display = AdjacencyDisplay.from_estimator(model)
    assert display.widths == (30, 24, 20, 1)
    block = display.adjacency[54:74, 30:54]
    np.testing.assert_array_equal(block, model.coefs_[1].toarray().T)
    assert (block != 0).sum() == 4 * 6 * 5
    save(model, path, compact=True)
    again = AdjacencyDisplay.from_estimator(load(path))
    np.testing.assert_array_equal(again.adjacency, display.adjacency)
    linear = SpectralRegressor((), n_members=3, max_iter=1).fit(*diabetes)
    display = AdjacencyDisplay.from_estimator(linear)
    np.testing.assert_array_equal(display.adjacency, linear.compact_adjacency_)


def test_weights_between_members_are_none(model):
    display = WeightDistributionDisplay.from_estimator(model)
    (weights,) = display.weights.values()
    assert len(weights) == 30 * 24 + 4 * 6 * 5 + 20
    (weights,) = WeightDistributionDisplay.from_estimator(model, layer=1).weights.values()
    np.testing.assert_array_equal(weights, model._fitted.coefs[1].ravel())


def test_relevance_and_the_training_curve(model):
    relevance = RelevanceDisplay.from_estimator(model).relevance
    norms = np.linalg.norm(model.coefs_[0], axis=1)
    np.testing.assert_allclose(relevance, norms / norms.sum())
    assert TrainingCurveDisplay.from_estimator(model).ax_ is not None


def test_pruning_starts_with_all_members(model, cancer):
    display = PruningDisplay.from_estimator(model, *cancer, fractions=[0, 0.9])
    assert display.scores["residual"][0] == model.score(*cancer)
