"""Weights of samples and of classes: copies, folds that lack a class, balance."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit, cross_val_score
from sklearn.preprocessing import scale

from sklearn_spectral import SpectralClassifier


def test_weights_stand_for_repetitions(digits):
    X, y = digits[0][:100], digits[1][:100]
    weight = np.arange(100) % 3
    model = SpectralClassifier(10, batch_size=100, max_iter=5, random_state=0)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-9
    )
    scaled = clone(model).fit(X, y, sample_weight=7.5 * weight)
    np.testing.assert_allclose(
        scaled.predict_proba(X), weighted.predict_proba(X), atol=1e-9
    )


def test_class_weight_is_sample_weight(cancer):
    X, y = cancer
    model = SpectralClassifier(10, max_iter=5, random_state=0, standardize=False)
    by_class = clone(model).set_params(class_weight={0: 3.0, 1: 0.5}).fit(X, y)
    by_sample = clone(model).fit(X, y, sample_weight=np.where(y == 0, 3.0, 0.5))
    np.testing.assert_allclose(
        by_class.predict_proba(X), by_sample.predict_proba(X), atol=1e-9
    )


def test_weights_of_classes_that_a_fold_lacks():
    """As in scikit-learn: all classes there have weights, and others may have some."""
    X, y = load_iris(return_X_y=True)
    # The last class comes at the end, so that a fold of it leaves the others to train.
    order = np.r_[np.arange(100).reshape(2, 50).T.ravel(), 100:150]
    X, y = scale(X)[order], y[order]
    weight = {0: 1, 1: 1, 2: 4}
    model = SpectralClassifier(
        5, linear_expansion=None, max_iter=3, random_state=0, class_weight=weight
    )
    linear = LogisticRegression(class_weight=weight, max_iter=1000)
    groups = np.repeat([0, 1, 2], 50)
    for cv in (KFold(3), TimeSeriesSplit(3), GroupKFold(3)):
        for make in (model, linear, CalibratedClassifierCV(model, cv=KFold(3))):
            scores = cross_val_score(make, X, y, cv=cv, groups=groups)
            assert np.isfinite(scores).all()
    two = y < 2
    there = clone(model).fit(X[two], y[two]).predict_proba(X)
    named = clone(model).set_params(class_weight={0: 1, 1: 1})
    np.testing.assert_array_equal(there, named.fit(X[two], y[two]).predict_proba(X))
    # A name that is wrong leaves a class without a weight.
    for make in (model, LogisticRegression()):
        wrong = clone(make).set_params(class_weight={0: 1, 1: 1, 3: 4})
        with pytest.raises(ValueError, match=r"\[2\]"):
            wrong.fit(X, y)


def test_balanced_lifts_the_rare_class(cancer):
    X, y = cancer
    rare = np.flatnonzero((y == 1) | (np.arange(len(y)) % 10 == 0))
    X, y = X[rare], y[rare]
    model = SpectralClassifier((), max_iter=30, random_state=0)
    plain = clone(model).fit(X, y).predict_proba(X)[:, 0].mean()
    balanced = model.set_params(class_weight="balanced").fit(X, y)
    assert balanced.predict_proba(X)[:, 0].mean() > plain


def test_labels_may_be_strings(cancer):
    X, y = cancer
    names = np.array(["malignant", "benign"])[y]
    weight = {"benign": 1.0, "malignant": 2.0}
    model = SpectralClassifier(10, max_iter=20, random_state=0, class_weight=weight)
    model.fit(X, names)
    assert model.classes_.tolist() == ["benign", "malignant"]
    assert set(model.predict(X)) == {"benign", "malignant"}
    assert model.score(X, names) > 0.9
