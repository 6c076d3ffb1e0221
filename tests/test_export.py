"""ONNX: the same labels and probabilities, alone and in pipelines."""

import builtins

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor
from sklearn_spectral.export import register_converters, to_onnx
from sklearn_spectral.pruning import SpectralPruner
from sklearn_spectral.spec.activations import ACTIVATIONS

FEW = {"max_iter": 3, "random_state": 0}


def run(model, X):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    given = {names[0]: X} if len(names) == 1 else {n: X[[n]].to_numpy() for n in names}
    return session.run(None, given)


LABELS = {
    "integers": lambda y: y,
    "strings": lambda y: y.astype(str),
    "objects": lambda y: np.array([f"é{label}" for label in y], object),
    "two strings": lambda y: np.where(y > 4, "yes", "no"),
    "two integers": lambda y: np.where(y > 4, 7, -7),
    "booleans": lambda y: y > 4,
    "floats": lambda y: np.where(y > 4, 2.0, -1.0),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", [SpectralClassifier, DirectClassifier])
def test_classifiers_agree(digits, kind, activation, labels, dtype):
    X, y = digits[0].astype(dtype), LABELS[labels](digits[1])
    model = kind(12, activation, linear_expansion=20, **FEW).fit(X, y)
    found, probabilities = run(to_onnx(model), X)
    expected = model.predict(X)
    assert found.tolist() == (expected * 1 if expected.dtype == bool else expected).tolist()
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_outputs", [None, 1, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", [SpectralRegressor, DirectRegressor])
def test_regressors_agree(diabetes, kind, activation, n_outputs, dtype):
    X, y = diabetes[0].astype(dtype), diabetes[1]
    y = y if n_outputs is None else np.column_stack([y] * n_outputs)
    model = kind(12, activation, linear_expansion=20, **FEW).fit(X, y)
    (found,) = run(to_onnx(model), X)
    assert found.shape == (len(X), n_outputs or 1)
    expected = model.predict(X).reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_linear_network_agrees(digits, fit_intercept):
    X, y = digits
    model = SpectralClassifier(
        (), linear_expansion=30, fit_intercept=fit_intercept, **FEW
    ).fit(X, y)
    found, probabilities = run(to_onnx(model), X)
    np.testing.assert_array_equal(found, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_a_pipeline_agrees(digits, dtype):
    X, y = (16 * digits[0]).astype(dtype), digits[1]
    network = SpectralClassifier(12, linear_expansion=20, **FEW)
    pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
    found, probabilities = run(to_onnx(pipeline, X), X)
    # A scaled number may round to another float32 than in numpy.
    assert (found == pipeline.predict(X)).mean() > 0.999
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(X), rtol=0, atol=1e-6)


def test_a_pipeline_without_data_takes_the_type_of_the_network(digits):
    X, y = digits
    pipeline = make_pipeline(StandardScaler(), SpectralClassifier(12, **FEW)).fit(X, y)
    found, probabilities = run(to_onnx(pipeline), X)
    np.testing.assert_array_equal(found, pipeline.predict(X))
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(X), rtol=0, atol=1e-6)


def test_a_pipeline_over_a_frame_with_categories_agrees():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=200),
            "age": rng.normal(size=200),
            "colour": rng.choice(["red", "green"], 200).astype(object),
        }
    )
    y = np.where(frame["size"] + (frame["colour"] == "red") > 0.5, "yes", "no")
    columns = make_column_transformer(
        (StandardScaler(), ["size", "age"]), (OneHotEncoder(), ["colour"])
    )
    pipeline = make_pipeline(columns, SpectralClassifier(12, **FEW)).fit(frame, y)
    found, probabilities = run(to_onnx(pipeline, frame), frame)
    assert found.tolist() == pipeline.predict(frame).tolist()
    np.testing.assert_allclose(
        probabilities, pipeline.predict_proba(frame), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    "wrap", [lambda p: p, lambda p: make_pipeline(StandardScaler(), p)]
)
def test_of_a_pruner_the_small_network_is_taken(digits, wrap):
    X, y = digits
    whole = wrap(SpectralPruner(SpectralClassifier(12, **FEW), n_nodes=5)).fit(X, y)
    model = to_onnx(whole, X)
    shapes = [list(value.dims) for value in model.graph.initializer]
    assert [64, 5] in shapes
    assert [64, 12] not in shapes
    np.testing.assert_array_equal(run(model, X)[0], whole.predict(X))


def test_ties_and_far_off_inputs_agree(digits):
    X, y = digits
    for labels in (y, y > 4):
        model = SpectralClassifier((), fit_intercept=False, **FEW).fit(X, labels)
        extreme = np.concatenate([np.zeros((1, 64)), 1e8 * X[:20], -1e8 * X[:20]])
        found, probabilities = run(to_onnx(model), extreme)
        assert found.tolist() == (model.predict(extreme) * 1).tolist()
        np.testing.assert_allclose(
            probabilities, model.predict_proba(extreme), rtol=0, atol=1e-6
        )


def test_options_of_skl2onnx_are_taken(digits):
    X, y = digits
    X = X.astype(np.float32)  # which is all that ONNX has dicts of
    model = SpectralClassifier(12, **FEW).fit(X, y.astype(str))
    found = run(to_onnx(model, X[:2], options={id(model): {"zipmap": True}}), X)
    assert set(found[1][0]) == set(model.classes_)
    assert to_onnx(model, target_opset=15).opset_import[0].version == 15


def test_skl2onnx_itself_can_be_used(digits):
    import skl2onnx

    register_converters()
    X, y = digits
    model = SpectralClassifier(12, **FEW).fit(X, y)
    converted = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})
    np.testing.assert_array_equal(run(converted, X)[0], model.predict(X))


def test_errors(digits, monkeypatch):
    X, y = digits
    model = SpectralClassifier(12, **FEW)
    with pytest.raises(NotFittedError):
        to_onnx(model)
    model.fit(X, y)
    model.classes_ = np.array([f"{n}".encode() for n in range(10)], object)
    with pytest.raises(ValueError, match="must be all integers or all strings"):
        to_onnx(model)
    model.classes_ = np.arange(10) / 2
    with pytest.raises(ValueError, match="would be changed"):
        to_onnx(model)
    model.classes_ = np.arange(10, dtype=np.uint64) + 2**63
    with pytest.raises(ValueError, match="would be changed"):
        to_onnx(model)
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("skl2onnx"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install \"sklearn-spectral\[onnx\]\""):
        to_onnx(clone(model).fit(X, y))


def test_frames_lists_and_searches(digits):
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel {n}" for n in range(64)])
    model = SpectralClassifier(12, **FEW).fit(frame, y)
    for given in (frame, X[:3].tolist()):
        np.testing.assert_array_equal(
            run(to_onnx(model, given), X)[0], model.predict(frame)
        )
    pruner = SpectralPruner(SpectralClassifier(12, **FEW), n_nodes=5)
    inner = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), pruner))
    search = GridSearchCV(inner, {"standardscaler__with_mean": [True, False]}, cv=2).fit(
        X, y
    )
    np.testing.assert_array_equal(run(to_onnx(search), X)[0], search.predict(X))


def test_the_name_of_a_file_is_no_input(digits):
    model = SpectralClassifier(5, max_iter=1, random_state=0).fit(*digits)
    with pytest.raises(TypeError, match="SerializeToString"):
        to_onnx(model, "digits.onnx")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden", [(), 9, (9, 8, 7)])
@pytest.mark.parametrize("activation", ["tanh", "elu"])
def test_populations_agree(digits, as_population, activation, hidden, dtype):
    X, y = digits[0].astype(dtype), digits[1]
    model = SpectralClassifier(hidden, activation, linear_expansion=None, max_iter=1)
    model = as_population(model.fit(X, y), 5)
    written = to_onnx(model)
    label, probabilities = run(written, X)
    np.testing.assert_array_equal(label, model.predict(X))
    close = 1e-6 if dtype == np.float32 else 1e-12
    expected = model.predict_proba(X)
    assert expected.max(axis=1).min() < 0.9
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=close)
    sizes = [np.prod(each.dims) for each in written.graph.initializer]
    assert sum(sizes) < sum(v.size for v in model._fitted.coefs) + 200
    assert len(run(written, X[:0])[1]) == 0
