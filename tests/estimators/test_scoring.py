"""``scoring``: what early stopping goes by."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import (
    get_scorer,
    log_loss,
    make_scorer,
    mean_absolute_error,
    roc_auc_score,
)
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.baselines import DirectClassifier

FEW = {"max_iter": 4, "random_state": 0}
CLASSIFIER = SpectralClassifier(6, n_members=4, temperature=1.0, **FEW)
REGRESSOR = SpectralRegressor(6, n_members=4, **FEW)


def halves(X, y):
    """Return what to fit, and the validation data."""
    half = len(X) // 2
    return (X[:half], y[:half]), {"X_val": X[half:], "y_val": y[half:]}


def test_the_loss_of_validation_data_is_the_default(cancer):
    given, validation = halves(*cancer)
    model = clone(CLASSIFIER).fit(*given, **validation)
    loss = log_loss(validation["y_val"], model.predict_proba(validation["X_val"]))
    assert -model.best_validation_score_ == pytest.approx(loss)
    direct = DirectClassifier(6, early_stopping=True, **FEW).fit(*given, **validation)
    loss = log_loss(validation["y_val"], direct.predict_proba(validation["X_val"]))
    assert -direct.best_validation_score_ == pytest.approx(loss)


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "neg_brier_score", "f1"])
def test_a_classifier_by_the_name_of_a_scorer(cancer, name):
    given, validation = halves(*cancer)
    model = clone(CLASSIFIER).set_params(scoring=name).fit(*given, **validation)
    score = get_scorer(name)(model, validation["X_val"], validation["y_val"])
    assert model.best_validation_score_ == pytest.approx(score)
    assert len(model.validation_scores_) == 4
    assert model.best_validation_score_ == max(model.validation_scores_)


@pytest.mark.parametrize("name", ["r2", "neg_mean_absolute_error"])
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_a_regressor_in_the_units_of_the_user(diabetes, name, n_outputs):
    X, y = diabetes
    if n_outputs:
        y = np.column_stack([y, 1000 - y**2])
    given, validation = halves(X, y)
    model = clone(REGRESSOR).set_params(scoring=name).fit(*given, **validation)
    score = get_scorer(name)(model, validation["X_val"], validation["y_val"])
    assert model.best_validation_score_ == pytest.approx(score)


def test_rows_held_out_have_their_weights(cancer):
    X, y = cancer
    seen = []

    def scorer(estimator, X, y, sample_weight=None):
        seen.append((estimator.predict(X).shape, y.shape, sample_weight))
        return estimator.score(X, y, sample_weight)

    model = clone(CLASSIFIER).set_params(scoring=scorer, early_stopping=True)
    weight = np.where(np.arange(len(y)) % 2, 1.0, 3.0)
    model.fit(X, y, weight)
    (predicted, given, weights), *others = seen
    assert predicted == given == weights.shape == (57,)  # a tenth of 569
    assert np.unique(weights * weight.mean()).tolist() == pytest.approx([1, 3])
    assert len(others) == 3


def test_metrics_without_weights_are_given_none(diabetes):
    X, y = diabetes
    model = clone(REGRESSOR).set_params(scoring="neg_max_error", early_stopping=True)
    weighted = clone(model).fit(X, y, np.ones(len(y))).validation_scores_
    assert weighted == pytest.approx(model.fit(X, y).validation_scores_)


def test_out_of_bag(cancer, diabetes):
    X, y = cancer
    names = np.array(["malignant", "benign"])[y]
    area = make_scorer(roc_auc_score, response_method="decision_function")
    for scoring in ("roc_auc", area):
        model = clone(CLASSIFIER).set_params(early_stopping="oob", scoring=scoring)
        model.fit(X, names)
        found = roc_auc_score(names, model.oob_decision_function_[:, 1])
        assert model.best_validation_score_ == pytest.approx(found)
    model = clone(REGRESSOR).set_params(scoring="neg_mean_absolute_error").fit(*diabetes)
    error = mean_absolute_error(diabetes[1], model.oob_prediction_)
    assert -model.best_validation_score_ == pytest.approx(error)


def test_a_callable_sees_the_estimator_as_it_would_be(cancer):
    X, y = cancer
    names, shown = np.array(["malignant", "benign"])[y], []

    def scorer(estimator, X, y):
        shown.append(estimator.coefs_[0])
        assert set(y) == set(estimator.classes_) == set(names)
        assert estimator.predict(X).shape == y.shape
        return len(shown)

    model = clone(CLASSIFIER).set_params(scoring=scorer, early_stopping="oob")
    model.fit(X, names)
    np.testing.assert_allclose(shown[-1], model.coefs_[0])
    given, validation = halves(X, names)
    model.set_params(early_stopping="auto").fit(*given, **validation)
    assert model.validation_scores_ == [5, 6, 7, 8]
    np.testing.assert_allclose(shown[-1], model.coefs_[0])
    assert not hasattr(clone(model), "coefs_")


def test_training_stops_when_the_score_stays(cancer):
    given, validation = halves(*cancer)
    model = clone(CLASSIFIER).set_params(
        scoring=lambda estimator, X, y: 0.5, n_iter_no_change=2
    )
    model.fit(*given, **validation)
    assert (model.n_iter_, model.stop_reason_) == (3, "early_stopping")


def test_what_is_no_score_is_refused(cancer):
    with pytest.raises(InvalidParameterError, match="'scoring' parameter"):
        clone(CLASSIFIER).set_params(scoring="acuracy").fit(*cancer)
    given, validation = halves(*cancer)
    model = clone(CLASSIFIER).set_params(scoring=lambda estimator, X, y: {"a": 1})
    with pytest.raises(TypeError, match="must return a number; it returned dict"):
        model.fit(*given, **validation)
    assert not hasattr(model, "coefs_")


def test_a_callable_does_not_travel_in_a_file(cancer, tmp_path):
    given, validation = halves(*cancer)
    model = clone(CLASSIFIER).set_params(scoring=lambda estimator, X, y: 0.5)
    model.fit(*given, **validation)
    with pytest.warns(UserWarning, match="scoring=.* cannot be written to a file"):
        save(model, tmp_path / "model")
    assert load(tmp_path / "model").scoring is None
    model.set_params(scoring="accuracy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(model, tmp_path / "model")
    assert load(tmp_path / "model").scoring == "accuracy"


@pytest.mark.parametrize(("stopped", "scoring"), [(True, "accuracy"), (False, None)])
def test_states_of_before_scoring_go_by_what_they_went_by(cancer, stopped, scoring):
    model = DirectClassifier(6, early_stopping=stopped, **FEW).fit(*cancer)
    state = model.__getstate__()
    del state["scoring"], state["_digests"]["scoring"]
    older = DirectClassifier.__new__(DirectClassifier)
    older.__setstate__(state)
    assert older.scoring == scoring
