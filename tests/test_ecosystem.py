"""The estimators inside scikit-learn's own tools."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, StackingClassifier
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor

from .plain import PLAIN


@pytest.fixture
def classifier():
    return SpectralClassifier(20, max_iter=5, random_state=0)


@pytest.fixture
def linear():
    return SpectralClassifier(
        (), linear_expansion=60, random_state=0, **{**PLAIN, "max_iter": 40}
    )


def test_grid_search_in_two_processes_is_that_in_one(digits):
    grid = {
        "spectralclassifier__hidden_layer_sizes": [(), (20,)],
        "spectralclassifier__linear_expansion": [None, 40],
        "spectralclassifier__train_eigenvectors": [False, True],
    }
    pipeline = make_pipeline(
        StandardScaler(), SpectralClassifier(random_state=0, **{**PLAIN, "max_iter": 10})
    )
    searches = [
        GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(*digits)
        for n_jobs in (1, 2)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_allclose(scores[0], scores[1], atol=2e-3)
    assert len(set(np.round(scores[0], 6))) > 4
    assert searches[1].best_score_ > 0.9
    assert searches[1].predict(digits[0]).shape == (1797,)


def test_cross_val_score(digits, diabetes, classifier):
    assert cross_val_score(classifier, *digits, cv=3).min() > 0.8
    regressor = SpectralRegressor(20, random_state=0)
    assert cross_val_score(regressor, *diabetes, cv=3).mean() > 0.3


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(digits, cancer, classifier, method):
    for X, y in (digits, cancer):
        calibrated = CalibratedClassifierCV(classifier, method=method, cv=2).fit(X, y)
        assert calibrated.score(X, y) > 0.85
        np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)


def test_bagging(digits, diabetes, classifier):
    bagged = BaggingClassifier(classifier, n_estimators=3, random_state=0).fit(*digits)
    assert bagged.score(*digits) > 0.85
    assert len({est.random_state for est in bagged.estimators_}) == 3
    regressor = SpectralRegressor(20, max_iter=30)
    bagged = BaggingRegressor(regressor, n_estimators=3, random_state=0).fit(*diabetes)
    assert bagged.score(*diabetes) > 0.3


def test_stacking_and_multi_output(digits, classifier, linear):
    X, y = digits
    stacked = StackingClassifier([("a", classifier), ("b", linear)], cv=2).fit(X, y)
    assert stacked.score(X, y) > 0.9
    both = np.column_stack([y, y % 2])
    assert MultiOutputClassifier(classifier).fit(X, both).score(X, both) > 0.7


def test_permutation_importance(cancer, linear):
    X, y = cancer
    X = np.hstack([X[:, :4], np.random.default_rng(0).normal(size=(len(X), 4))])
    linear.fit(X, y)
    result = permutation_importance(linear, X, y, n_repeats=3, random_state=0)
    assert result.importances_mean[:4].sum() > 5 * abs(result.importances_mean[4:].sum())


def test_select_from_model_by_coef_and_by_importance(cancer, linear, classifier):
    X, y = cancer
    X = np.hstack([X, np.random.default_rng(0).normal(size=X.shape)])
    by_coef = SelectFromModel(linear, max_features=15, threshold=-np.inf).fit(X, y)
    expected = np.argsort(-np.abs(by_coef.estimator_.coef_[0]))[:15]
    np.testing.assert_array_equal(np.flatnonzero(by_coef.get_support()), np.sort(expected))
    assert by_coef.get_support()[:30].sum() > 10
    by_importance = SelectFromModel(classifier, max_features=15, threshold=-np.inf)
    by_importance.fit(X, y)
    expected = np.argsort(-by_importance.estimator_.feature_importances_)[:15]
    kept = np.flatnonzero(by_importance.get_support())
    np.testing.assert_array_equal(kept, np.sort(expected))
    assert RFE(linear, n_features_to_select=20, step=20).fit(X, y).n_features_ == 20


def test_sample_weight_is_routed_through_a_pipeline(cancer, classifier):
    X, y = cancer
    weight = np.where(y == 0, 5.0, 0.2)
    classifier.set_params(max_iter=60)
    with config_context(enable_metadata_routing=True):
        routed = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            clone(classifier)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=True),
        ).fit(X, y, sample_weight=weight)
        weighted = cross_val_score(
            clone(routed),
            X,
            y,
            cv=2,
            params={"sample_weight": weight},
            scoring=lambda model, X, y: model.score(X, y),
        )
    assert weighted.min() > 0.8
    scaled = StandardScaler().fit_transform(X)
    direct = clone(classifier).fit(scaled, y, sample_weight=weight)
    np.testing.assert_array_equal(routed[-1].coefs_[0], direct.coefs_[0])
    unweighted = clone(classifier).fit(scaled, y)
    assert not np.array_equal(unweighted.coefs_[0], direct.coefs_[0])


def test_validation_data_are_transformed_by_a_pipeline(cancer, classifier):
    X, y = 100 * cancer[0] + 7, cancer[1]
    early = clone(classifier).set_params(early_stopping=True)
    with config_context(enable_metadata_routing=True):
        pipeline = Pipeline(
            [
                ("scale", StandardScaler()),
                ("net", clone(early).set_fit_request(X_val=True, y_val=True)),
            ],
            transform_input=["X_val"],
        ).fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    scaler = StandardScaler().fit(X[:400])
    direct = early.fit(
        scaler.transform(X[:400]),
        y[:400],
        X_val=scaler.transform(X[400:]),
        y_val=y[400:],
    )
    assert pipeline[-1].validation_scores_ == direct.validation_scores_


def test_frames_with_names_strings_and_missing_columns(cancer, classifier):
    X, y = cancer
    frame = pd.DataFrame(X[:, :4], columns=["a", "b", "c", "d"])
    frame["kind"] = np.where(X[:, 5] > 0, "high", "low")
    labels = pd.Series(np.array(["malignant", "benign"])[y], name="diagnosis")
    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["kind"]), remainder=StandardScaler()),
        classifier,
    ).fit(frame, labels)
    assert pipeline.score(frame, labels) > 0.85
    assert set(pipeline.predict(frame)) == {"malignant", "benign"}
    numeric = frame[["a", "b", "c", "d"]]
    classifier.fit(numeric, labels)
    assert classifier.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(numeric[["b", "a", "c", "d"]])


def test_set_params_inside_a_pipeline(classifier):
    pipeline = make_pipeline(StandardScaler(), classifier)
    pipeline.set_params(spectralclassifier__linear_expansion=((5,), ()))
    assert pipeline[-1].linear_expansion == ((5,), ())
