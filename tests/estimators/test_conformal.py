"""Intervals, standard deviations and sets, calibrated on rows that did not train."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_friedman1

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor
from sklearn_spectral.pruning import prune_nodes

N_ROWS = 500
FEW = {"max_iter": 30, "random_state": 0}
REGRESSOR = SpectralRegressor(20, **FEW)
CLASSIFIER = SpectralClassifier(20, **FEW)
NOT_KNOWN = "needs rows that did not train"


@pytest.fixture(scope="module")
def numbers():
    """Return rows to train on with their targets, and new ones."""
    X, y = make_friedman1(3000, noise=1.0, random_state=0)
    return X[:N_ROWS], 1000 + 50 * y[:N_ROWS], X[N_ROWS:], 1000 + 50 * y[N_ROWS:]


@pytest.fixture(scope="module")
def classes():
    """Return the same of four classes that overlap."""
    X, y = make_classification(
        3000, 8, n_informative=6, n_classes=4, class_sep=0.7, flip_y=0.1, random_state=0
    )
    y = np.array(["a", "b", "c", "d"])[y]
    return X[:N_ROWS], y[:N_ROWS], X[N_ROWS:], y[N_ROWS:]


def share_inside(intervals, y):
    """Return how many targets lie in their intervals."""
    return ((intervals[..., 0] <= y) & (y <= intervals[..., 1])).mean()


HOW = {
    "out of bag": (REGRESSOR, False),
    "held out": (clone(REGRESSOR).set_params(early_stopping=True), False),
    "given": (clone(REGRESSOR).set_params(n_members=1), True),
    "direct": (DirectRegressor(20, early_stopping=True, **FEW), True),
}


@pytest.mark.parametrize("how", HOW)
def test_intervals_hold_what_they_promise(numbers, how):
    X, y, X_new, y_new = numbers
    model, given = HOW[how]
    validation = {"X_val": X[300:], "y_val": y[300:]} if given else {}
    train = slice(300) if given else slice(None)
    model = clone(model).fit(X[train], y[train], **validation)
    widths = []
    for coverage in (0.5, 0.8, 0.95):
        found = model.predict_interval(X_new, coverage)
        assert found.shape == (2500, 2)
        rows = 50 if how == "held out" else 200
        tolerance = 3 * np.sqrt(coverage * (1 - coverage) / rows)
        assert share_inside(found, y_new) == pytest.approx(coverage, abs=tolerance)
        np.testing.assert_allclose(found.mean(axis=1), model.predict(X_new))
        widths.append(found[0, 1] - found[0, 0])
    assert widths == sorted(set(widths))
    predicted, std = model.predict(X_new, return_std=True)
    np.testing.assert_array_equal(predicted, model.predict(X_new))
    assert share_inside(np.stack([predicted - std, predicted + std], -1), y_new) > 0.55


def test_outputs_have_their_own_widths(numbers):
    X, y, X_new, y_new = numbers
    model = clone(REGRESSOR).fit(X, np.column_stack([y, 1e-3 * y, 0 * y]))
    found = model.predict_interval(X_new)
    assert found.shape == (2500, 3, 2)
    targets = np.column_stack([y_new, 1e-3 * y_new, 0 * y_new])
    for each in range(2):
        assert share_inside(found[:, each], targets[:, each]) == pytest.approx(
            0.9, abs=0.05
        )
    mean, std = model.predict(X_new, return_std=True)
    assert mean.shape == std.shape == (2500, 3)
    assert std[0, 0] == pytest.approx(1000 * std[0, 1], rel=0.3)
    in_floats = clone(REGRESSOR).fit(X.astype(np.float32), y)
    mean, std = in_floats.predict(X_new.astype(np.float32), return_std=True)
    assert mean.dtype == std.dtype == np.float32


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize(
    "model",
    [CLASSIFIER, clone(CLASSIFIER).set_params(n_members=1)],
    ids=["out of bag", "given"],
)
def test_sets_hold_what_they_promise(classes, model, method):
    X, y, X_new, y_new = classes
    if model.n_members == 1:
        model = clone(model).fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    else:
        model = clone(model).fit(X, y)
    index = np.searchsorted(model.classes_, y_new)
    sizes = []
    for coverage in (0.5, 0.8, 0.95):
        how = {"method": method, "allow_empty": True}
        found = model.predict_set(X_new, coverage, **how)
        assert found.shape == (2500, 4)
        assert found.dtype == bool
        tolerance = 3 * np.sqrt(coverage * (1 - coverage) / 200)
        inside = found[np.arange(2500), index].mean()
        assert inside == pytest.approx(coverage, abs=tolerance)
        np.testing.assert_array_equal(found, model.predict_set(X_new, coverage, **how))
        more = model.predict_set(X_new, coverage, method=method)
        assert (more >= found).all()
        assert more.any(axis=1).all()
        assert more[np.arange(2500), model.predict_proba(X_new).argmax(axis=1)].all()
        sizes.append(found.sum())
    assert sizes == sorted(set(sizes))


def test_two_classes(cancer):
    X, y = cancer
    model = SpectralClassifier(8, **FEW).fit(X[:400], y[:400])
    inside = model.predict_set(X[400:], 0.99)
    assert inside[np.arange(169), y[400:]].mean() > 0.95
    assert inside.sum() < 250


def test_what_has_none_says_so(numbers, classes, digits):
    alone = {"n_members": 1, "early_stopping": False, **FEW}
    models = [
        (SpectralRegressor(4, **alone).fit(*numbers[:2]), "predict_interval"),
        (SpectralClassifier(4, **alone).fit(*classes[:2]), "predict_set"),
        (DirectClassifier(4, **FEW).fit(*classes[:2]), "predict_set"),
    ]
    for model, name in models:
        with pytest.raises(AttributeError, match=f"{name} {NOT_KNOWN}.*X_val and y_val"):
            getattr(model, name)(numbers[0])
    with pytest.raises(AttributeError, match="return_std=True needs rows"):
        models[0][0].predict(numbers[0], return_std=True)


def test_they_go_with_the_network_that_they_are_of(numbers):
    X, y, X_new, _ = numbers
    model = clone(REGRESSOR).set_params(max_iter=4, warm_start=True).fit(X, y)
    before = model.predict_interval(X_new)
    merged = model.merge_members()
    np.testing.assert_allclose(merged.predict_interval(X_new), before)
    assert not np.allclose(model.fit(X, y).predict_interval(X_new), before)
    for other in (
        model.partial_fit(X, y),
        merged.set_params(early_stopping=False).fit(X, y),
        prune_nodes(clone(merged).set_params(warm_start=False).fit(X, y), fraction=0.5),
        merged.to_direct(),
    ):
        with pytest.raises(AttributeError, match=NOT_KNOWN):
            other.predict_interval(X_new)


@pytest.mark.parametrize("compact", [False, True])
def test_they_are_saved(numbers, classes, tmp_path, compact):
    for model, data, name in (
        (REGRESSOR, numbers, "predict_interval"),
        (CLASSIFIER, classes, "predict_set"),
    ):
        model = clone(model).set_params(max_iter=3).fit(*data[:2])
        expected = getattr(model, name)(data[2])
        save(model, tmp_path / "model", compact=compact)
        again = load(tmp_path / "model"), pickle.loads(pickle.dumps(model))
        for each in again:
            np.testing.assert_allclose(getattr(each, name)(data[2]), expected)


def test_rows_without_weight_tell_nothing(numbers):
    X, y, X_new, _ = numbers
    weight = np.repeat([1.0, 0.0], [400, 100])
    wrong = np.where(weight > 0, y, 1e6)
    model = clone(REGRESSOR).fit(X, wrong, weight)
    assert np.isfinite(found := model.predict_interval(X_new, 0.99)).all()
    assert (found[:, 1] - found[:, 0]).max() < 2000


def test_many_rows_of_few_kinds_are_asked_themselves():
    rng = np.random.default_rng(0)
    X = rng.integers(0, [4, 2, 2], size=(3000, 3)).astype(float)
    y = (rng.random(3000) < 0.2 + 0.15 * X[:, 0]).astype(int)
    model = SpectralClassifier(8, **FEW).fit(X[:640], y[:640])
    inside = model.predict_set(X[640:], 0.8, allow_empty=True)
    assert inside[np.arange(2360), y[640:]].mean() == pytest.approx(0.8, abs=0.05)
    regressor = SpectralRegressor(8, **FEW).fit(X[:640], y[:640])
    assert share_inside(regressor.predict_interval(X[640:]), y[640:]) > 0.85
    with pytest.raises(AttributeError, match="fewer than 32 different rows"):
        model.fit(X[:639], y[:639]).predict_set(X)


def test_few_rows_tell_little(numbers):
    X, y, X_new, _ = numbers
    model = SpectralRegressor(4, n_members=1, **FEW).fit(
        X[:50], y[:50], X_val=X[50:60], y_val=y[50:60]
    )
    assert np.isfinite(model.predict_interval(X_new, 0.9)).all()
    assert np.isinf(model.predict_interval(X_new, 0.95)).all()


@pytest.mark.parametrize("coverage", [0, 1, 1.5, "most"])
def test_what_is_no_share_is_refused(numbers, coverage):
    model = clone(REGRESSOR).set_params(max_iter=2).fit(*numbers[:2])
    with pytest.raises(ValueError, match=f"coverage={coverage!r} must be a number above 0"):
        model.predict_interval(numbers[2], coverage)


def test_there_is_no_such_method(classes):
    model = clone(CLASSIFIER).set_params(max_iter=2).fit(*classes[:2])
    with pytest.raises(ValueError, match=r"method='raps' must be one of \['lac', 'aps'\]"):
        model.predict_set(classes[2], method="raps")
