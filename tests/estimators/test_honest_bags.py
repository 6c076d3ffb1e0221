"""Out of bag after training that went on: only what members never saw is predicted."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.exceptions import ModelFileError
from sklearn_spectral.files.container import decode, encode

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(200, 10)), RNG.integers(0, 2, 200)
GROUPS = np.arange(200) // 4
MODEL = SpectralClassifier(
    64,
    linear_expansion=None,
    train_eigenvectors=True,
    n_members=4,
    bag_fraction=0.75,
    warm_start=True,
    learning_rate_init=0.05,
    batch_size=20,
    max_iter=60,
    early_stopping=False,
    random_state=0,
)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fitted(groups=None, **params):
    model = clone(MODEL).set_params(**params).fit(X, Y, groups=groups)
    return model.set_params(bag_fraction=0.75)


def without_bags():
    return fitted(bag_fraction=1.0)


def with_larger_bags():
    return fitted().set_params(bag_fraction=0.5)


def from_direct():
    direct = DirectClassifier(64, max_iter=60, random_state=0).fit(X, Y)
    params = MODEL.get_params()
    names = ("train_eigenvectors", "n_members", "bag_fraction", "max_iter", "random_state")
    return SpectralClassifier.from_direct(direct, **{name: params[name] for name in names})


def with_groups():
    return fitted(GROUPS)


def portions_after_groups():
    return fitted(GROUPS).partial_fit(X, Y)


def portions_without_bags():
    model = fitted().set_params(bag_fraction=1.0).partial_fit(X, Y)
    return model.set_params(bag_fraction=0.75)


@pytest.mark.parametrize(
    ("make", "groups", "reason"),
    [
        (without_bags, None, "trained on all rows"),
        (with_larger_bags, None, r"left out by 1 member\(s\), and now it is by 2"),
        (from_direct, None, "trained on all rows"),
        (with_groups, None, "bags of groups, and now there are bags of rows"),
        (fitted, GROUPS, "bags of rows, and now there are bags of groups"),
        (portions_after_groups, GROUPS, "trained on all rows"),
        (portions_without_bags, None, "trained on all rows"),
    ],
)
def test_rows_that_were_seen_are_not_predicted(make, groups, reason, tmp_path):
    model = make()
    stopping = pickle.loads(pickle.dumps(model)).set_params(early_stopping="oob")
    before = stopping._fitted
    with pytest.raises(ValueError, match=rf"early_stopping='oob'.*{reason}.*Fit anew"):
        stopping.fit(X, Y, groups=groups)
    assert stopping._fitted is before
    save(model, tmp_path / "model.spectral")
    copies = pickle.loads(pickle.dumps(model)), load(tmp_path / "model.spectral")
    for each in (model, *copies):
        each.set_params(max_iter=1)
        for stopping in (False, "auto"):  # nor after another one of the same
            each.set_params(early_stopping=stopping)
            with pytest.warns(UserWarning, match="There are no oob_score_.*fit anew"):
                each.fit(X, Y, groups=groups)
            assert not hasattr(each, "oob_score_")
            assert not hasattr(each, "oob_decision_function_")
    model.set_params(max_iter=60, warm_start=False, early_stopping=False)
    model.fit(X, Y, groups=groups)
    assert abs(model.oob_score_ - 0.5) < 0.13


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_what_was_never_seen_is_predicted_on(groups, tmp_path):
    """Targets of nothing but noise: whoever saw a row knows its target."""
    model = fitted(groups, bag_fraction=0.5)
    assert model.score(X, Y) > 0.7
    save(model, tmp_path / "model.spectral")
    pickled = pickle.loads(pickle.dumps(model))
    for each in (model, pickled, load(tmp_path / "model.spectral")):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            if groups is None:
                each.partial_fit(X, Y)
            each.fit(X, Y, groups=groups)  # left out are fewer than before
        assert abs(each.oob_score_ - 0.5) < 0.13
        assert each._bagged == ["rows" if groups is None else "groups", 1]


def test_portions_leave_out_what_a_fit_does():
    model = clone(MODEL).partial_fit(X, Y, classes=[0, 1])
    assert abs(model.fit(X, Y).oob_score_ - 0.5) < 0.13
    assert model.score(X, Y) > 0.7
    assert model._bagged == ["rows", 1]
    assert model.merge_members()._bagged is None
    assert from_direct()._bagged is None
    assert model.set_params(warm_start=False, bag_fraction=1.0).fit(X, Y)._bagged is None


@pytest.mark.parametrize("wrong", [["rows"], ["rows", 0], ["columns", 1], "rows", [1, 1]])
def test_a_file_with_other_bags_is_refused(wrong, tmp_path):
    path = tmp_path / "model.spectral"
    save(fitted(max_iter=1), path)
    content, tensors = decode("model", path.read_bytes())
    content["state"]["_bagged"] = wrong
    path.write_bytes(encode("model", content, tensors))
    with pytest.raises(ModelFileError, match="_bagged is"):
        load(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X[:1], X[:1, 0]), r"2 of the 4 members, .* there is 1 sample\. Set a smaller"),
        ((np.repeat(X[:1], 5, 0), np.arange(5.0)), "2 of the 4 members, .* 5 samples"),
        (
            (X[:8], X[:8, 0], None, [1] * 8),
            "2 of the 4 members, .* 8 samples of 1 different group.*leave groups out",
        ),
        ((X[:2], X[:2, 0], [1.0, 0.0]), "there is 1 sample"),
    ],
)
def test_every_member_needs_a_row(data, message):
    X, y, weight, groups = (*data, None, None)[:4]
    model = SpectralRegressor(4, n_members=4, bag_fraction=0.5, max_iter=1)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, weight, groups=groups)
    assert not hasattr(model, "n_features_in_")
    model.partial_fit(X, y, weight)  # portions may be so small


def test_classes_without_weight_train_no_member():
    model = clone(MODEL).set_params(class_weight={0: 0, 1: 1})
    rows = np.r_[np.flatnonzero(Y == 0), np.flatnonzero(Y == 1)[0]]
    with pytest.raises(ValueError, match=r"1 of the 4 members.* 1 sample"):
        model.fit(X[rows], Y[rows])


def test_the_score_counts_rows_alike():
    weight = np.where(np.arange(200) % 3, 5.0, 0) + (Y == 0)
    model = clone(MODEL).set_params(max_iter=3, class_weight={0: 1, 1: 9})
    model.fit(X, Y, sample_weight=weight)
    right = (model.oob_decision_function_[:, 1] > 0.5) == Y
    assert model.oob_score_ == pytest.approx(right[weight > 0].mean())
    assert model.oob_score_ != pytest.approx(np.average(right, weights=weight))
