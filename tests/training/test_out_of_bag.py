"""Out of bag: each row by the members that left it out, and training that stops by it."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss, r2_score
from torch.utils.data import DataLoader, Dataset, TensorDataset

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.data.bags import Bags
from sklearn_spectral.data.rows import as_rows
from sklearn_spectral.nn import SpectralNetwork
from sklearn_spectral.nn.losses import LOSSES
from sklearn_spectral.training.batches import ArrayDataset
from sklearn_spectral.training.out_of_bag import (
    OutOfBagRows,
    out_of_bag_loss,
    predict_out_of_bag,
)

BAGGED = {"n_members": 5, "bag_fraction": 0.6, "random_state": 0}


def mean_of_others(outputs, in_bags):
    """Return the mean output, (n, ...), of the members that left each row out."""
    return np.stack(
        [outputs[~mine, row].mean(axis=0) for row, mine in enumerate(np.asarray(in_bags))]
    )


def bags_of(model, X):
    return Bags(5, 2, model._fitted.seed).of(as_rows(X))


@pytest.mark.parametrize("strategy", ["auto", "layers", "closed_form", "project"])
@pytest.mark.parametrize("chunk_bytes", [2**25, 2**14])
def test_it_is_the_mean_of_those_that_left_a_row_out(
    digits, strategy, chunk_bytes, monkeypatch
):
    monkeypatch.setattr("sklearn_spectral.data.rows.CHUNK_BYTES", chunk_bytes)
    X, y = digits[0][:150], digits[1][:150]
    in_bags = Bags(5, 2, 0).of(as_rows(X))
    weight = np.random.default_rng(0).uniform(0.5, 1.5, 150)
    network = SpectralNetwork(
        64,
        10,
        (11, 9),
        "tanh",
        linear_expansion=[(13,), (), ()],
        train_eigenvalues="out",
        telescope=strategy,
        n_members=5,
        seed=0,
        dtype=torch.float64,
    )
    with torch.no_grad():
        outputs = network(torch.from_numpy(X)).numpy()
    expected = mean_of_others(outputs, in_bags)
    dataset = ArrayDataset(X, y, weight, in_bags=in_bags)
    plans = network.plan(50, len(X))
    with network.use_plans(plans):
        if network.computes_once(plans):
            dataset = dataset.mapped(lambda x: network.precompute(x, plans))
        found = predict_out_of_bag(network, OutOfBagRows(dataset))
        loss = out_of_bag_loss(network, OutOfBagRows(dataset), LOSSES["log_loss"]())
    np.testing.assert_allclose(found.output, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found.target, y)
    losses = log_loss(y, softmax(expected, axis=1), sample_weight=weight)
    assert loss == pytest.approx(losses, rel=1e-10)


@pytest.mark.parametrize("averaging", ["auto", 0.0])
@pytest.mark.parametrize("solver", ["adamax", "lbfgs"])
def test_training_stops_by_it_and_keeps_the_best(cancer, averaging, solver):
    X, y = cancer
    model = SpectralClassifier(
        9,
        solver=solver,
        early_stopping="oob",
        averaging=averaging,
        n_iter_no_change=3,
        tol=1e-3,
        learning_rate="constant",
        learning_rate_init=0.05,
        **BAGGED,
    ).fit(X, y)
    assert model.stop_reason_ == "early_stopping"
    assert len(model.validation_scores_) == model.n_iter_ < 100
    logits = mean_of_others(model.member_decision_function(X), bags_of(model, X))
    assert model.best_validation_score_ == max(model.validation_scores_)
    trained = expit(model.temperature_ * logits)
    assert -model.best_validation_score_ == pytest.approx(log_loss(y, trained))
    np.testing.assert_allclose(model.oob_decision_function_[:, 1], expit(logits))
    np.testing.assert_allclose(model.oob_decision_function_.sum(axis=1), 1)
    assert model.oob_score_ == accuracy_score(y, logits > 0)


def test_rows_without_weight_and_rows_held_out_are_predicted_too(diabetes):
    X, y = diabetes
    weight = np.arange(len(y)) % 3.0
    Y = np.column_stack([y, -y])
    model = SpectralRegressor(9, max_iter=3, early_stopping=True, **BAGGED)
    model.fit(X, Y, sample_weight=weight)
    expected = mean_of_others(model.member_predict(X), bags_of(model, X))
    np.testing.assert_allclose(model.oob_prediction_, expected)
    counts = weight > 0
    assert model.oob_score_ == pytest.approx(r2_score(Y[counts], expected[counts]))
    single = clone(model).fit(X, y)
    assert single.oob_prediction_.shape == y.shape


def test_it_is_dropped_by_a_training_that_has_none(cancer):
    X, y = cancer
    model = SpectralClassifier(9, max_iter=2, **BAGGED)
    for train in (
        lambda: model.partial_fit(X[:50], y[:50]),
        lambda: clone(model).set_params(bag_fraction=1.0).fit(X, y),
    ):
        assert 0 <= model.fit(X, y).oob_score_ <= 1
        trained = train()
        assert not hasattr(trained, "oob_score_")
        assert not hasattr(trained, "oob_decision_function_")
    model.set_params(bag_fraction=1.0, n_members=5).fit(X, y)
    assert not hasattr(model, "oob_score_")


@pytest.mark.parametrize("n_buffered", [64, 10**9])
def test_a_stream_gives_the_fit_of_the_array(digits, n_buffered, monkeypatch):
    X, y = digits[0][:300], digits[1][:300]
    monkeypatch.setattr("sklearn_spectral.data.rows.BLOCK_NUMBERS", n_buffered)
    model = SpectralClassifier(
        9,
        max_iter=3,
        early_stopping="oob",
        shuffle=False,
        class_weight="balanced",
        **BAGGED,
    )
    expected = clone(model).fit(X, y)
    samples = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    stream = clone(model).fit(DataLoader(samples, batch_size=50))
    np.testing.assert_allclose(stream.coefs_[0], expected.coefs_[0], rtol=1e-10)
    np.testing.assert_allclose(stream.validation_scores_, expected.validation_scores_)
    np.testing.assert_allclose(
        stream.oob_decision_function_, expected.oob_decision_function_, atol=1e-12
    )
    assert stream.oob_score_ == pytest.approx(expected.oob_score_)
    # Batches of all rows are the same in any order.
    model.set_params(batch_size=300)
    shuffled = clone(model).fit(DataLoader(samples, batch_size=50, shuffle=True))
    expected = clone(model).fit(X, y)
    np.testing.assert_allclose(shuffled.coefs_[0], expected.coefs_[0], rtol=1e-9)
    np.testing.assert_allclose(shuffled.validation_scores_, expected.validation_scores_)
    assert shuffled.oob_score_ == pytest.approx(expected.oob_score_)


class Noisy(Dataset):
    """Samples that are moved a little, by as much each time or anew."""

    def __init__(self, X, y, anew):
        self.X, self.y, self.anew = X, y, anew

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        rng = np.random.default_rng(None if self.anew else row)
        return self.X[row] + 1e-3 * rng.normal(size=self.X.shape[1]), self.y[row]


@pytest.mark.parametrize("solver", ["adamax", "lbfgs"])
@pytest.mark.parametrize("params", [{"early_stopping": "oob"}, {"max_iter": 1}, {}])
def test_a_stream_whose_samples_change_has_no_bags(cancer, params, solver):
    X, y = cancer
    model = SpectralClassifier(4, max_iter=2, solver=solver, **BAGGED).set_params(**params)
    with pytest.raises(ValueError, match=r"The samples of DataLoader differ.*in any order"):
        model.fit(DataLoader(Noisy(X, y, anew=True), batch_size=50))
    same = DataLoader(Noisy(X, y, anew=False), batch_size=50, shuffle=True)
    assert model.fit(same).oob_score_ > 0
    model.set_params(early_stopping=False, bag_fraction=1.0)
    model.fit(DataLoader(Noisy(X, y, anew=True), batch_size=50))


def test_every_member_needs_rows_of_a_stream(diabetes):
    X, y = diabetes
    pairs = DataLoader([(X[0], y[0]), (X[0], y[1])], batch_size=2)
    model = SpectralRegressor(4, max_iter=2, **BAGGED)
    with pytest.raises(ValueError, match=r"2 of the 5 members, .* there are 2 samples"):
        model.fit(pairs)
    model.partial_fit(pairs)
    one_weighs = DataLoader([(x, row > 0) for row, x in enumerate(X[:30])], batch_size=10)
    model = SpectralClassifier(4, class_weight={True: 0, False: 1}, max_iter=2, **BAGGED)
    with pytest.raises(ValueError, match=r"2 of the 5 members, .* there is 1 sample"):
        model.fit(one_weighs)
