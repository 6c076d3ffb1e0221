"""What ONNX models say of how sure they are, and of targets that are no plain numbers."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.export import to_onnx

FEW = {"max_iter": 10, "random_state": 0}
X, Y = load_diabetes(return_X_y=True)
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def run(model, rows, **how):
    session = onnxruntime.InferenceSession(
        to_onnx(model, rows, **how).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"X": rows}), strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"loss": "poisson"},
        {"loss": "gamma"},
        {"loss": "quantile", "quantile": 0.8},
        {"loss": "quantile", "quantile": LEVELS},
    ],
)
def test_predictions_and_intervals(how, n_outputs, dtype):
    y = np.stack([Y, np.sqrt(Y)], axis=1)[:, :n_outputs]
    rows = X.astype(dtype)
    model = SpectralRegressor(8, **how, **FEW).fit(rows, y)
    for coverage in (0.5, 0.9):
        found = run(model, rows, coverage=coverage)
        expected = model.predict(rows).reshape(len(X), -1)
        np.testing.assert_allclose(found["variable"], expected, rtol=1e-4, atol=1e-2)
        low, high = np.moveaxis(model.predict_interval(rows, coverage), -1, 0)
        np.testing.assert_allclose(found["lower"], low, rtol=1e-4, atol=1e-2)
        np.testing.assert_allclose(found["upper"], high, rtol=1e-4, atol=1e-2)
        assert found["lower"].dtype == dtype


@pytest.mark.parametrize("kind", ["ten classes", "two classes", "several labels"])
def test_labels_and_sets(kind):
    digits, y = load_digits(return_X_y=True)
    y = {"ten classes": y, "two classes": y % 2, "several labels": np.eye(10, dtype=int)[y]}
    pipeline = make_pipeline(StandardScaler(), SpectralClassifier(10, **FEW))
    pipeline.fit(digits, y[kind])
    found = run(pipeline, digits, coverage=0.9)
    np.testing.assert_array_equal(found["label"], pipeline.predict(digits))
    shares = pipeline.predict_proba(digits)
    np.testing.assert_allclose(found["probabilities"], shares, atol=1e-5)
    model, rows = pipeline[-1], pipeline[:-1].transform(digits)
    # A probability may be at the limit up to rounding.
    assert (found["set"] == model.predict_set(rows, 0.9)).mean() > 0.999
    assert found["set"].any(axis=1).all() or kind == "several labels"


def test_of_a_search_and_what_has_no_coverage():
    search = GridSearchCV(SpectralRegressor(5, **FEW), {"alpha": [0.0, 1.0]}, cv=2)
    assert "upper" in run(search.fit(X, Y), X, coverage=0.8)
    alone = SpectralRegressor(5, n_members=1, early_stopping=False, **FEW).fit(X, Y)
    with pytest.raises(AttributeError, match="coverage needs rows that did not train"):
        to_onnx(alone, X, coverage=0.8)
    with pytest.raises(ValueError, match=r"coverage=1\.5 must be a number above 0"):
        to_onnx(search, X, coverage=1.5)
    # So few rows that nothing can be promised.
    few = SpectralRegressor(5, loss="quantile", quantile=(0.1, 0.9), **FEW).fit(X, Y)
    found = run(few, X, coverage=0.9999)
    assert np.isneginf(found["lower"]).all()
    assert np.isposinf(found["upper"]).all()
    with pytest.raises(ValueError, match="leave zipmap and raw_scores out of options"):
        to_onnx(search, X, coverage=0.8, options={"raw_scores": True})
    with pytest.raises(ValueError, match="coverage needs target_opset=16 or newer; got 13"):
        to_onnx(search, X, coverage=0.8, target_opset=13)
    frame = pd.DataFrame(X[:, :2], columns=["age", "lower"])
    pipeline = make_pipeline(StandardScaler(), SpectralRegressor(5, **FEW)).fit(frame, Y)
    with pytest.raises(ValueError, match=r"columns of the same names: \['lower'\]"):
        to_onnx(pipeline, frame, coverage=0.8)
    with pytest.raises(TypeError, match="coverage is for estimators of sklearn_spectral"):
        to_onnx(LinearRegression().fit(X, Y), X, coverage=0.8)
