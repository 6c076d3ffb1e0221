"""Fits of populations on bags: what they follow from, and what cannot be asked of them."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import cross_validate
from torch.utils.data import DataLoader

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier

MODEL = SpectralClassifier(
    8,
    linear_expansion=None,
    n_members=4,
    bag_fraction=0.75,
    early_stopping="oob",
    max_iter=5,
    random_state=0,
)

LEARNING = clone(MODEL).set_params(
    hidden_layer_sizes=16, train_eigenvectors=True, early_stopping=False, max_iter=120
)


@pytest.fixture(scope="module")
def data(cancer):
    return cancer[0][:200], cancer[1][:200]


def assert_same_fit(one, other, **more):
    for ours, theirs in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, **more)
    scores = one.validation_scores_, other.validation_scores_
    np.testing.assert_allclose(*scores, rtol=1e-7)


def test_weights_stand_for_repetitions_and_the_order_of_rows_does_not_count(data):
    X, y = data
    weight = np.arange(len(y)) % 3
    model = clone(MODEL).set_params(batch_size=500, solver="adam")
    weighted = clone(model).fit(X, y, sample_weight=weight)
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(y)), weight))
    repeated = clone(model).fit(X[order], y[order])
    assert_same_fit(weighted, repeated, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        weighted.oob_decision_function_[order], repeated.oob_decision_function_, rtol=1e-6
    )


def test_it_does_not_count_what_stores_the_rows(data, tmp_path):
    X, y = np.where(np.abs(data[0]) < 0.5, 0, data[0]), data[1]
    model = clone(MODEL).set_params(standardize=False)  # sparse rows are not centred
    expected = clone(model).fit(X, y)
    np.save(tmp_path / "X.npy", X)
    names = np.array(["benign", "malignant"])[y]
    frame = pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])
    for source, labels in (
        (csr_array(X), y),
        (np.load(tmp_path / "X.npy", mmap_mode="r"), y),
        (frame, pd.Series(names, dtype="category")),
    ):
        assert_same_fit(clone(model).fit(source, labels), expected, rtol=1e-10)
    blocks = clone(model).set_params(shuffle="blocks").fit(X, y)
    assert blocks.oob_score_ == pytest.approx(expected.oob_score_, abs=0.1)


@pytest.mark.parametrize("solver", ["adamax", "sgd", "lbfgs"])
def test_members_do_not_see_what_they_leave_out(solver):
    """Targets of nothing but noise cannot be told out of bag, though they are learnt."""
    X = np.random.default_rng(0).normal(size=(150, 40))
    y = np.random.default_rng(1).integers(0, 2, 150)
    model = clone(LEARNING).set_params(solver=solver)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    assert model.score(X, y) > 0.85
    assert abs(model.oob_score_ - 0.5) < 0.13
    twins = clone(model).fit(np.repeat(X, 2, axis=0), np.repeat(y, 2))
    assert abs(twins.oob_score_ - 0.5) < 0.13


def test_groups_are_left_out_whole():
    rng = np.random.default_rng(0)
    centres, labels = rng.normal(size=(40, 30)), rng.integers(0, 2, 40)
    groups = np.repeat(np.arange(40), 5)
    X, y = centres[groups] + 0.1 * rng.normal(size=(200, 30)), labels[groups]
    model = LEARNING
    assert clone(model).fit(X, y).oob_score_ > 0.9  # by rows of the same group
    grouped = clone(model).fit(X, y, groups=groups)
    assert grouped.oob_score_ < 0.75
    named = clone(model).fit(X, y, groups=pd.Series(groups * 1.0))
    np.testing.assert_array_equal(named.coefs_[0], grouped.coefs_[0])
    order = rng.permutation(200)
    moved = (
        clone(model)
        .set_params(batch_size=200)
        .fit(X[order], y[order], groups=groups[order])
    )
    still = clone(model).set_params(batch_size=200).fit(X, y, groups=groups)
    np.testing.assert_allclose(moved.coefs_[0], still.coefs_[0], rtol=1e-6)


def test_groups_are_routed(data):
    X, y = data
    groups = np.arange(len(y)) // 2
    splits = [(np.arange(150), np.arange(150, 200))]
    with config_context(enable_metadata_routing=True):
        model = clone(MODEL).set_fit_request(groups=True)
        found = cross_validate(
            model, X, y, params={"groups": groups}, cv=splits, return_estimator=True
        )
    expected = clone(MODEL).fit(X[:150], y[:150], groups=groups[:150])
    assert_same_fit(found["estimator"][0], expected)


def test_portions_go_on_with_their_bags(data):
    X, y = data
    model = clone(MODEL)
    for part in (slice(0, 120), slice(120, 200)):
        model.partial_fit(X[part], y[part], classes=[0, 1])
    first = model.coefs_[0].copy()
    model.partial_fit(X, y)
    assert not np.allclose(model.coefs_[0], first)
    warm = clone(MODEL).set_params(warm_start=True)
    seeds = [warm.fit(X, y)._fitted.seed for _ in range(2)]
    assert seeds[0] == seeds[1]
    assert len(warm.loss_curve_) == 10
    expected = warm.member_decision_function(X)
    in_bags = warm._bags(seeds[0]).of_rows(X)
    mean = np.stack([expected[~mine, row].mean() for row, mine in enumerate(in_bags)])
    np.testing.assert_allclose(warm.oob_decision_function_[:, 1], 1 / (1 + np.exp(-mean)))


@pytest.mark.parametrize("times", [1, 50])
def test_few_different_rows_are_left_out_of_no_bag_by_default(times):
    """Each of them is all that there is to learn from; out of bag none could be told."""
    X, y = np.repeat([[0.0, 0], [0, 1], [1, 0], [1, 1]], times, axis=0), [0, 1, 1, 0]
    y = np.repeat(y, times)
    model = SpectralClassifier(random_state=0).fit(X, y)
    assert model.score(X, y) == 1
    assert not hasattr(model, "oob_score_")
    alike = np.ones_like(X)
    assert model.fit(alike, y).score(alike, y) == 0.5
    with pytest.raises(ValueError, match="No row is in the bags of 1 of the 8 members"):
        model.set_params(early_stopping="oob").fit(alike, y)
    more = np.random.default_rng(0).normal(size=(40, 2))
    model.set_params(early_stopping="auto", max_iter=1).fit(more, more[:, 0] > 0)
    assert model.oob_decision_function_.shape == (40, 2)


@pytest.mark.parametrize(
    ("params", "given", "message"),
    [
        ({"n_members": 1}, {}, "n_members=2 or more"),
        ({"bag_fraction": 0.1}, {}, "would leave each row out"),
        ({"bag_fraction": 1.0}, {}, "early_stopping='oob' stops by rows"),
        ({}, {"X_val": "X", "y_val": "y"}, "early_stopping='oob' stops by the rows of X"),
        ({}, {"groups": [1, 2]}, r"groups has the shape \(2,\)"),
        (
            {"bag_fraction": 1.0, "early_stopping": True},
            {"groups": "y"},
            "with bag_fraction=1.0 there are none",
        ),
    ],
)
def test_what_cannot_be_is_said_and_leaves_nothing(data, params, given, message):
    X, y = data
    model = clone(MODEL).set_params(**params)
    given = {
        name: {"X": X, "y": y}.get(v, v) if isinstance(v, str) else v
        for name, v in given.items()
    }
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **given)
    assert not hasattr(model, "n_features_in_")


def test_streams_and_networks_in_direct_space_have_no_groups(data):
    X, y = data
    pairs = DataLoader([*zip(X, y, strict=True)], batch_size=20)
    with pytest.raises(ValueError, match="groups needs rows by their numbers"):
        clone(MODEL).fit(pairs, groups=y)
    with pytest.raises(TypeError, match="groups"):
        DirectClassifier(4).fit(X, y, groups=y)
    with pytest.raises(ValueError, match="'early_stopping' parameter"):
        DirectClassifier(4, early_stopping="oob").fit(X, y)


def test_a_regressor_stops_out_of_bag_too(diabetes):
    model = SpectralRegressor(8, n_members=4, bag_fraction=0.75, early_stopping="oob")
    model.set_params(max_iter=20, random_state=0).fit(*diabetes)
    assert 0.3 < model.oob_score_ < 0.6
    errors = (model.oob_prediction_ - diabetes[1]) ** 2
    assert -model.best_validation_score_ == pytest.approx(errors.mean() / 2)
