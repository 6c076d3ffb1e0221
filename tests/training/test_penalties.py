"""Penalties on eigenvalues and eigenvectors, and their scale."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.nn import SpectralNetwork

from ..plain import PLAIN

TWENTY = {**PLAIN, "max_iter": 20, "random_state": 0}


def test_weights_stand_for_repetitions_under_a_penalty_too(digits):
    X, y = digits[0][:100], digits[1][:100]
    weight = np.arange(100) % 3
    model = SpectralClassifier(10, batch_size=100, max_iter=5, random_state=0, alpha=3.0)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-9
    )


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_alpha_shrinks_eigenvalues(digits, l1_ratio):
    model = SpectralClassifier(20, l1_ratio=l1_ratio, **TWENTY)
    free = clone(model).fit(*digits)
    bound = clone(model).set_params(alpha=18.0).fit(*digits)
    size = [sum(np.abs(v).sum() for v in m.eigenvalues_) for m in (free, bound)]
    assert size[1] < 0.8 * size[0]


@pytest.mark.parametrize("which", ["out", "in"])
def test_alpha_shrinks_weights_where_one_set_trains(digits, which):
    model = SpectralClassifier(20, train_eigenvalues=which, **TWENTY)
    bound = clone(model).set_params(alpha=100.0).fit(*digits)
    norms = [np.linalg.norm(m.coefs_[1]) for m in (bound, model.fit(*digits))]
    assert norms[0] < 0.7 * norms[1]


def test_l1_shares_are_apart(digits):
    """The first epoch in one batch starts from the same loss but for the penalties."""
    model = SpectralClassifier(
        20,
        n_members=1,
        standardize=False,
        train_eigenvectors=True,
        alpha=2.0,
        alpha_eigenvectors=3.0,
        l1_ratio=0.25,
        l1_ratio_eigenvectors=0.75,
        batch_size=1797,
        max_iter=1,
        random_state=0,
    )
    bound = clone(model).fit(*digits)
    free = clone(model).set_params(alpha=0.0, alpha_eigenvectors=0.0).fit(*digits)
    network = SpectralNetwork(
        64, 10, 20, train_eigenvectors=True, seed=bound._fitted.seed, dtype=torch.float64
    )
    sums = {"eigenvalues": np.zeros(2), "eigenvectors": np.zeros(2)}
    for layer in network.layers():
        for group, values in layer.penalised():
            sums[group] += float(values.abs().sum()), float(values.square().sum()) / 2
    expected = (
        2.0 * sums["eigenvalues"] @ (0.25, 0.75) + 3.0 * sums["eigenvectors"] @ (0.75, 0.25)
    ) / 1797
    added = bound.loss_curve_[0] - free.loss_curve_[0]
    np.testing.assert_allclose(added, expected, rtol=1e-9)
    same = clone(model).set_params(l1_ratio_eigenvectors=None)
    assert same._penalties()["eigenvectors"] == (3.0, 0.25)


def test_alpha_eigenvectors_shrinks_trained_eigenvectors(digits):
    model = SpectralClassifier(20, alpha_eigenvectors=18.0, **TWENTY)
    frozen = clone(model).fit(*digits)
    start = clone(model).set_params(alpha_eigenvectors=0.0).fit(*digits)
    for a, b in zip(frozen.eigenvectors_, start.eigenvectors_, strict=True):
        np.testing.assert_array_equal(a, b)
    model.set_params(train_eigenvectors=True)
    bound = clone(model).fit(*digits)
    free = clone(model).set_params(alpha_eigenvectors=0.0).fit(*digits)
    size = [np.linalg.norm(m.eigenvectors_[0]) for m in (free, bound)]
    assert size[1] < 0.8 * size[0]


def test_the_penalty_is_the_elastic_net(digits):
    model = SpectralClassifier((), learning_rate_init=1e-12, batch_size=2000, **PLAIN)
    model.set_params(max_iter=1, random_state=0)
    plain = clone(model).fit(*digits)
    penalised = clone(model).set_params(alpha=0.5, l1_ratio=0.25).fit(*digits)
    values = np.concatenate(plain.eigenvalues_)
    norms = 0.25 * np.abs(values).sum() + 0.75 / 2 * (values**2).sum()
    expected = 0.5 / len(digits[1]) * norms
    added = penalised.loss_curve_[0] - plain.loss_curve_[0]
    assert added == pytest.approx(expected, rel=1e-8)
