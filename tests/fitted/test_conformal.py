"""Scores of rows that did not train, and what is believed by them."""

import numpy as np
import pytest

from sklearn_spectral.fitted.conformal import (
    KEPT,
    error_of_all,
    kept,
    largest_believed,
    strangeness_of_classes,
)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("n_rows", [30, KEPT, 5000])
def test_new_rows_are_as_strange(n_rows, coverage):
    rng = np.random.default_rng(0)
    inside = [
        rng.random(200) <= largest_believed(kept(rng.random((n_rows, 1))), coverage)[0]
        for _ in range(400)
    ]
    expected = np.ceil((min(n_rows, KEPT) + 1) * coverage) / (min(n_rows, KEPT) + 1)
    assert np.mean(inside) == pytest.approx(expected, abs=0.01)


def test_scores_are_kept_evenly_by_rank():
    scores = np.random.default_rng(0).permutation(10_000.0 * np.arange(1, 10_001))[:, None]
    found = kept(np.hstack([scores, -scores]))
    assert found.shape == (KEPT, 2)
    assert (np.diff(found, axis=0) >= 0).all()
    shares = found[:, 0] / 1e8
    np.testing.assert_allclose(shares, np.arange(1, KEPT + 1) / (KEPT + 1), atol=2e-4)
    few = np.array([[3.0], [1.0], [2.0]])
    np.testing.assert_array_equal(kept(few), [[1], [2], [3]])


def test_too_few_scores_believe_everything():
    scores = np.arange(1.0, 10.0)[:, None]
    assert largest_believed(scores, 0.9) == 9  # the last of nine, as all are with a tenth
    assert largest_believed(scores, 0.91) == np.inf
    assert largest_believed(scores, 0.05) == 1


def test_scores_of_classes():
    shares = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    found = strangeness_of_classes(shares, seed=0)
    np.testing.assert_allclose(found[..., 0], 1 - shares)
    part = np.random.default_rng(0).random(2)
    np.testing.assert_allclose(
        found[0, :, 1], [1 - part[0] * 0.2, 0.5 - part[0] * 0.5, 0.8 - part[0] * 0.3]
    )
    assert (found >= 0).all()


def test_scores_of_right_probabilities_are_uniform():
    """So are those of the true classes, if labels are drawn by the probabilities."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([1.0, 0.5, 0.3, 0.1], size=20_000)
    labels = (shares.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    found = strangeness_of_classes(shares, seed=1)[np.arange(20_000), labels, 1]
    np.testing.assert_allclose(
        np.quantile(found, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.01
    )


def test_errors_of_the_mean_of_all_members():
    """Members that vary on their own: half of what their mean takes off is taken off."""
    rng = np.random.default_rng(0)
    noise, own = rng.normal(size=(50_000, 2)) * [1, 3], rng.normal(size=(50_000, 2, 8))
    of_one, others = own[..., 0], own[..., 1:].mean(axis=-1)
    errors = np.abs(noise + of_one)
    found = error_of_all(errors, of_one - others, n_members=8, n_left_out=1)
    of_all = ((noise + own.mean(axis=-1)) ** 2).mean(axis=0)
    expected = ((errors**2).mean(axis=0) + of_all) / 2
    np.testing.assert_allclose((found**2).mean(axis=0), expected, rtol=0.02)


def test_errors_stay_where_members_agree():
    errors = np.array([[1.0, 0.0], [2.0, 0.0]])
    nothing = np.zeros((2, 2))
    np.testing.assert_array_equal(error_of_all(errors, nothing, 8, 1), errors)
    assert (error_of_all(errors, 100 + nothing, 8, 1) == errors / 2).all()
    huge = error_of_all(1e200 * errors, 1e199 + nothing, 8, 1)
    np.testing.assert_allclose(
        huge[:, 0], error_of_all(errors, 0.1 + nothing, 8, 1)[:, 0] * 1e200
    )
