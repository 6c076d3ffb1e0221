"""Prediction of arrays that need no validation, which is most of the time of one row."""

import numpy as np
import pandas as pd
import pytest

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.estimators import validation as _validation


@pytest.fixture
def validated(monkeypatch):
    """What scikit-learn's validation is given."""
    given, validate = [], _validation.validate_data

    def seeing(estimator, X, *args, **settings):
        given.append(X)
        return validate(estimator, X, *args, **settings)

    monkeypatch.setattr(_validation, "validate_data", seeing)
    return given


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_valid_arrays_are_not_validated_again(digits, validated, dtype):
    X, y = digits
    model = SpectralClassifier(9, max_iter=2, random_state=0).fit(X, y)
    validated.clear()
    row = X[:1].astype(dtype)
    found = model.predict_proba(row), model.predict(row)
    assert not validated
    expected = model.predict_proba([*map(list, row)]), model.predict(row.tolist())
    assert len(validated) == 2
    np.testing.assert_allclose(
        found[0], expected[0], rtol=1e-5 if dtype == np.float32 else 0
    )
    np.testing.assert_array_equal(found[1], expected[1])


def test_what_is_not_valid_is_refused(diabetes):
    X, y = diabetes
    model = SpectralRegressor(9, max_iter=2, random_state=0).fit(X, y)
    for wrong, message in [
        (X[:1, :-1], "has 9 features, but SpectralRegressor is expecting 10"),
        (X[0], "Expected 2D array"),
        (X[:0], "Found array with 0 sample"),
        (np.full((1, 10), np.nan), "Input X contains NaN"),
        (np.full((1, 10), np.inf), "Input X contains infinity"),
        (X[:1].astype(complex), "Complex data not supported"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.predict(wrong)
    whole = np.ones((1, 10), int)
    np.testing.assert_array_equal(model.predict(whole), model.predict(whole.astype(float)))


def test_arrays_where_names_are_known_are_warned_of(diabetes):
    X, y = diabetes
    frame = pd.DataFrame(X, columns=[f"x{n}" for n in range(10)])
    model = SpectralRegressor(9, max_iter=2, random_state=0).fit(frame, y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        found = model.predict(X[:1])
    np.testing.assert_allclose(found, model.predict(frame[:1]), rtol=1e-12)
