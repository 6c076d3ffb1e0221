"""The temperature: one number that divides the logits, found out of bag."""

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.metrics import brier_score_loss, log_loss

from sklearn_spectral import SpectralClassifier, load, save
from sklearn_spectral.nn.losses import LOSSES as LOSSES_OF_TORCH
from sklearn_spectral.training.temperature import best_temperature

MODEL = SpectralClassifier(
    16,
    n_members=8,
    train_eigenvectors=False,
    bag_fraction=0.75,
    max_iter=30,
    random_state=0,
    linear_expansion=None,
)
LOSSES = {
    "log_loss": log_loss,
    "brier": lambda y, p, **kwargs: brier_score_loss(y, p[:, 1], **kwargs),
}


@pytest.mark.parametrize("loss", [*LOSSES])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_makes_the_loss_out_of_bag_least(loss, weighted, cancer):
    X, y = cancer
    weight = np.random.default_rng(0).uniform(0.1, 2, len(y)) if weighted else None
    model = clone(MODEL).set_params(loss=loss).fit(X, y, weight)
    as_trained = clone(model).set_params(temperature=1.0).fit(X, y, weight)
    logits = logit(as_trained.oob_decision_function_[:, 1])

    def loss_at(temperature):
        p = expit(logits / temperature)
        return LOSSES[loss](y, np.column_stack([1 - p, p]), sample_weight=weight)

    assert as_trained.temperature_ == 1.0
    assert abs(np.log(model.temperature_)) > 0.01
    least = loss_at(model.temperature_)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert least < loss_at(model.temperature_ * factor)
    found = LOSSES[loss](y, model.oob_decision_function_, sample_weight=weight)
    assert found == pytest.approx(least, rel=1e-9)
    assert model.oob_score_ == as_trained.oob_score_


def test_it_is_not_below_one_where_eigenvectors_know_of_the_rows(cancer):
    X, y = cancer
    model = clone(MODEL).set_params(loss="brier", max_iter=15)
    assert clone(model).fit(X, y).temperature_ < 1.0
    assert model.set_params(train_eigenvectors=True).fit(X, y).temperature_ >= 1.0


def test_few_rows_have_to_be_sure_of_one_far_from_one():
    output, target = torch.tensor([[2.0], [1.0], [0.5]]).double(), torch.tensor([1, 1, 1])
    loss = LOSSES_OF_TORCH["log_loss"]()
    assert best_temperature(output, target, None, loss) == pytest.approx(0.1, rel=0.01)
    found = best_temperature(output, target, None, loss, spread=0.3)
    logarithms = np.linspace(-2, 2, 4001)
    losses = np.logaddexp(0, -output.numpy() * np.exp(-logarithms)).sum(axis=0)
    best = logarithms[np.argmin(losses + logarithms**2 / (2 * 0.3**2))]
    assert np.log(found) == pytest.approx(best, abs=2e-3)
    many = output.repeat(1000, 1), target.repeat(1000)
    assert best_temperature(*many, None, loss, spread=0.3) < 0.2


def test_labels_stay(digits):
    X, y = digits[0][:300], digits[1][:300]
    model, as_trained = (
        clone(MODEL).set_params(temperature=each, max_iter=4).fit(X, y)
        for each in ("auto", 1.0)
    )
    np.testing.assert_array_equal(model.predict(X), as_trained.predict(X))
    np.testing.assert_allclose(
        model.decision_function(X) * model.temperature_, as_trained.decision_function(X)
    )
    assert model.loss_curve_ == as_trained.loss_curve_
    np.testing.assert_allclose(model.feature_importances_, as_trained.feature_importances_)


def test_a_number_is_taken_as_it_is(cancer, path):
    X, y = cancer
    model = clone(MODEL).set_params(temperature=3.7, standardize=False).fit(X, y)
    plain = clone(model).set_params(temperature=1.0).fit(X, y)
    assert model.temperature_ == 3.7
    np.testing.assert_allclose(
        model.member_decision_function(X) * 3.7, plain.member_decision_function(X)
    )
    assert not plain._fitted.units()
    for compact in (False, True):
        save(model, path, compact=compact)
        assert load(path).temperature_ == 3.7


def test_it_is_one_where_nothing_is_honest(cancer):
    X, y = cancer
    alone = clone(MODEL).set_params(n_members=1, bag_fraction=1.0, max_iter=2)
    assert alone.fit(X, y).temperature_ == 1.0
    model = clone(MODEL).set_params(max_iter=20, warm_start=True).fit(X, y)
    assert model.temperature_ != 1.0
    assert model.partial_fit(X, y).temperature_ == 1.0


def test_training_goes_on_from_logits_as_they_were_trained(cancer):
    X, y = cancer
    results = []
    for temperature in (1.0, 5.0):
        model = clone(MODEL).set_params(warm_start=True, temperature=temperature)
        results.append(model.fit(X, y).set_params(max_iter=2).fit(X, y))
    assert results[0].loss_curve_ == results[1].loss_curve_
    assert results[1].temperature_ == 5.0
